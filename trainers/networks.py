"""The convolutional networks that the mnist trainer chooses from, and their optimizers."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU}
OPTIMIZERS = ("adamw", "sgd")

HALVINGS = 2
"""Layers that halve the image; digits of 8x8 have nothing left to halve after two."""

LARGEST = 4
"""Channels stop doubling at so many times the first layer's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """What a network is made of; `trainers.specs.MNIST` documents each field."""

    depth: int = 3
    width: int = 24
    kernel: int = 3
    activation: str = "relu"

    def __post_init__(self) -> None:
        if not (self.depth >= 1 and self.width >= 1):
            raise ValueError(f"depth and width must be positive: {self}")
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise ValueError(f"kernel must be odd, or the image would shrink: {self}")
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation is one of {', '.join(ACTIVATIONS)}: {self}")

    @property
    def channels(self) -> list[int]:
        """Of the image and then of each layer."""
        return [1, *(self.width * min(2**layer, LARGEST) for layer in range(self.depth))]


class Network(nn.Module):
    """Convolutions and one linear layer, any image size from 8x8 up; 56k parameters by default.

    Takes grey values, uint8 as they come or float, (count, height, width); gives logits
    (count, 10). Their mean and deviation are buffers, so the saved file needs no preprocessing.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        architecture: Architecture | None = None,
        *,
        dropout: float = 0.0,
        mean: float = 0.0,
        deviation: float = 1.0,
    ) -> None:
        super().__init__()
        self.architecture = architecture or Architecture()
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("deviation", torch.tensor(deviation))
        self.layers = nn.Sequential(
            *convolutions(self.architecture),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(4 * self.architecture.channels[-1], 10),
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.layers((images.unsqueeze(1).float() - self.mean) / self.deviation)


def convolutions(architecture: Architecture) -> Iterable[nn.Module]:
    """Returns the layers up to 2x2 pixels of each channel."""
    channels, last = architecture.channels, architecture.depth - 1
    for layer, (inputs, outputs) in enumerate(zip(channels, channels[1:], strict=False)):
        kernel = architecture.kernel
        yield nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        # Pooling first leaves normalization a quarter of the work.
        if layer == last:
            yield nn.AdaptiveMaxPool2d(2)
        elif layer < HALVINGS:
            yield nn.MaxPool2d(2)
        # Its statistics may move fast because the trainer averages them again: an epoch of digits
        # is only a few steps.
        yield nn.BatchNorm2d(outputs, momentum=0.3)
        yield ACTIVATIONS[architecture.activation]()


def make_optimizer(
    name: str, network: nn.Module, *, lr: float, weight_decay: float, momentum: float
) -> torch.optim.Optimizer:
    """Returns an optimizer of all parameters; `momentum` is for sgd alone."""
    if name == "sgd":
        return torch.optim.SGD(
            network.parameters(), lr, momentum=momentum, weight_decay=weight_decay, fused=True
        )
    return torch.optim.AdamW(network.parameters(), lr, weight_decay=weight_decay, fused=True)
