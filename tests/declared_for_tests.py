"""A trainer's parameters of every kind, to ask for in search spaces."""

from mcp_automl.domain.declared import Declared
from mcp_automl.domain.space import Categorical, Float, Int

LR = Declared(
    name="lr",
    widest=Float(low=1e-6, high=1.0, log=True),
    searched=Float(low=1e-5, high=1e-2, log=True),
    default=1e-3,
    description="Learning rate.",
)
BATCH = Declared(
    name="batch_size",
    widest=Int(low=1, high=4096),
    searched=Categorical(choices=(32, 64, 128)),
    default=64,
    description="Images a step.",
)
EPOCHS = Declared(
    name="epochs",
    widest=Int(low=1, high=10_000),
    searched=Int(low=1, high=10_000),
    default=5,
    description="Passes.",
)
DROPOUT = Declared(
    name="dropout",
    widest=Float(low=0.0, high=0.7),
    searched=Float(low=0.0, high=0.7),
    default=0.2,
    description="Share.",
    in_default_space=False,
)
KERNEL = Declared(
    name="kernel",
    widest=Int(low=1, high=9, step=2),
    searched=Int(low=3, high=7, step=2),
    default=3,
    description="Pixels.",
    in_default_space=False,
)
OPTIMIZER = Declared(
    name="optimizer",
    widest=Categorical(choices=("adamw", "sgd", "none")),
    searched=Categorical(choices=("adamw", "sgd")),
    default="adamw",
    description="What moves the weights.",
    in_default_space=False,
)
MOMENTUM = Declared(
    name="momentum",
    widest=Float(low=0.0, high=0.99),
    searched=Float(low=0.5, high=0.99),
    default=0.9,
    description="For sgd.",
    in_default_space=False,
    when={"optimizer": ("sgd",)},
)
SKIP = Declared(
    name="skip",
    widest=Categorical(choices=(True, False)),
    searched=Categorical(choices=(True, False)),
    default=False,
    description="Whether to skip.",
    in_default_space=False,
)
DATASET = Declared(
    name="dataset",
    widest=Categorical(choices=("auto", "digits")),
    searched=None,
    default="auto",
    description="The data.",
    in_default_space=False,
)
MODEL = Declared(
    name="model",
    widest=None,
    searched=None,
    default="tiny",
    description="A name or a path.",
    in_default_space=False,
)
ALL = (LR, BATCH, EPOCHS, DROPOUT, KERNEL, OPTIMIZER, MOMENTUM, SKIP, DATASET, MODEL)
