"""Images of MNIST's size where there is no MNIST: scikit-learn's digits, enlarged to 28x28.

How fast a loop is depends on how many images there are and how large, not on what they show; how
accurate it gets does, so nothing but time may be read from them.
"""

from itertools import cycle, islice
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from trainers.data import IDX_FILES

SIDE = 28
"""Pixels; MNIST's."""

TESTED = 100
"""Test images written; no training reads them."""


def write(data_dir: Path, count: int) -> None:
    """Fills MNIST's place in the folder with so many images, of which a sixth is for validation."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    small = torch.tensor(digits.images).unsqueeze(1).float()
    grey = F.interpolate(small, SIDE, mode="bilinear").squeeze(1) * (255 / 16)
    images = grey.to(torch.uint8).numpy()
    labels = digits.target.astype(np.uint8)

    raw = data_dir / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, size in (("train", count), ("test", TESTED)):
        chosen = list(islice(cycle(range(len(labels))), size))
        for name, values in zip(IDX_FILES[part], (images, labels), strict=True):
            (raw / name).write_bytes(idx(values[chosen]))


def idx(values: np.ndarray) -> bytes:
    """The values as an idx file of bytes."""
    shape = np.array(values.shape, ">u4")
    return bytes([0, 0, 8, values.ndim]) + shape.tobytes() + values.tobytes()
