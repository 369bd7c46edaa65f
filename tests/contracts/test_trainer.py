"""What every built-in trainer promises, on data and models that come with the packages."""

import io
import math
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.language_models_for_tests import write_model, write_text
from trainers import data, llm, mnist
from trainers.checkpoints import checkpoint_path, checkpoints, latest_checkpoint
from trainers.contract import Context, Measurement, TrainerSpec
from trainers.specs import LLM, MNIST

SPEEDS = {"tokens_per_second"}
"""Metrics that tell of the machine, and not of what was learned."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A trainer, and a configuration of four epochs that it trains in well under a second."""

    module: Any
    spec: TrainerSpec
    config: Any
    data_dir: Path
    weights: str = "model.safetensors"

    def train(self, context: Context, **changes: object) -> Iterator[Measurement]:
        return self.module.train(replace(self.config, **changes), context)  # type: ignore[no-any-return]


@pytest.fixture(scope="session")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    folder = tmp_path_factory.mktemp("trainers")
    data.prepare(folder, "digits")
    model, text = str(write_model(folder / "model")), str(write_text(folder / "text.txt"))
    language = llm.Config(lr=1e-2, batch_size=32, epochs=4, context=16, model=model, text=text)
    adapted = replace(language, adaptation="lora", lora_rank=2)
    digits = mnist.Config(lr=3e-3, batch_size=64, epochs=4, dataset="digits")
    return {
        "mnist": Case(module=mnist, spec=MNIST, config=digits, data_dir=folder),
        "llm": Case(module=llm, spec=LLM, config=language, data_dir=folder),
        "llm by LoRA": Case(
            module=llm,
            spec=LLM,
            config=adapted,
            data_dir=folder,
            weights="adapter_model.safetensors",
        ),
    }


@pytest.fixture(params=["mnist", "llm", "llm by LoRA"])
def case(request: pytest.FixtureRequest, cases: dict[str, Case]) -> Case:
    return cases[request.param]


@pytest.fixture
def context(tmp_path: Path, case: Case) -> Iterator[Context]:
    # In each run a process has one training; here many share one, and the threads are global.
    threads = torch.get_num_threads()
    yield Context(workdir=tmp_path / "work", data_dir=case.data_dir)
    torch.set_num_threads(threads)


def learned(measurements: list[Measurement]) -> list[tuple[int, dict[str, float]]]:
    """All that has to be equal when a training is repeated: everything but the time it took."""
    return [
        (m.epoch, {name: value for name, value in m.metrics.items() if name not in SPEEDS})
        for m in measurements
    ]


def test_it_learns_and_measures_its_objective_every_epoch(case: Case, context: Context) -> None:
    (objective,) = case.spec.objectives
    measurements = list(case.train(context))
    values = [measured.metrics[objective.name] for measured in measurements]

    assert [measured.epoch for measured in measurements] == [1, 2, 3, 4]
    assert (values[-1] > values[0]) is (objective.direction == "maximize")
    assert measurements[-1].metrics["val_loss"] < measurements[0].metrics["val_loss"]
    assert all(measured.seconds > 0 for measured in measurements)


def test_the_same_seed_gives_the_same_metrics_and_another_seed_does_not(
    case: Case, context: Context, tmp_path: Path
) -> None:
    first = list(case.train(context, epochs=2))
    again = list(case.train(replace(context, workdir=tmp_path / "again"), epochs=2))
    other = list(case.train(replace(context, workdir=tmp_path / "other", seed=1), epochs=2))

    assert learned(again) == learned(first)
    assert learned(other) != learned(first)


def test_a_longer_training_begins_exactly_like_a_shorter_one(
    case: Case, context: Context, tmp_path: Path
) -> None:
    short = list(case.train(context, epochs=2))
    long = list(case.train(replace(context, workdir=tmp_path / "long")))

    assert learned(long)[:2] == learned(short)


def test_an_interrupted_training_ends_as_if_it_had_never_been_interrupted(
    case: Case, context: Context, tmp_path: Path
) -> None:
    whole = list(case.train(replace(context, workdir=tmp_path / "whole")))
    interrupted = case.train(context)
    before = [next(interrupted), next(interrupted)]
    interrupted.close()  # type: ignore[attr-defined]
    torch.manual_seed(99)  # whatever else drew random numbers meanwhile
    after = list(case.train(replace(context, resume_from=latest(context))))

    assert learned(before) == learned(whole)[:2]
    assert learned(after) == learned(whole)[1:]
    assert after[0] == replace(before[1], seconds=after[0].seconds)
    weights = (tmp_path / "whole" / case.weights).read_bytes()
    assert (context.workdir / case.weights).read_bytes() == weights


@pytest.mark.parametrize("kept", [0, 1000, -1000])
def test_a_truncated_newest_checkpoint_is_replaced_by_the_one_before(
    case: Case, context: Context, kept: int
) -> None:
    whole = list(case.train(context))
    newest = checkpoint_path(context.workdir, 4)
    newest.write_bytes(newest.read_bytes()[:kept])
    resumed = list(case.train(replace(context, resume_from=newest)))

    assert learned(resumed) == learned(whole)[2:]
    assert torch.load(newest, weights_only=True)["measurement"]["epoch"] == 4


def test_without_a_readable_checkpoint_it_begins_at_epoch_1(case: Case, context: Context) -> None:
    whole = list(case.train(context, epochs=2))
    for path in checkpoints(context.workdir):
        path.write_bytes(b"nothing of use")
    resumed = list(case.train(replace(context, resume_from=latest(context)), epochs=2))

    assert learned(resumed) == learned(whole)


