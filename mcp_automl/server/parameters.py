"""The parameters of the tools about studies: what a model reads of each, and its bounds."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from mcp_automl.domain.bounds import MAX_EPOCHS, MAX_TRIALS
from mcp_automl.domain.sampling import Pruner, Sampler


def number(value: object) -> object:
    """Refuses true and false, which Python would take for 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("not a number")
    return value


# Bounds stand in the schema only: out of them, the use case itself says what is right and why.
StudyName = Annotated[
    str,
    Field(
        description="1 to 64 letters, digits, dots, dashes or underscores",
        examples=["mnist-opt-1"],
        json_schema_extra={"pattern": "^[A-Za-z0-9._-]{1,64}$"},
    ),
]
Existing = Annotated[str, Field(examples=["mnist-opt-1"])]
ModelType = Annotated[
    str | None,
    Field(
        description="mnist (handwritten digits, the default for a new study) or llm (a small "
        "language model, by perplexity); a study keeps it",
        examples=["mnist", "llm"],
    ),
]
Trials = Annotated[
    int | None,
    BeforeValidator(number),
    Field(
        description="Total of trials: 30 for a study that has 20 runs 10 more. Default: 20; an "
        "existing study keeps its total",
        examples=[20],
        json_schema_extra={"minimum": 1, "maximum": MAX_TRIALS},
    ),
]
EpochsMax = Annotated[
    int | None,
    BeforeValidator(number),
    Field(
        description="Most epochs a trial may train. Default: 5; it cannot be changed later",
        json_schema_extra={"minimum": 1, "maximum": MAX_EPOCHS},
    ),
]
Budget = Annotated[
    float | None,
    BeforeValidator(number),
    Field(
        description="Hard ceiling in US dollars over the study's whole life. Default: none; a "
        "study keeps it",
        examples=[0.5],
        json_schema_extra={"exclusiveMinimum": 0},
    ),
]
PerTrial = Annotated[
    float | None,
    BeforeValidator(number),
    Field(
        description="The same for each trial",
        json_schema_extra={"exclusiveMinimum": 0},
    ),
]
DryRun = Annotated[
    bool | None,
    Field(description="True only tells what it would do and cost"),
]
Space = Annotated[
    # Whatever comes is explained by the use case, which knows the parameters' names and bounds.
    Any,
    Field(
        description="What to search, by parameter: a range, choices, a value to fix it, or "
        '"default"; the rest keeps its default. automl://trainers/MODEL lists all',
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
SamplerName = Annotated[
    str | None,
    Field(
        description="Default: tpe; auto needs the fewest trials",
        json_schema_extra={"enum": [sampler.value for sampler in Sampler]},
    ),
]
PrunerName = Annotated[
    str | None,
    Field(
        description="Default: median; for auto asha",
        json_schema_extra={"enum": [pruner.value for pruner in Pruner]},
    ),
]
TopK = Annotated[
    int | None,
    BeforeValidator(number),
    Field(
        description="Default: 5",
        json_schema_extra={"minimum": 1, "maximum": 50},
    ),
]


Wait = Annotated[
    float | None,
    BeforeValidator(number),
    Field(
        description="Wait until a trial or the study ends, at most 45 s",
        json_schema_extra={"minimum": 0},
    ),
]
