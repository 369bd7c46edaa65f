"""Images moved a little, so that no epoch sees the same ones twice."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

KINDS = ("none", "shift", "affine")

SHIFT = 0.1
"""Share of the image's size that a digit is moved by at most, in each direction."""

DEGREES = 12.0
"""How far `affine` turns a digit at most; more would confuse 6 with 9 sooner than help."""

SCALING = 0.1
"""By how much `affine` enlarges or shrinks a digit at most."""


def augmented(images: Tensor, kind: str) -> Tensor:
    """Moves each image (count, height, width) by chance; `none` draws nothing and returns them.

    What comes into sight is black, as the background of both data sets is.
    """
    if kind == "none":
        return images
    count, height, width = images.shape
    size = [count, 1, height, width]
    grid = F.affine_grid(_transforms(images, kind), size, align_corners=False)
    moved = F.grid_sample(images.unsqueeze(1).float(), grid, align_corners=False)
    return moved.squeeze(1)


def _transforms(images: Tensor, kind: str) -> Tensor:
    """Returns one 2x3 matrix per image, in coordinates that reach from -1 to 1."""
    draws = torch.rand(len(images), 4, device=images.device) * 2 - 1
    strength = 1.0 if kind == "affine" else 0.0
    angle = draws[:, 0] * math.radians(DEGREES) * strength
    scale = 1 + draws[:, 1] * SCALING * strength
    shift = draws[:, 2:] * SHIFT * 2
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    rows = (torch.stack([cosine, -sine], 1), torch.stack([sine, cosine], 1))
    turned = torch.stack(rows, 1)
    return torch.cat([turned, shift.unsqueeze(2)], 2)
