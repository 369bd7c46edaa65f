"""What a workspace says of itself, beside its studies."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class OrchestratorSign:
    """Who runs a workspace's studies, and when it last said so."""

    host: str
    pid: int
    version: str
    started_at: float
    alive_at: float
    settings: Mapping[str, str]
    """The settings that hold in this workspace, by their environment variable's name."""
    tracking: str = ""
    """Why the tracker takes nothing at present; empty while it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What the tracker has not got yet."""

    entries: int
    since: float | None
    """When the oldest of them was written; None where there are none."""
