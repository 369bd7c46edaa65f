"""Where the digits come from: MNIST if it is here or can be downloaded, else scikit-learn's digits.

Whatever the source, a data set is converted once into `<data_dir>/<name>-1.safetensors`, already
split. A trial then opens one file and needs neither torchvision nor scikit-learn, whose imports
cost more than a second of CPU each. The split is part of the file, so it is the same for every
trial and seed, and the test part is read by nobody who does not ask for it.

Downloading happens in a child process with a time limit, in a folder that is deleted in any case:
a failed download leaves nothing behind.
"""

import logging
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import torch
from safetensors import safe_open
from safetensors.numpy import save

from trainers.fetching import make_once, run

TITLES = {"mnist": "MNIST", "digits": "digits 8x8 of scikit-learn"}
"""What a data set is called wherever a result is reported."""

FORMAT = 1
"""Changes when splits or keys change, so that an older file is not taken for a new one."""

PROBE_SECONDS = 5.0
"""How long to wait for any answer from MNIST's server before taking the machine to be offline."""

DOWNLOAD_SECONDS = 180.0
"""How long the download of 11 MB may take."""

IDX_FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}

_PROBE = """
import sys, urllib.request
urllib.request.urlopen(urllib.request.Request(sys.argv[1], method="HEAD")).close()
"""
_PROBE_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/t10k-labels-idx1-ubyte.gz"

_DOWNLOAD = """
import socket, sys
socket.setdefaulttimeout(10)
from torchvision.datasets import MNIST
MNIST(sys.argv[1], download=True)
"""

Part: TypeAlias = Literal["train", "validation", "test"]
Download: TypeAlias = Callable[[Path], None]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """Images and what they show."""

    images: torch.Tensor
    """Grey values as they come, uint8, (count, height, width)."""
    labels: torch.Tensor
    """The digit of each image, int64, (count,)."""

    def to(self, device: str) -> "Examples":
        return Examples(images=self.images.to(device), labels=self.labels.to(device))


def load(data_dir: Path, name: str, part: Part) -> Examples:
    """Returns one part of a data set that `prepare` has prepared."""
    with safe_open(_path(data_dir, name), framework="pt") as file:
        images, labels = (file.get_tensor(f"{part}.{key}") for key in ("images", "labels"))
    return Examples(images=images, labels=labels.long())


def parts(data_dir: Path, name: str, *, final: bool) -> tuple[Examples, Examples]:
    """Returns what is trained on and what that is judged by.

    Finally, validation examples are trained on, too, and the test examples judge.
    """
    training, validation = (load(data_dir, name, part) for part in ("train", "validation"))
    if not final:
        return training, validation
    images = torch.cat([training.images, validation.images])
    labels = torch.cat([training.labels, validation.labels])
    return Examples(images=images, labels=labels), load(data_dir, name, "test")


def describe(data_dir: Path, name: str, note: str = "") -> str:
    """Returns title, note and sizes, such as `MNIST, 50000 train / 10000 validation`."""
    with safe_open(_path(data_dir, name), framework="pt") as file:
        train, validation = (
            file.get_slice(f"{part}.labels").get_shape()[0] for part in ("train", "validation")
        )
    return f"{TITLES[name]}{note}, {train} train / {validation} validation"


def prepare(data_dir: Path, dataset: str, download: Download | None = None) -> str:
    """Makes a data set ready to be loaded and returns its name; only the first call takes long.

    Args:
        data_dir: Created if missing. MNIST in torchvision's own layout (`MNIST/raw`) is found here.
        dataset: A name, or `auto` for MNIST where it can be had and digits elsewhere.
        download: Fills a folder with MNIST in torchvision's layout, or raises `OSError`.

    Raises:
        ValueError: there is no data set of that name.
        FileNotFoundError: MNIST was asked for by name and cannot be had; nothing replaces it.
    """
    if dataset not in ("auto", *TITLES):
        raise ValueError(f"dataset is one of auto, {', '.join(TITLES)}; not {dataset!r}")
    if dataset != "digits":
        try:
            _ensure(data_dir, "mnist", lambda: _read_mnist(data_dir, download or download_mnist))
            return "mnist"
        except OSError as error:
            if dataset == "mnist":
                raise FileNotFoundError(
                    f"MNIST is not in {data_dir} and could not be downloaded ({error}). Connect to "
                    f"the internet, or put its four idx files into {data_dir / 'MNIST' / 'raw'}, "
                    "or choose the data set digits, which needs no download."
                ) from error
            logger.warning("MNIST could not be downloaded (%s); using digits instead", error)
    _ensure(data_dir, "digits", _read_digits)
    return "digits"


def download_mnist(folder: Path) -> None:
    """Downloads MNIST into a folder through torchvision, which checks every file's md5.

    Raises:
        OSError: it could not be downloaded within the time allowed; the reason is its message.
    """
    run(["-c", _PROBE], _PROBE_URL, seconds=PROBE_SECONDS)
    run(["-c", _DOWNLOAD], str(folder), seconds=DOWNLOAD_SECONDS)


def _path(data_dir: Path, name: str) -> Path:
    return data_dir / f"{name}-{FORMAT}.safetensors"


def _ensure(data_dir: Path, name: str, read: Callable[[], dict[str, np.ndarray]]) -> None:
    def content() -> bytes:
        return save({key: np.ascontiguousarray(value) for key, value in read().items()})

    make_once(_path(data_dir, name), content)


def _read_mnist(data_dir: Path, download: Download) -> dict[str, np.ndarray]:
    try:
        return _read_raw(data_dir)
    except OSError as error:
        logger.info("downloading MNIST, since there is none here yet (%s)", error)
    for left_by_a_killed_process in data_dir.glob("download-*"):
        shutil.rmtree(left_by_a_killed_process, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=data_dir, prefix="download-") as folder:
        download(Path(folder))
        return _read_raw(Path(folder))


def _read_raw(folder: Path) -> dict[str, np.ndarray]:
    (images, labels), (test_images, test_labels) = (
        [_read_idx(folder / "MNIST" / "raw" / name) for name in IDX_FILES[part]]
        for part in ("train", "test")
    )
    # MNIST's training images come shuffled; by custom the last sixth is the validation part.
    cut = len(images) - len(images) // 6
    return {
        "train.images": images[:cut],
        "train.labels": labels[:cut],
        "validation.images": images[cut:],
        "validation.labels": labels[cut:],
        "test.images": test_images,
        "test.labels": test_labels,
    }


def _read_idx(path: Path) -> np.ndarray:
    # Four bytes (0, 0, type, dimensions), each dimension as a big-endian int32, then the values.
    content = path.read_bytes()
    if content[:3] != b"\0\0\x08":
        raise OSError(f"{path} is not an idx file of bytes")
    dimensions = content[3]
    shape = np.frombuffer(content, ">u4", count=dimensions, offset=4)
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions)
    if values.size != shape.prod():
        raise OSError(f"{path} is incomplete")
    return values.reshape(shape)


def _read_digits() -> dict[str, np.ndarray]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    # RandomState and not default_rng: its stream is frozen, so this split is the same for ever.
    order = np.random.RandomState(0).permutation(len(digits.images))
    held_out = len(order) // 5
    parts = {
        "train": order[: -2 * held_out - 1],
        "validation": order[-2 * held_out - 1 : -held_out - 1],
        "test": order[-held_out - 1 :],
    }
    return {
        f"{part}.{key}": values[where].astype(np.uint8)
        for part, where in parts.items()
        for key, values in (("images", digits.images), ("labels", digits.target))
    }
