"""Packages that may be installed or not; none is imported for the answer."""

from importlib.util import find_spec


def has_torch() -> bool:
    """Whether there can be a Gaussian process."""
    return find_spec("torch") is not None
