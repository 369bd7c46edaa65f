"""What a trainer is: a frozen `Config` and a generator of measurements, standard library only.

A trainer is a module with

- `Config`, a frozen dataclass whose fields are the parameters its `TrainerSpec` declares,
- `train(config, context) -> Iterator[Measurement]`, which yields once after each epoch,
- for a trainer of somebody's own `SPEC`, its `TrainerSpec`; it may then leave `Config` out and gets
  a namespace of the declared parameters, and
- optionally `prepare(data_dir) -> Prepared`, run once per study before its first trial, which
  fetches the data and says which data set every trial of that study shall use. It may take more
  arguments, named like parameters and with defaults: what a study fixes of these is passed to it.
- optionally `package(workdir, data_dir) -> Package`, run in a process of its own after a study's
  end, which loads the best model for whoever keeps models; without it the file alone is kept.

The rules of `train`:

- Before it yields epoch `k` it has saved a checkpoint holding everything that training needs to go
  on (model, optimizer, schedule, random state) *and that epoch's measurement*, because a `finally`
  never runs under `kill -9`. Checkpoints live in `context.workdir`.
- Called with `context.resume_from`, it yields that checkpoint's measurement first and goes on from
  there; whoever reads the measurements ignores a repeated epoch.
- Being closed at a `yield` means *stop*.
- With `context.final` it learns from training *and* validation data, is judged on test data that no
  trial has seen, and measures its spec's `final_objective` in place of the objective.
- It prints nothing to stdout, which may be somebody's protocol; it logs with `logging`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

GPUS = (0, 0.5, 1, 2)
"""What a training may take of a machine's GPUs."""
GPUS_IN_WORDS = "0, 0.5, 1 or 2"

Value: TypeAlias = float | int | str | bool | None
"""What one parameter can be set to."""


