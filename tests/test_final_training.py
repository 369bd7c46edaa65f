"""Final trainings: on training and validation data, judged on test data that no trial has seen."""

import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from mcp_automl.domain.events import Outcome
from mcp_automl.domain.jobs import Ended, TrainerRef
from mcp_automl.domain.study import Measurement as Heard
from mcp_automl.executors.inline import InlineExecutor
from mcp_automl.executors.local import LocalExecutor
from tests.jobs_for_tests import fake_job, followed, hide_main_module, launched
from tests.language_models_for_tests import write_model, write_text
from trainers import language_models, llm, mnist, rows, texts
from trainers.checkpoints import latest_checkpoint
from trainers.contract import Context, Measurement, TrainerSpec
from trainers.specs import LLM, MNIST

OWN = """
from types import SimpleNamespace
from trainers.contract import Measurement
Config = SimpleNamespace
def train(config, context):
    yield Measurement(epoch=1, metrics={"final": context.final}, seconds=0.0)
"""
PERCEPTRON = Path(__file__).parent.parent / "docs" / "examples" / "perceptron.py"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A trainer, and a configuration of two epochs that it trains in well under a second."""

    module: Any
    spec: TrainerSpec
    config: Any
    spoilt: str
    """What of a part of its data is put in reverse order to spoil that part."""

    def train(self, context: Context) -> list[Measurement]:
        return list(self.module.train(self.config, context))


@pytest.fixture(params=["mnist", "llm"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    if request.param == "mnist":
        digits = mnist.Config(lr=3e-3, epochs=2, dataset="digits")
        return Case(module=mnist, spec=MNIST, config=digits, spoilt="{}.labels")
    model, text = str(write_model(tmp_path / "model")), str(write_text(tmp_path / "text.txt"))
    language = llm.Config(lr=1e-2, epochs=2, context=16, model=model, text=text)
    return Case(module=llm, spec=LLM, config=language, spoilt="{}")


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    # In each run a process has one training; here many share one, and the threads are global.
    threads = torch.get_num_threads()
    yield Context(workdir=tmp_path / "work", data_dir=tmp_path / "data", final=True)
    torch.set_num_threads(threads)


def elsewhere(context: Context, name: str) -> Context:
    return replace(context, workdir=context.workdir.parent / name)


def resuming(context: Context) -> Context:
    return replace(context, resume_from=latest_checkpoint(context.workdir))


def weights(context: Context) -> bytes:
    return (context.workdir / "model.safetensors").read_bytes()


def spoil(case: Case, data_dir: Path, part: str) -> None:
    """Makes nonsense of one part of the data, of which nothing else changes."""
    (path,) = data_dir.glob("*.safetensors")
    tensors, name = load_file(path), case.spoilt.format(part)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    save_file({**tensors, name: tensors[name].flip(0)}, path, metadata)


@pytest.mark.parametrize(
    ("final", "learned"), [(True, ["train", "validation"]), (False, ["train"])]
)
def test_it_learns_from_validation_data_too_but_nothing_of_the_test_data_leaks_into_it(
    case: Case, context: Context, final: bool, learned: list[str]
) -> None:
    context = replace(context, final=final)
    next(case.module.train(case.config, context))
    sound = weights(context)
    changed = []
    for part in ("train", "validation", "test"):
        spoil(case, context.data_dir, part)
        next(case.module.train(case.config, context))
        spoil(case, context.data_dir, part)  # in reverse order twice, it is sound again
        changed += [part] if weights(context) != sound else []

    assert changed == learned
    next(case.module.train(case.config, context))
    assert weights(context) == sound


def test_an_interrupted_final_training_ends_as_if_it_had_never_been_interrupted(
    case: Case, context: Context
) -> None:
    whole = case.train(elsewhere(context, "whole"))
    interrupted = case.module.train(case.config, context)
    next(interrupted)
    interrupted.close()
    resumed = case.train(resuming(context))

    (objective,) = [m.metrics["test_loss"] for m in whole[1:]]
    assert [m.epoch for m in resumed] == [1, 2]
    assert resumed[-1].metrics["test_loss"] == objective
    assert weights(context) == weights(elsewhere(context, "whole"))


@pytest.mark.parametrize("final", [True, False])
def test_the_checkpoint_of_a_training_on_other_parts_is_refused(
    case: Case, context: Context, final: bool
) -> None:
    context = replace(context, final=final)
    next(case.module.train(case.config, context))
    other = replace(resuming(context), final=not final)

    with pytest.raises(ValueError, match=r"is of a training on .*, not on .*"):
        next(case.module.train(case.config, other))


def test_llms_baseline_and_perplexity_are_those_of_the_test_part(
    context: Context, tmp_path: Path
) -> None:
    model = str(write_model(tmp_path / "model"))
    text = str(write_text(tmp_path / "text.txt"))
    config = llm.Config(lr=1e-2, epochs=1, context=16, model=model, text=text)
    (measured,) = llm.train(config, context)
    corpus = texts.prepare(context.data_dir, text, language_models.find(model).tokenizer)
    test = rows.rows(corpus.load("test"), 16, torch.device("cpu"))
    untouched = AutoModelForCausalLM.from_pretrained(model)

    baseline = llm.perplexity(rows.mean_loss(untouched, test, 8))
    reached = llm.test_perplexity(config, context)
    assert measured.metrics["baseline_perplexity"] == pytest.approx(baseline, rel=1e-4)
    assert measured.metrics["test_perplexity"] == pytest.approx(reached, rel=1e-4)
    fallen = 100 * (1 - reached / baseline)
    assert measured.metrics["improvement_pct"] == pytest.approx(fallen, rel=1e-3)


def test_it_runs_alone_and_its_last_line_is_what_it_measured_last(
    case: Case,
    context: Context,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert case.spec.final_objective is not None
    told = {f"--{p.name}": str(getattr(case.config, p.name)) for p in case.spec.parameters}
    told |= {"--workdir": str(context.workdir), "--data-dir": str(context.data_dir)}
    flags = [f"{name.replace('_', '-')}={value}" for name, value in told.items()]
    monkeypatch.setattr(sys, "argv", ["trainers", *flags, "--device=cpu", "--final"])
    caplog.set_level(logging.INFO)
    case.module.main()

    *_, epoch, test = caplog.messages
    metric = case.spec.final_objective.name
    value = float(epoch.partition(f"{metric} ")[2].split()[0])
    words, said = test.split()[:2], float(test.split()[2])
    assert "_".join(words) == metric and said == pytest.approx(value, rel=1e-4)
    assert (
        "trained on training and validation data together, judged on test data" in caplog.messages
    )


# --- from a job to its trainer ------------------------------------------------------------------


async def test_a_job_that_is_final_is_so_in_its_process_too(tmp_path: Path) -> None:
    hide_main_module()
    file = tmp_path / "own.py"
    file.write_text(OWN)
    job = fake_job(tmp_path, trainer=TrainerRef(name="own", module=str(file)))
    async with LocalExecutor(grace=0.5) as executor:
        async with launched(executor, replace(job, final=True)) as attempt:
            first, ended = await followed(attempt)

    assert ended == Ended(outcome=Outcome.COMPLETED)
    assert isinstance(first, Heard) and first.metrics == {"final": 1.0}


async def test_the_example_trains_finally_and_as_trials_do(tmp_path: Path) -> None:
    trainer = TrainerRef(name="own", module=str(PERCEPTRON))
    told: list[str] = []
    async with InlineExecutor() as executor:
        for final in (False, True):
            (tmp_path / str(final)).mkdir()
            job = fake_job(tmp_path / str(final), trainer=trainer, epochs=1)
            async with launched(executor, replace(job, final=final)) as attempt:
                first, ended = await followed(attempt)
            assert ended == Ended(outcome=Outcome.COMPLETED) and isinstance(first, Heard)
            told += first.metrics

    assert told == ["val_accuracy", "test_accuracy"]


async def test_a_trainer_that_declares_no_final_training_does_not_pass_another_one_off_as_such(
    tmp_path: Path,
) -> None:
    file = tmp_path / "own.py"
    declared = 'final_objective=Objective(name="test_accuracy", direction="maximize"),'
    assert declared in PERCEPTRON.read_text()
    file.write_text(PERCEPTRON.read_text().replace(declared, ""))
    job = fake_job(tmp_path, trainer=TrainerRef(name="own", module=str(file)), epochs=1)
    async with InlineExecutor() as executor:
        async with launched(executor, replace(job, final=True)) as attempt:
            (ended,) = await followed(attempt)

    assert isinstance(ended, Ended) and ended.outcome is Outcome.RAISED
    assert "its SPEC declares no final_objective" in ended.reason
