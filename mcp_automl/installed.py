"""Which packages that are not always there can be imported; looked for, never imported."""

from importlib.util import find_spec


def has_torch() -> bool:
    """Whether PyTorch is installed, which a Gaussian process needs."""
    return find_spec("torch") is not None
