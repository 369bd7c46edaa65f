"""What a trainer declares of its parameters, and how each of them may be asked for."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mcp_automl.domain.space import Categorical, Condition, Float, Int, Parameter, Value
from mcp_automl.domain.study import Objective


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One parameter of a trainer."""

    name: str
    widest: Parameter | None
    """All that may be asked for; None for a text, a path or a name."""
    searched: Parameter | None
    """What is searched where nothing else is asked for; None for what can only be set."""
    default: Value
    """Its value in trials of which it is no parameter."""
    description: str
    in_default_space: bool = True
    when: Condition = field(default_factory=dict)
    """Where it has any effect."""
    permitted: Callable[[str], str] | None = None
    """The text that was asked for as trainers get it, if the operator's configuration allows it,
    else InvalidRequest; None where it allows nothing but the default."""

    @property
    def is_numeric(self) -> bool:
        return isinstance(self.widest, Float | Int)

    def form(self) -> str:
        """How it is written in a search space, in one line."""
        if self.widest is None:
            if self.permitted is None:
                return f"{_json(self.name)}, which only the operator's configuration sets"
            allowed = "a text that the operator's configuration allows"
            return f"{_json(self.name)}: {_json(self.default)}, or {allowed}"
        ways = [] if self.searched is None else [self.example()]
        listed = "" if isinstance(self.widest, Categorical) else ", or a list of such"
        return f'{"; or ".join([*ways, self.single_form() + listed])}; or "default"'

    def example(self) -> str:
        """What is searched by default, as it is written in a search space."""
        shown = self.default if self.searched is None else written(self.searched, self.when)
        return f"{_json(self.name)}: {_json(shown)}"

    def single_form(self) -> str:
        """How it is given to a training that has one value of each parameter, in one line."""
        if self.widest is None:
            return self.form()
        if isinstance(self.widest, Categorical):
            return f"{_json(self.name)}: one of {', '.join(map(_json, self.widest.choices))}"
        return f"{_json(self.name)}: {self._numbers(self.widest)}"

    def single_example(self) -> str:
        """Its default, as it is given to such a training."""
        return f"{_json(self.name)}: {_json(self.default)}"

    def _numbers(self, widest: Float | Int) -> str:
        kind = "a whole number" if isinstance(widest, Int) else "a number"
        steps = f" in steps of {widest.step}" if isinstance(widest, Int) and widest.step > 1 else ""
        return f"{kind} from {widest.low} to {widest.high}{steps}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredTrainer:
    """What a trainer says of itself."""

    name: str
    description: str
    objectives: tuple[Objective, ...]
    parameters: tuple[Declared, ...]
    final_objective: Objective | None = None
    """What a final training, on training and validation data together, is judged by; None where
    the trainer has no such training."""
    gpus: float | None = None
    """What each of its trainings takes of them; None for a slot's usual share."""
    cpu_cores: int | None = None
    """How many each takes; None for a slot's usual share."""
    trouble: str
    """Why it cannot be used here, and what to do; empty if it can."""


def written(parameter: Parameter, when: Condition | None = None) -> Mapping[str, object]:
    """The parameter as it is written in full in a search space."""
    condition = {other: list(values) for other, values in (when or {}).items()}
    return {**_fields(parameter), **({"when": condition} if condition else {})}


def _fields(parameter: Parameter) -> Mapping[str, object]:
    if isinstance(parameter, Categorical):
        return {"type": "categorical", "choices": list(parameter.choices)}
    log = {"log": True} if parameter.log else {}
    if isinstance(parameter, Float):
        return {"type": "float", "low": parameter.low, "high": parameter.high, **log}
    step = {"step": parameter.step} if parameter.step != 1 else {}
    return {"type": "int", "low": parameter.low, "high": parameter.high, **step, **log}


def _json(value: object) -> str:
    return json.dumps(value)
