"""What a trainer may declare, and what contradicts itself."""

from dataclasses import replace

import pytest

from trainers.contract import Objective, Parameter, TrainerSpec

RATE = Parameter(name="lr", kind="float", default=1e-3, low=1e-5, high=1.0, description="Rate.")
KIND = Parameter(name="kind", kind="categorical", default="a", choices=("a", "b"), description="K.")
TEXT = Parameter(
    name="path", kind="text", default="", in_default_space=False, description="Where it is."
)


def test_what_is_searched_may_be_narrower_than_what_is_allowed() -> None:
    assert replace(RATE, search_low=1e-4, search_high=1e-2).search_high == 1e-2
    assert replace(KIND, search_choices=("b",)).search_choices == ("b",)


@pytest.mark.parametrize(
    ("parameter", "changes"),
    [
        (RATE, {"default": 2.0}),
        (RATE, {"default": "much"}),
        (RATE, {"default": True}),
        (RATE, {"low": None}),
        (RATE, {"high": 1e-4}),
        (RATE, {"search_low": 1e-6}),
        (RATE, {"search_choices": (1e-3, 2.0)}),
        (KIND, {"default": "c"}),
        (KIND, {"search_choices": ("a", "c")}),
        (KIND, {"searchable": False}),
        (TEXT, {"default": 1}),
        (TEXT, {"in_default_space": True}),
    ],
)
def test_a_parameter_that_contradicts_itself_cannot_be_declared(
    parameter: Parameter, changes: dict[str, object]
) -> None:
    with pytest.raises(ValueError, match=f"parameter {parameter.name}"):
        replace(parameter, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ((RATE, RATE), "declared twice"),
        ((RATE, replace(KIND, when={"optimizer": ("sgd",)})), "depends on .'optimizer'."),
    ],
)
def test_a_spec_that_contradicts_itself_cannot_be_made(
    parameters: tuple[Parameter, ...], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        TrainerSpec(
            name="own",
            module="own",
            description="Mine.",
            objectives=(Objective(name="loss", direction="minimize"),),
            parameters=parameters,
        )


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"gpus": 1.5}, "gpus is 0, 0.5, 1 or 2, not 1.5"),
        ({"gpus": -1}, "gpus is 0, 0.5, 1 or 2, not -1"),
        ({"cpu_cores": 0}, "cpu_cores is a whole number from 1 on, not 0"),
        ({"cpu_cores": 1.0}, "cpu_cores is a whole number from 1 on, not 1.0"),
        ({"cpu_cores": True}, "cpu_cores is a whole number from 1 on, not True"),
    ],
)
def test_a_training_takes_no_other_parts_of_a_machine(
    changes: dict[str, object], problem: str
) -> None:
    spec = TrainerSpec(
        name="own",
        description="Mine.",
        objectives=(Objective(name="loss", direction="minimize"),),
        parameters=(RATE,),
    )

    with pytest.raises(ValueError, match=problem):
        replace(spec, **changes)  # type: ignore[arg-type]
