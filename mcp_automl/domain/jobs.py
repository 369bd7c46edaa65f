"""Jobs as values: what one needs, where it runs, what it says, and what is kept of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from mcp_automl.domain.events import Outcome
from mcp_automl.domain.space import Params
from mcp_automl.domain.study import Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a job asks of a slot."""

    gpu_memory_gb: float = 0.0
    alone: bool = False
    """Whether nothing else may use the device."""
    trainer: str = ""
    """Whose measured peak counts in place of `gpu_memory_gb` once there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """The right to run one job on a device, or on a share of one."""

    id: str
    device: str
    """As the trainer's library names it in the worker: `cpu`, `cuda`, `mps`."""
    label: str
    """As people name it: `cuda:0`, `cpu`."""
    threads: int
    usd_per_hour: float
    shared: bool = False
    """Whether other jobs may use the same device."""
    visible_device: str | None = None
    """The GPU's UUID, the only one its job may see; None for the CPU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSlot:
    """Why no slot is free for this need now."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerRef:
    """Where a trainer's code is."""

    name: str
    module: str
    gpu_memory_gb: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One training to be run in a slot."""

    trainer: TrainerRef
    params: Params
    """Everything the trainer's `Config` gets."""
    workdir: Path
    data_dir: Path
    seed: int
    log: Path
    """Where the process's stdout and stderr go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The data set a study will use."""

    arguments: Params
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A job's last word, or what its silence meant."""

    outcome: Outcome
    reason: str = ""


Word: TypeAlias = Measurement | Ended
"""What comes from a job: measurements, each of which wants a reply, and then one `Ended`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessRef:
    """A worker's process, told apart from a later one with the same pid."""

    pid: int
    """Also its process group."""
    started: float
    """The process's start time as the operating system gives it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStart:
    """What is known of an attempt before its first epoch."""

    trial: int
    slot: Slot
    process: ProcessRef
    at: float
    """Wall clock."""
