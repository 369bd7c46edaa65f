"""What somebody wrote for one parameter of a search space, understood or refused.

The full forms are those of `declared.written`. Beside them stand the short ones that people and
agents try: a bare value fixes a parameter, `[low, high]` is a range of a number, a longer list (or
any list for what is searched by choices) are its choices, and keys have their usual other names.
Every value must be one that the trainer declares; nothing is moved to the nearest that is.
"""

from collections.abc import Mapping, Sequence

from mcp_automl.domain.declared import Declared
from mcp_automl.domain.errors import InvalidRequest
from mcp_automl.domain.figures import shown
from mcp_automl.domain.space import Categorical, Float, Int, Parameter
from mcp_automl.domain.space_values import number_of, value_of, within

MAX_CHOICES = 100

KEYS = {
    **dict.fromkeys(("type", "kind", "distribution"), "type"),
    **dict.fromkeys(("low", "min", "minimum", "lower", "from"), "low"),
    **dict.fromkeys(("high", "max", "maximum", "upper", "to"), "high"),
    **dict.fromkeys(("log", "scale"), "log"),
    **dict.fromkeys(("step", "q"), "step"),
    **dict.fromkeys(("choices", "values", "options", "categories"), "choices"),
    **dict.fromkeys(("value", "fixed", "constant"), "value"),
    **dict.fromkeys(("when", "if", "condition"), "when"),
    "range": "range",
}
"""What keys are called, and what they mean."""

TYPES = {
    **dict.fromkeys(("float", "real", "double", "number", "uniform", "continuous"), "float"),
    **dict.fromkeys(("loguniform", "log_uniform", "log-uniform"), "float"),
    **dict.fromkeys(("int", "integer", "randint"), "int"),
    **dict.fromkeys(("categorical", "choice", "choices", "category", "enum"), "categorical"),
    **dict.fromkeys(("fixed", "constant"), "fixed"),
}
SCALES = {"log": True, "loguniform": True, "linear": False, "uniform": False}


def understood(declared: Declared, asked: object, argument: str = "search_space") -> Parameter:
    """What the parameter shall be; one with a single value is fixed.

    Args:
        argument: what holds it where it was asked for.

    Raises:
        InvalidRequest: it cannot be that; the message shows how the parameter may be written.
    """
    try:
        match asked:
            case Mapping():
                return _described(declared, _canonical(asked))
            case list() | tuple():
                return _listed(declared, asked)
            case _:
                return _plain(declared, asked)
    except InvalidRequest as error:
        wrong = f"{argument}: {declared.name}: {error}"
        raise InvalidRequest(f"{wrong}. Valid is {declared.form()}") from error


def _plain(declared: Declared, asked: object) -> Parameter:
    if isinstance(asked, str) and asked.strip().lower() == "default":
        return _default(declared)
    return Categorical(choices=(value_of(declared, asked),))


def _default(declared: Declared) -> Parameter:
    return declared.searched or Categorical(choices=(declared.default,))


def _listed(declared: Declared, asked: Sequence[object]) -> Parameter:
    *ends, last = asked or [None]
    if declared.is_numeric and len(ends) == 2 and isinstance(last, str) and last in SCALES:
        return _range(declared, {"low": ends[0], "high": ends[1], "log": last})
    if isinstance(declared.searched, Float | Int) and len(asked) == 2:
        return _range(declared, {"low": asked[0], "high": asked[1]})
    return _choices(declared, asked)


def _choices(declared: Declared, asked: object) -> Parameter:
    if not isinstance(asked, list | tuple) or not asked:
        raise InvalidRequest(f"choices are a list of one value or more, not {shown(asked)}")
    if len(asked) > MAX_CHOICES:
        raise InvalidRequest(f"{len(asked)} choices are more than {MAX_CHOICES}")
    choices = tuple(value_of(declared, value) for value in asked)
    if len(choices) > 1:
        _check_searchable(declared)
    return Categorical(choices=choices)


def _check_searchable(declared: Declared) -> None:
    if declared.searched is None:
        raise InvalidRequest("it can be fixed, but not searched")


