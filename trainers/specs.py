"""The built-in trainers' specs: plain data, standard library only, so that anyone may read them."""

from trainers.contract import Objective, Parameter, TrainerSpec
from trainers.spec_llm import LLM

ARCHITECTURE = (
    Parameter(
        name="depth",
        kind="int",
        default=3,
        low=1,
        high=6,
        search_high=5,
        in_default_space=False,
        description="Convolutional layers.",
    ),
    Parameter(
        name="width",
        kind="int",
        default=24,
        low=2,
        high=256,
        search_low=8,
        search_high=64,
        log=True,
        in_default_space=False,
        description="Channels of the first layer; each of the next two has twice as many.",
    ),
    Parameter(
        name="kernel",
        kind="int",
        default=3,
        low=1,
        high=7,
        search_low=3,
        step=2,
        in_default_space=False,
        description="Width of the convolutions in pixels, an odd number.",
    ),
    Parameter(
        name="activation",
        kind="categorical",
        default="relu",
        choices=("relu", "gelu", "silu"),
        in_default_space=False,
        description="The function between the layers.",
    ),
    Parameter(
        name="optimizer",
        kind="categorical",
        default="adamw",
        choices=("adamw", "sgd"),
        in_default_space=False,
        description="What moves the weights.",
    ),
    Parameter(
        name="momentum",
        kind="float",
        default=0.9,
        low=0.0,
        high=0.99,
        search_low=0.5,
        when={"optimizer": ("sgd",)},
        in_default_space=False,
        description="Share of its last step that sgd takes again.",
    ),
    Parameter(
        name="augmentation",
        kind="categorical",
        default="none",
        choices=("none", "shift", "affine"),
        in_default_space=False,
        description="Whether training images are shifted a little, or also turned and scaled.",
    ),
)
"""What mnist's network is made of, and what moves its weights."""

MNIST = TrainerSpec(
    name="mnist",
    module="trainers.mnist",
    description="Handwritten digits with a small convolutional network.",
    objectives=(Objective(name="val_accuracy", direction="maximize"),),
    parameters=(
        Parameter(
            name="lr",
            kind="float",
            default=1e-3,
            low=1e-6,
            high=1.0,
            search_low=1e-5,
            search_high=1e-2,
            log=True,
            description="Peak learning rate; sgd wants ten times as much as adamw.",
        ),
        Parameter(
            name="batch_size",
            kind="int",
            default=64,
            low=1,
            high=4096,
            search_choices=(32, 64, 128, 256),
            description="Images per optimizer step.",
        ),
        Parameter(
            name="epochs",
            kind="int",
            default=5,
            low=1,
            high=10_000,
            description="Passes over the training images; a study's epochs_max bounds it.",
        ),
        Parameter(
            name="weight_decay",
            kind="float",
            default=0.01,
            low=0.0,
            high=0.5,
            in_default_space=False,
            description="Weight decay, as AdamW means it or as sgd does.",
        ),
        Parameter(
            name="dropout",
            kind="float",
            default=0.2,
            low=0.0,
            high=0.7,
            in_default_space=False,
            description="Share of features dropped before the last layer while training.",
        ),
        *ARCHITECTURE,
        Parameter(
            name="dataset",
            kind="categorical",
            default="auto",
            choices=("auto", "mnist", "digits"),
            in_default_space=False,
            searchable=False,
            description="MNIST where it can be had, else 8x8 digits; or one of the two by name.",
        ),
    ),
    requires=("torch", "safetensors", "sklearn"),
    extra="mnist",
    preload=("trainers.mnist",),
    gpu_memory_gb=1.0,
)

__all__ = ["BUILT_IN", "LLM", "MNIST"]

BUILT_IN = (MNIST, LLM)
