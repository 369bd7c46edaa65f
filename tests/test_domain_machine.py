"""What a trainer declares of its jobs, and whether a machine ever has that much."""

import pytest

from mcp_automl.domain.machine import Machine


@pytest.mark.parametrize("gpus", [None, 0, 0.5, 1, 2])
@pytest.mark.parametrize("cpu_cores", [None, 1, 4])
def test_what_is_there_is_enough(gpus: float | None, cpu_cores: int | None) -> None:
    assert Machine(gpus=2, cores=4).misfit("mine", gpus, cpu_cores) == ""


@pytest.mark.parametrize(
    ("machine", "gpus", "cpu_cores", "said"),
    [
        (
            Machine(gpus=0, cores=4), 0.5, None,
            "no GPU; make a GPU visible to the server, or set gpus to 0, or leave it out, where",
        ),
        (
            Machine(gpus=1, cores=4), 2, None,
            "1 GPU; make more of them visible to the server, or set gpus to 0, 0.5 or 1, or leave",
        ),
        (
            Machine(gpus=1, cores=4), None, 5,
            "declares cpu_cores = 5, and this machine has 4 CPU cores; set cpu_cores to 4 or less",
        ),
        (Machine(gpus=1, cores=1), 1, 2, "cpu_cores = 2, and this machine has 1 CPU core; set"),
    ],
)  # fmt: skip
def test_what_can_never_be_had_is_named_with_what_is_there_and_what_to_change(
    machine: Machine, gpus: float | None, cpu_cores: int | None, said: str
) -> None:
    sentence = machine.misfit("mine", gpus, cpu_cores)

    assert sentence.startswith("no job of 'mine' can ever start here: it declares ")
    assert said in sentence


@pytest.mark.parametrize(
    ("gpus", "cpu_cores", "at_once"),
    [
        (None, None, 8),
        (0, None, 8),
        (0.5, None, 6),
        (1, None, 3),
        (2, None, 1),
        (None, 5, 2),
        (1, 6, 2),
    ],
)
def test_how_many_run_at_once_follows_from_what_each_takes(
    gpus: float | None, cpu_cores: int | None, at_once: int
) -> None:
    assert Machine(gpus=3, cores=12).parallel(8, gpus, cpu_cores) == at_once


def test_of_what_does_not_fit_one_at_a_time_is_said() -> None:
    assert Machine(gpus=0, cores=1).parallel(3, 1, 2) == 1
