"""Jobs as values: what one needs, where it runs, what it says, and what is kept of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from mcp_automl.domain.events import Outcome
from mcp_automl.domain.space import Params
from mcp_automl.domain.study import Measurement

HEARTBEAT_SECONDS = 5.0
"""How often a job shows that it lives, at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a job asks of a slot."""

    gpu_memory_gb: float = 0.0
    alone: bool = False
    """Whether nothing else may use the device."""
    trainer: str = ""
    """Whose measured peak counts in place of `gpu_memory_gb` once there is one."""
    gpus: float | None = None
    """0, 0.5, 1 or 2: none, half of one, whole ones; None for a slot's usual share."""
    cpu_cores: int | None = None
    """None for a slot's usual share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """The right to run one job on a device, or on a share of one."""

    id: str
    device: str
    """As the trainer's library names it in the worker: `cpu`, `cuda`, `mps`."""
    label: str
    """As people name it: `cuda:0`, `cpu`; `cuda:0+cuda:1` for two at once."""
    threads: int
    usd_per_hour: float
    shared: bool = False
    """Whether other jobs may use the same device."""
    visible_device: str | None = None
    """The GPU's UUID, the only one its job may see, or those of two; None for the CPU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSlot:
    """Why no slot is free for this need now."""

    reason: str
    ours: bool = field(default=False, compare=False)
    """Whether nothing but jobs of ours is in the way: it comes free when they end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerRef:
    """Where a trainer's code is, and what is known of its trainings."""

    name: str
    module: str
    """To be imported, such as `trainers.mnist`, or a file that ends in `.py`."""
    options: Mapping[str, object] = field(default_factory=dict)
    """What the module's `bind` makes a trainer of; empty for a module that is one itself."""
    gpu_memory_gb: float = 1.0
    trial_stall_timeout_s: float | None = None
    """As in `Limits`, for this trainer; None for what holds for all."""
    trial_timeout_s: float | None = None
    gpus: float | None = None
    """As in `Need`."""
    cpu_cores: int | None = None

    def need(self, *, alone: bool = False) -> Need:
        """What one of its jobs asks of a slot."""
        return Need(
            gpu_memory_gb=self.gpu_memory_gb,
            alone=alone,
            trainer=self.name,
            gpus=self.gpus,
            cpu_cores=self.cpu_cores,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a trial may go on."""

    stall_s: float = 900.0
    """Seconds without a sign of life, or of work, after which a job has stalled."""
    trial_s: float | None = None
    """Seconds that a trial may train, all its attempts together; None for no limit."""

    @property
    def heartbeat_s(self) -> float:
        """How often a job must show that it lives."""
        return min(HEARTBEAT_SECONDS, self.stall_s / 4)

    def of(self, trainer: TrainerRef) -> "Limits":
        """What holds for that trainer: its own limits go before these."""
        stall, trial = trainer.trial_stall_timeout_s, trainer.trial_timeout_s
        return Limits(
            stall_s=self.stall_s if stall is None else stall,
            trial_s=self.trial_s if trial is None else trial,
        )


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
    trained_s: float = 0.0
    """How long earlier attempts at the same trial have trained."""
    final: bool = False
    """Whether it trains on training and validation data together."""


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
    at: float | None = field(default=None, compare=False)
    """When the process was gone, in monotonic seconds; None for when this is heard."""


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
