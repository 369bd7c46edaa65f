"""The arguments of the tools about studies, as models read them.

Defaults stand in the descriptions and not in the schema, so that no client fills them in: for a
study that exists, what is left out keeps its stored value.
"""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from mcp_automl.domain.bounds import MAX_EPOCHS, MAX_TRIALS, NAME, NAME_IN_WORDS


def number(value: object) -> object:
    """Refuses true and false, which Python would take for 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("not a number")
    return value


def time_span(value: object) -> object:
    """Refuses what never ends or is over before it begins: no use case sees it that would."""
    text = str(value).strip()
    if text.lstrip("+-").lower() in ("nan", "inf", "infinity") or text.startswith("-"):
        raise ValueError("not a span of time")
    return number(value)


# Bounds stand in the schema only: out of them, the use case itself says what is right and why.
StudyName = Annotated[
    str,
    Field(
        description=NAME_IN_WORDS,
        examples=["mnist-opt-1"],
        json_schema_extra={"pattern": f"^{NAME}$"},
    ),
]
Existing = Annotated[str, Field(examples=["mnist-opt-1"])]
ModelType = Annotated[
    str | None,
    Field(
        description="mnist (handwritten digits, the default) or llm (a small language model, by "
        "perplexity)",
        examples=["mnist", "llm"],
    ),
]
Trials = Annotated[
    int | None,
    BeforeValidator(number),
    Field(
        description="The study's total of trials: 30 for a study that has 20 runs 10 more. "
        "Default: 20",
        examples=[20],
        json_schema_extra={"minimum": 1, "maximum": MAX_TRIALS},
    ),
]
EpochsMax = Annotated[
    int | None,
    BeforeValidator(number),
    Field(
        description="Most epochs a trial may train. Default: 5; cannot be changed later",
        examples=[5],
        json_schema_extra={"minimum": 1, "maximum": MAX_EPOCHS},
    ),
]
Budget = Annotated[
    float | None,
    BeforeValidator(number),
    Field(
        description="Hard ceiling in US dollars over the study's whole life",
        examples=[0.5],
        json_schema_extra={"exclusiveMinimum": 0},
    ),
]
PerTrial = Annotated[
    float | None,
    BeforeValidator(number),
    Field(
        description="The same for each trial",
        examples=[0.05],
        json_schema_extra={"exclusiveMinimum": 0},
    ),
]
DryRun = Annotated[
    bool | None,
    Field(description="True only tells what it would do and cost"),
]
Offset = Annotated[int | None, BeforeValidator(number), Field(json_schema_extra={"minimum": 0})]
Space = Annotated[
    # Whatever comes is explained by the use case, which knows the parameters' names and bounds.
    Any,
    Field(
        description="What to search, by parameter: a range, choices, a value to fix it, or "
        '"default"; the rest stays as it is by default. automl://trainers/MODEL lists all',
        examples=[
            {
                "lr": [1e-4, 1e-2],
                "optimizer": ["adamw", "sgd"],
                "momentum": {
                    "type": "float",
                    "low": 0.5,
                    "high": 0.99,
                    "when": {"optimizer": "sgd"},
                },
            }
        ],
        json_schema_extra={"anyOf": [{"type": "object"}, {"type": "null"}]},
    ),
]
TopK = Annotated[
    int | None,
    BeforeValidator(number),
    Field(
        description="Default: 5",
        examples=[5],
        json_schema_extra={"minimum": 1, "maximum": 50},
    ),
]
Wait = Annotated[
    float | None,
    BeforeValidator(time_span),
    Field(
        description="Wait until a trial or the study ends, at most 45 s",
        examples=[45],
        json_schema_extra={"minimum": 0},
    ),
]
SamplerName = Annotated[
    str | None,
    Field(description="tpe (default), auto (a Gaussian process where better), gp, cmaes or random"),
]
PrunerName = Annotated[
    str | None,
    Field(description="median (default; asha with auto), percentile, hyperband, asha or none"),
]
