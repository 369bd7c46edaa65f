"""The built-in trainers' specs: plain data, standard library only, so that anyone may read them."""

from trainers.contract import Objective, Parameter, TrainerSpec
from trainers.spec_llm import LLM

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
            low=1e-5,
            high=1e-2,
            log=True,
            description="Peak learning rate of AdamW.",
        ),
        Parameter(
            name="batch_size",
            kind="categorical",
            default=64,
            choices=(32, 64, 128, 256),
            description="Images per optimizer step.",
        ),
        Parameter(
            name="epochs",
            kind="int",
            default=5,
            low=1,
            high=100,
            description="Passes over the training images; a study's epochs_max bounds it.",
        ),
        Parameter(
            name="weight_decay",
            kind="float",
            default=0.01,
            low=0.0,
            high=0.5,
            searched=False,
            description="AdamW's weight decay.",
        ),
        Parameter(
            name="dropout",
            kind="float",
            default=0.2,
            low=0.0,
            high=0.7,
            searched=False,
            description="Share of features dropped before the last layer while training.",
        ),
        Parameter(
            name="dataset",
            kind="categorical",
            default="auto",
            choices=("auto", "mnist", "digits"),
            searched=False,
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