def _canonical(asked: Mapping[str, object]) -> dict[str, object]:
    fields: dict[str, object] = {}
    for key, value in asked.items():
        name = KEYS.get(str(key).lower())
        if name is None:
            raise InvalidRequest(f"it has nothing called {shown(key)}")
        if name in fields:
            raise InvalidRequest(f"{name} is given twice")
        fields[name] = value
    fields.pop("when", None)
    return fields


def _described(declared: Declared, fields: dict[str, object]) -> Parameter:
    kind = _type(fields)
    if "value" in fields:
        _check_alone(fields, "value")
        return Categorical(choices=(value_of(declared, fields["value"]),))
    if kind == "categorical" or "choices" in fields:
        _check_alone(fields, "choices")
        return _default_choices(declared) if not fields else _choices(declared, fields["choices"])
    _check_kind(declared, kind)
    return _range(declared, fields) if fields else _default(declared)


def _type(fields: dict[str, object]) -> str | None:
    """Takes the type out of the fields; the scale may hide in its name."""
    word = fields.pop("type", None)
    if word is None:
        return None
    kind = TYPES.get(str(word).lower())
    if kind is None:
        raise InvalidRequest(f"type is float, int or categorical, not {shown(word)}")
    scale = SCALES.get(str(word).lower().replace("_", "").replace("-", ""))
    if scale is not None:
        fields.setdefault("log", scale)
    return kind


def _check_alone(fields: Mapping[str, object], name: str) -> None:
    others = sorted(fields.keys() - {name})
    if others:
        raise InvalidRequest(f"{name} and {others[0]} contradict each other")


def _check_kind(declared: Declared, kind: str | None) -> None:
    if kind == "fixed":
        raise InvalidRequest("its value is missing")
    if kind == "int" and isinstance(declared.widest, Float):
        raise InvalidRequest("it is a real number; for whole ones give them as choices")
    if kind == "float" and isinstance(declared.widest, Int):
        raise InvalidRequest("it is a whole number")


def _default_choices(declared: Declared) -> Parameter:
    if isinstance(declared.searched, Categorical):
        return declared.searched
    raise InvalidRequest("its choices are missing")


def _range(declared: Declared, fields: Mapping[str, object]) -> Parameter:
    widest = declared.widest
    if not isinstance(widest, Float | Int):
        raise InvalidRequest("it has choices and no range")
    _check_searchable(declared)
    usual = declared.searched if isinstance(declared.searched, Float | Int) else widest
    low, high = (within(widest, end) for end in _ends(fields, usual))
    if low == high:
        return Categorical(choices=(low,))
    if isinstance(widest, Float):
        _check_stepless(fields)
        return Float(low=low, high=high, log=_log(fields, widest.log and low > 0))
    step = _step(fields, widest)
    log = _log(fields, widest.log and step == 1 and low > 0)
    return Int(low=int(low), high=int(high), step=step, log=log)


def _ends(fields: Mapping[str, object], usual: Float | Int) -> tuple[object, object]:
    """Both ends of the range; an end that is not given is that of the usual range."""
    if "range" not in fields:
        return fields.get("low", usual.low), fields.get("high", usual.high)
    both = fields["range"]
    if "low" in fields or "high" in fields or not isinstance(both, list | tuple) or len(both) != 2:
        raise InvalidRequest(f"a range has two ends, not {shown(both)}")
    return both[0], both[1]


def _check_stepless(fields: Mapping[str, object]) -> None:
    if fields.get("step") is not None:
        raise InvalidRequest("a real number takes no step; give the values as choices")


def _step(fields: Mapping[str, object], widest: Int) -> int:
    raw = fields.get("step")
    step = widest.step if raw is None else int(number_of(widest, raw))
    if step % widest.step or step < 1:
        multiple = "1 or more" if widest.step == 1 else f"a multiple of {widest.step}"
        raise InvalidRequest(f"its step is {multiple}, not {shown(raw)}")
    return step


def _log(fields: Mapping[str, object], usual: bool) -> bool:
    raw = fields.get("log")
    if raw is None:
        return usual
    word = raw.lower() if isinstance(raw, str) else raw
    log = SCALES.get(word) if isinstance(word, str) else word
    if not isinstance(log, bool):
        raise InvalidRequest(f"log is true or false, not {shown(raw)}")
    return log
