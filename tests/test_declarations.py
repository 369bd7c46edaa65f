"""Trainers in Python files and packages: asked what they declare, never imported here."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mcp_automl import declarations
from mcp_automl.catalog import Catalog
from mcp_automl.declarations import Declarations
from mcp_automl.domain.errors import TrainerUnavailable
from mcp_automl.domain.events import Outcome
from mcp_automl.domain.jobs import Ended, TrainerRef
from mcp_automl.domain.space import Categorical, Float, Int
from mcp_automl.domain.study import Measurement
from mcp_automl.executors.inline import InlineExecutor
from mcp_automl.roster import own_trainers
from mcp_automl.worker.spec import decode, encode
from tests.jobs_for_tests import fake_job, followed, launched
from tests.packages_for_tests import TRAINER, install_trainer
from trainers.contract import Objective
from trainers.specs import BUILT_IN

EXAMPLES = Path(__file__).parent.parent / "docs" / "examples"
PERCEPTRON = str(EXAMPLES / "perceptron.py")


@pytest.fixture
def kept(tmp_path: Path) -> Declarations:
    return Declarations(tmp_path / "declarations")


def written(folder: Path, code: str) -> str:
    file = folder / "own.py"
    file.write_text(code)
    return str(file)


def test_a_spec_arrives_as_it_was_declared() -> None:
    specs = [*BUILT_IN, replace(BUILT_IN[0], gpus=0.5, cpu_cores=2)]

    assert [decode(encode(spec)) for spec in specs] == specs


def test_a_spec_that_was_kept_before_there_were_final_trainings_can_be_read() -> None:
    told = json.loads(encode(BUILT_IN[0]))
    del told["spec"]["final_objective"]

    assert decode(json.dumps(told)) == replace(BUILT_IN[0], final_objective=None)


def test_a_file_declares_what_its_final_training_measures(kept: Declarations) -> None:
    declared = Objective(name="test_accuracy", direction="maximize")

    assert kept.of(PERCEPTRON).final_objective == declared
    assert kept.of(PERCEPTRON).final_objective == declared, "what is kept says it too"


def test_the_trainer_of_a_file_is_the_operators_by_its_name_in_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: Declarations
) -> None:
    file = tmp_path / "mcp_automl.toml"
    file.write_text(f'[trainers.mine]\nfile = "{PERCEPTRON}"\ntrial_timeout_s = 9\ngpus = 1')
    monkeypatch.setenv("MCP_AUTOML_CONFIG", str(file))
    catalog = Catalog(own=lambda: own_trainers(kept))

    assert dict(catalog.search("mine", None, None).space.parameters) == {
        "lr": Float(low=1e-4, high=0.1, log=True),
        "hidden": Categorical(choices=(16, 32, 64)),
        "epochs": Int(low=1, high=5),
    }
    assert catalog.reference("mine") == TrainerRef(
        name="mine", module=PERCEPTRON, trial_timeout_s=9, gpus=1
    )


def test_an_installed_package_offers_its_trainers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: Declarations
) -> None:
    folder = install_trainer(tmp_path / "site")
    monkeypatch.setenv("MCP_AUTOML_CONFIG", str(tmp_path / "none.toml"))
    monkeypatch.setenv("PYTHONPATH", f"{folder}:{Path(__file__).parent.parent}")
    monkeypatch.syspath_prepend(folder)
    catalog = Catalog(own=lambda: own_trainers(kept))

    assert catalog.names == ("mnist", "llm", "parabola")
    assert catalog.declaration("parabola").description == "How far x is from one."
    assert catalog.reference("parabola").module == "parabolas.trainer"
    assert "parabolas" not in sys.modules


def test_an_answer_is_kept_until_the_file_changes(
    tmp_path: Path, kept: Declarations, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = written(tmp_path, TRAINER)
    first = kept.of(module)

    def refuse(module: str) -> str:
        raise AssertionError(f"{module} was asked again")

    with monkeypatch.context() as patch:
        patch.setattr(declarations, "_asked", refuse)
        assert kept.of(module) == first
        written(tmp_path, TRAINER.replace("How far x is from one.", "Changed, and longer too."))
        with pytest.raises(AssertionError, match="was asked again"):
            kept.of(module)
    assert kept.of(module).description == "Changed, and longer too."


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("raise OSError('the disk \\x1b[31mis full')", r"OSError: the disk \[31mis full"),
        ("import no_such_package", "No module named 'no_such_package'"),
        ("def broken(", "SyntaxError"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("import os; os._exit(3)", "its process ended with code 3"),
        ("x = 1", "it has no SPEC; write SPEC = TrainerSpec"),
        (TRAINER.replace("def train", "def tune"), r"it has no train\(config, context\)"),
        (TRAINER.replace("default=0.5", "default=5.0"), "a value lies outside what it allows"),
    ],
)
def test_a_file_that_is_no_trainer_is_named_with_what_is_wrong(
    tmp_path: Path, kept: Declarations, code: str, problem: str
) -> None:
    module = written(tmp_path, code)

    with pytest.raises(TrainerUnavailable, match=problem) as found:
        kept.of(module)

    assert module in str(found.value)


def test_a_file_that_takes_for_ever_to_import_is_given_up(
    tmp_path: Path, kept: Declarations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(declarations, "ANSWER_SECONDS", 0.3)

    with pytest.raises(TrainerUnavailable, match="could not be imported within"):
        kept.of(written(tmp_path, "import time; time.sleep(1000)"))


async def test_a_file_trains_with_its_defaults_and_goes_on_from_its_checkpoint(
    tmp_path: Path,
) -> None:
    trainer = TrainerRef(name="mine", module=PERCEPTRON)
    async with InlineExecutor() as executor:
        async with launched(executor, fake_job(tmp_path, trainer=trainer, epochs=2)) as attempt:
            *first, _ = await followed(attempt)
        async with launched(executor, fake_job(tmp_path, trainer=trainer, epochs=3)) as attempt:
            *second, last = await followed(attempt)

    assert last == Ended(outcome=Outcome.COMPLETED)
    assert second[0] == first[-1]
    assert [it.epoch for it in [*first, *second] if isinstance(it, Measurement)] == [1, 2, 2, 3]
