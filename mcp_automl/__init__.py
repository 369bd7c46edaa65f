"""Tune a real model from a chat client: studies that outlive the chat and never overspend."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcp_automl.api import SearchSpace, StudyConfig, Tuned, tune

__version__ = "0.1.0"
__all__ = ["SearchSpace", "StudyConfig", "Tuned", "__version__", "tune"]


def __getattr__(name: str) -> object:
    # Only when asked for: a server's first answer must not wait for what scripts use.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("mcp_automl.api"), name)