class Interrupted(Exception):
    """Raised by a trainer whose training was ended from outside, and may be tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What is known after one finished epoch."""

    epoch: int
    """1-based number of the epoch that has just finished."""
    metrics: Mapping[str, float]
    """Every metric of this epoch, the objective among them; fractions, not percentages."""
    seconds: float
    """How long this epoch took, evaluation and checkpoint included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Where and on what one training runs; only `seed` and `final` change what is learned."""

    workdir: Path
    """This training's own folder: checkpoints and `model.safetensors` go here."""
    data_dir: Path
    """Where data sets are kept between studies."""
    device: str = "cpu"
    """A torch device: `cpu`, `cuda` (the only GPU this process can see, or one of the two that
    `TrainerSpec.gpus` asks for) or `mps`."""
    threads: int = 1
    """How many CPU threads this training may use."""
    seed: int = 0
    """Seeds the initial weights and the order of the data."""
    resume_from: Path | None = None
    """The checkpoint of the last finished epoch, or None to begin at epoch 1."""
    final: bool = False
    """Whether to train on training and validation data together; what is then reported is the
    spec's `final_objective`, measured on data that no trial has seen, in place of the objective."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What `prepare` found out: the same for every trial of one study."""

    arguments: Mapping[str, Value]
    """`Config` fields that every trial of the study gets, such as `{"dataset": "digits"}`."""
    description: str
    """One phrase that names the data honestly, such as `MNIST, 50000 train / 10000 validation`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A trained model as others can use it."""

    model: Any
    """A `torch.nn.Module`, ready to be judged."""
    example: Any
    """An input for it: an array of a few examples, or a text for a model that has a tokenizer."""
    output: Any = None
    """What the model makes of it, as an array."""
    tokenizer: Any = None
    """A language model's, of `transformers`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """A metric to be made large or small."""

    name: str
    direction: Literal["maximize", "minimize"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One thing that can be tuned.

    `low`, `high` and `choices` are the widest that anybody may ask for; `search_...` say what is
    searched where nobody asks for anything else. Raises ValueError for what contradicts itself.
    """

    name: str
    kind: Literal["float", "int", "categorical", "text"]
    """A text is a name or a path: only the operator's configuration sets it."""
    default: Value
    description: str
    """One sentence for whoever chooses a value."""
    low: float | None = None
    """Smallest value, inclusive; None for what is no number."""
    high: float | None = None
    """Largest value, inclusive; None for what is no number."""
    log: bool = False
    """Whether equal ratios, rather than equal differences, matter equally."""
    step: int = 1
    """Spacing of an integer parameter's values, counted from `low`."""
    choices: tuple[Value, ...] = ()
    """The values of a categorical parameter."""
    in_default_space: bool = True
    """Whether it belongs to the space that is searched when nobody says otherwise."""
    searchable: bool = True
    """False for what can be set, but makes trials incomparable, such as the data set."""
    search_low: float | None = None
    """Where the range that is searched begins; None for `low`."""
    search_high: float | None = None
    """Where the range that is searched ends; None for `high`."""
    search_choices: tuple[Value, ...] = ()
    """What is searched in place of a range, or of all choices: `(32, 64, 128, 256)`."""
    when: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    """Other parameters, each with the values under which this one has any effect; all must hold.
    Where one does not, it is left out of a trial and `Config` supplies its default."""

    def __post_init__(self) -> None:
        if self.kind == "text":
            valid = isinstance(self.default, str) and not self.in_default_space
        elif self.in_default_space and not self.searchable:
            valid = False
        elif self.kind == "categorical":
            valid = self.default in self.choices and set(self.search_choices) <= set(self.choices)
        else:
            numbers = (self.search_low, self.search_high, self.default, *self.search_choices)
            valid = all(number is None or self._reaches(number) for number in numbers)
        if not valid:
            raise ValueError(f"parameter {self.name}: a value lies outside what it allows: {self}")

    def _reaches(self, number: Value) -> bool:
        is_number = isinstance(number, int | float) and not isinstance(number, bool)
        if not is_number or self.low is None or self.high is None:
            return False
        return self.low <= number <= self.high  # type: ignore[operator]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerSpec:
    """All that can be known of a trainer without importing what it trains with."""

    name: str
    module: str = ""
    """Where `Config`, `train` and perhaps `prepare` are, such as `trainers.mnist`; empty for a
    spec that stands beside them."""
    description: str
    objectives: tuple[Objective, ...]
    """The first is the one that a study optimizes by default."""
    parameters: tuple[Parameter, ...]
    """Everything `Config` lets one tune. `epochs` is the one that a study's `epochs_max` bounds."""
    final_objective: Objective | None = None
    """What a training with `Context.final` reports; None for a trainer that knows no such thing."""
    requires: tuple[str, ...] = ()
    """Modules that must be importable for it to run, such as `torch`."""
    extra: str | None = None
    """The extra of `mcp-automl` that installs `requires`."""
    preload: tuple[str, ...] = field(default=())
    """Modules that a worker's parent process imports once so that no trial pays for it."""
    gpu_memory_gb: float = 1.0
    """GPU memory that one training is expected to need until it has been measured, in GiB."""
    trial_stall_timeout_s: float | None = None
    """Seconds without any sign of work after which a training is ended and tried again; a long
    epoch is no stall. None for what the workspace's settings say."""
    trial_timeout_s: float | None = None
    """Seconds after which a training is ended as failed; None for what the settings say."""
    gpus: float | None = None
    """What each training takes: 0 for the CPU even where there are GPUs, 0.5 for half of a GPU
    beside one other such training, 1 for a whole one, 2 for two. None for a slot's usual share."""
    cpu_cores: int | None = None
    """How many cores each training takes, and so its threads; None for a slot's usual share."""

    def __post_init__(self) -> None:
        if self.gpus is not None and self.gpus not in GPUS:
            raise ValueError(f"trainer {self.name}: gpus is {GPUS_IN_WORDS}, not {self.gpus!r}")
        if self.cpu_cores is not None and not (type(self.cpu_cores) is int and self.cpu_cores > 0):
            raise ValueError(
                f"trainer {self.name}: cpu_cores is a whole number from 1 on, not "
                f"{self.cpu_cores!r}"
            )
        names = [parameter.name for parameter in self.parameters]
        if len(set(names)) != len(names):
            raise ValueError(f"trainer {self.name}: a parameter is declared twice: {names}")
        for parameter in self.parameters:
            unknown = parameter.when.keys() - set(names)
            if unknown:
                raise ValueError(f"{parameter.name} depends on {sorted(unknown)}, not declared")