def test_resuming_from_an_earlier_checkpoint_forgets_the_later_ones(
    case: Case, context: Context
) -> None:
    list(case.train(context))
    training = case.train(replace(context, resume_from=checkpoint_path(context.workdir, 3)))
    epochs = [next(training).epoch, next(training).epoch]

    assert epochs == [3, 4]
    assert [path.name for path in checkpoints(context.workdir)] == [
        "checkpoint-000004.pt",
        "checkpoint-000003.pt",
    ]


def test_a_finished_training_can_go_on_to_more_epochs(
    case: Case, context: Context, tmp_path: Path
) -> None:
    list(case.train(context, epochs=2))
    longer = list(case.train(replace(context, resume_from=latest(context))))
    whole = list(case.train(replace(context, workdir=tmp_path / "whole")))

    assert learned(longer) == learned(whole)[1:]


def test_each_epoch_is_saved_before_it_is_reported_and_the_last_two_are_kept(
    case: Case, context: Context
) -> None:
    for measured in case.train(context):
        newest = latest(context)

        assert newest == checkpoint_path(context.workdir, measured.epoch)
        assert torch.load(newest, weights_only=True)["measurement"]["metrics"] == measured.metrics
        assert (context.workdir / case.weights).exists()
        assert len(checkpoints(context.workdir)) == min(2, measured.epoch)
    # Nothing half-written, and of formats that can run code nothing but checkpoints.
    suffixes = {path.suffix for path in context.workdir.iterdir()}
    assert suffixes <= {".pt", ".safetensors", ".json", ".md"}


def test_closing_at_a_yield_stops_and_leaves_the_finished_epoch(
    case: Case, context: Context
) -> None:
    training = case.train(context)
    next(training)
    training.close()  # type: ignore[attr-defined]

    assert list(training) == []
    assert latest(context) == checkpoint_path(context.workdir, 1)


def test_resuming_restores_the_model_of_that_epoch(case: Case, context: Context) -> None:
    list(case.train(context, epochs=2))
    expected = (context.workdir / case.weights).read_bytes()
    (context.workdir / case.weights).unlink()
    next(case.train(replace(context, resume_from=latest(context))))

    assert (context.workdir / case.weights).read_bytes() == expected


def test_a_diverged_training_says_so_by_an_objective_that_is_not_finite(
    case: Case, context: Context
) -> None:
    measurements = list(case.train(context, lr=math.inf, epochs=2))

    (objective,) = case.spec.objectives
    assert all(math.isnan(measured.metrics[objective.name]) for measured in measurements)
    assert not any(math.isfinite(measured.metrics["val_loss"]) for measured in measurements)


def test_nothing_is_printed_on_stdout(
    case: Case, context: Context, capfd: pytest.CaptureFixture[str]
) -> None:
    printed = io.StringIO()
    with redirect_stdout(printed):
        list(case.train(context, epochs=1))

    assert printed.getvalue() == ""
    assert capfd.readouterr().out == ""


def test_an_impossible_configuration_cannot_be_made(case: Case) -> None:
    with pytest.raises(ValueError, match="positive"):
        replace(case.config, epochs=0)


def test_the_spec_declares_every_field_of_the_configuration_with_its_default(case: Case) -> None:
    configuration = {field.name: field.default for field in fields(case.module.Config)}

    assert {p.name: p.default for p in case.spec.parameters} == configuration
    assert all(p.description.endswith(".") for p in case.spec.parameters)


def test_the_contract_and_the_specs_load_nothing_but_the_standard_library() -> None:
    heavy = {"torch", "numpy", "torchvision", "sklearn", "safetensors", "transformers", "peft"}
    code = (
        "import sys, trainers.specs, trainers.contract, trainers.checkpoints\n"
        "names = {name.partition('.')[0] for name in sys.modules}\n"
        f"sys.exit(str(sorted(names & {heavy})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)

    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("spec", [MNIST, LLM], ids=lambda spec: spec.name)
def test_importing_a_trainer_is_fit_for_a_process_that_forks(spec: TrainerSpec) -> None:
    heavy = {"torchvision", "sklearn", "transformers", "tokenizers", "peft", "datasets"}
    code = (
        f"import sys, threading, {spec.module}, torch\n"
        f"late = {heavy} & set(sys.modules)\n"
        "sys.exit(f'{late or None} {torch.cuda.is_initialized()} {threading.active_count()}')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)

    assert done.stderr.splitlines()[-1] == "None False 1"


def latest(context: Context) -> Path:
    path = latest_checkpoint(context.workdir)
    assert path is not None
    return path


def test_a_final_training_reports_what_it_is_judged_by_in_place_of_the_objective(
    case: Case, context: Context
) -> None:
    final = case.spec.final_objective
    assert final is not None
    *_, last = case.train(replace(context, final=True), epochs=1)
    assert math.isfinite(last.metrics[final.name])
    assert not any(name.startswith("val_") for name in last.metrics)


def test_a_final_training_goes_on_from_its_own_checkpoint_and_from_no_others(
    case: Case, context: Context
) -> None:
    final = replace(context, final=True)
    whole = learned(list(case.train(final)))
    resuming = replace(final, resume_from=checkpoint_path(context.workdir, 4))
    assert learned(list(case.train(resuming))) == whole[-1:]
    with pytest.raises(ValueError, match="checkpoint is of a training on"):
        next(case.train(replace(resuming, final=False)))
