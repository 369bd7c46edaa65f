"""Asking for a study's deletion: by tool and command line, with its files, and what is refused."""

import io
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from mcp_automl.archive import Removed
from mcp_automl.deletion import LATE, Deletions
from mcp_automl.domain.errors import InvalidRequest, NameTaken, StudyNotFound, StudyRuns
from mcp_automl.domain.study import Study, StudyState
from mcp_automl.folders import Folders
from mcp_automl.service import Service
from mcp_automl.settings import Settings
from mcp_automl.stores.archive import SqliteArchive
from mcp_automl.stores.registry import SqliteRegistry
from tests.fakes_server import FakeArchive, FakeRegistry, a_config, a_service, a_study, a_trial
from tests.stores_for_tests import CONFIG
from tests.test_cli import exit_status
from tests.test_server import call, structure_of, text_of

NAME = "mnist-opt-20260104"


def with_files(home: Path, study_id: int = 1, trials: int = 3) -> Path:
    """The folder of a study whose trials have left files."""
    folder = home / "studies" / str(study_id)
    for number in range(trials):
        trial = folder / "trials" / str(number)
        (trial / "checkpoints").mkdir(parents=True)
        (trial / "log.txt").write_text("epoch 1")
        (trial / "model.safetensors").write_bytes(b"weights")
        (trial / "checkpoints" / "last").write_bytes(b"more")
    return folder


@pytest.fixture
def service(registry: FakeRegistry, tmp_path: Path) -> Service:
    return a_service(registry, tmp_path)


# --- the use case ------------------------------------------------------------------------------


def test_a_study_goes_with_all_its_files_and_those_of_others_stay(
    service: Service, registry: FakeRegistry, tmp_path: Path
) -> None:
    registry.add(a_study(), [a_trial(0), a_trial(1)])
    mine, others = with_files(tmp_path), with_files(tmp_path, 11)
    export = tmp_path / "exports" / f"{NAME}.csv"
    export.parent.mkdir()
    export.touch()

    answer = service.delete_study(NAME, NAME)

    assert (answer.trials, answer.cost_usd, answer.notes) == (2, 0.02, ())
    assert not mine.exists() and len(list(others.rglob("*.safetensors"))) == 3
    assert export.exists()
    with pytest.raises(StudyNotFound):
        service.delete_study(NAME, NAME)


def test_a_study_without_files_is_deleted(service: Service, registry: FakeRegistry) -> None:
    registry.add(a_study())
    assert service.delete_study(NAME, NAME).notes == ()
    assert registry.stored == {}


@pytest.mark.parametrize(
    ("name", "confirm"),
    [(NAME, "yes"), (NAME, ""), (NAME, NAME.upper()), (NAME.upper(), NAME.upper())],
)
def test_a_name_that_is_not_the_studys_twice_to_the_letter_deletes_nothing(
    service: Service, registry: FakeRegistry, tmp_path: Path, name: str, confirm: str
) -> None:
    registry.add(a_study())
    folder = with_files(tmp_path)
    with pytest.raises(InvalidRequest, match=f'study_name="{NAME}", confirm_name="{NAME}"'):
        service.delete_study(name, confirm)
    assert list(registry.stored) == [NAME] and len(list(folder.rglob("*.safetensors"))) == 3


@pytest.mark.parametrize(
    ("study", "error", "says"),
    [
        (a_study(StudyState.RUNNING), StudyRuns, r"is RUNNING.*call stop_automl_study\("),
        (a_study(StudyState.QUEUED), StudyRuns, r"is QUEUED.*call stop_automl_study\("),
        (a_study(id=-4), NameTaken, "plain Optuna"),
    ],
)
def test_what_runs_or_is_not_ours_is_refused(
    service: Service,
    registry: FakeRegistry,
    study: Study,
    error: type[Exception],
    says: str,
    tmp_path: Path,
) -> None:
    registry.add(study)
    folder = with_files(tmp_path)
    with pytest.raises(error, match=says):
        service.delete_study(NAME, NAME)
    assert list(registry.stored) == [NAME] and folder.exists()


def test_a_study_that_is_stopping_is_refused_and_not_stopped_twice(
    service: Service, registry: FakeRegistry
) -> None:
    registry.add(a_study(StudyState.RUNNING))
    registry.stop(1)
    with pytest.raises(StudyRuns, match="is stopping.*wait until get_automl_study_status") as told:
        service.delete_study(NAME, NAME)
    assert "stop_automl_study" not in str(told.value)


# --- files -------------------------------------------------------------------------------------


@dataclass(slots=True)
class Clock:
    """Goes on by so many seconds whenever somebody looks at it."""

    step: float
    now: float = 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def deletions(registry: FakeRegistry, home: Path, step: float = 0.0) -> Deletions:
    folders = Folders(studies=home / "studies", data=home / "data")
    return Deletions(archive=FakeArchive(registry), folders=folders, clock=Clock(step))


def test_what_would_take_too_long_is_told_and_left_to_the_next_sweep(
    registry: FakeRegistry, tmp_path: Path
) -> None:
    registry.add(a_study())
    registry.add(a_study(config=a_config("other"), id=2))
    folder = with_files(tmp_path, trials=5)
    slow = deletions(registry, tmp_path, step=1.0)

    answer = slow.delete(a_study(), NAME, NAME)

    (note,) = answer.notes
    assert note.startswith(f"{folder} is not deleted yet: {LATE}. ")
    assert 0 < len(list((folder / "trials").iterdir())) < 5

    # Whoever waits for a deletion does not wait for what another one has left.
    others = with_files(tmp_path, 2, trials=1)
    assert slow.delete(a_study(config=a_config("other"), id=2), "other", "other").notes == ()
    assert folder.exists() and not others.exists()

    assert replace(slow, clock=Clock(0.0)).sweep() == {}
    assert not folder.exists()


def test_what_cannot_be_deleted_is_told_with_its_reason(
    registry: FakeRegistry, tmp_path: Path
) -> None:
    registry.add(a_study())
    moved = with_files(tmp_path, 99)
    (tmp_path / "studies" / "1").symlink_to(moved)

    (note,) = deletions(registry, tmp_path).delete(a_study(), NAME, NAME).notes

    assert note.startswith(f"{tmp_path / 'studies' / '1'} is not deleted yet: ")
    assert "symbolic link" in note
    assert registry.stored == {} and not list(moved.rglob("*.safetensors"))


def test_files_that_somebody_else_deletes_meanwhile_are_no_trouble(
    registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.add(a_study())
    folder, remove = with_files(tmp_path), shutil.rmtree

    def twice(path: Path, ignore_errors: bool = False) -> None:
        remove(path)
        remove(path, ignore_errors)

    monkeypatch.setattr(shutil, "rmtree", twice)

    assert deletions(registry, tmp_path).delete(a_study(), NAME, NAME).notes == ()
    assert not folder.exists()


def test_what_a_crash_left_after_the_transaction_goes_with_the_next_sweep(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    registry, archive = SqliteRegistry(path), SqliteArchive(path)
    study = registry.stop(registry.create(CONFIG).id)
    folder, others = with_files(tmp_path, study.id), with_files(tmp_path, study.id + 1)
    assert archive.delete(study) == Removed(trials=0, cost_usd=0.0)
    new = registry.create(CONFIG)

    folders = Folders(studies=tmp_path / "studies", data=tmp_path)
    assert Deletions(archive=archive, folders=folders).sweep() == {}

    assert new.id == study.id + 1 and others.exists(), "a living study's files are its own"
    assert not folder.exists()


# --- the tool ----------------------------------------------------------------------------------


async def test_the_reply_says_what_is_gone_and_what_stays_where(
    client: Client, registry: FakeRegistry, tmp_path: Path
) -> None:
    registry.add(a_study(), [a_trial(0), a_trial(1)])
    await anyio.to_thread.run_sync(with_files, tmp_path)

    result = await call(client, "delete_automl_study", study_name=NAME, confirm_name=NAME)

    assert text_of(result) == (
        f"[OK] AutoML Study Deleted: {NAME}\n"
        "Gone: 2 trials, with models and logs\n"
        f'Stays: its cost of $0.0200, in get_cost_report as "{NAME} (deleted)"; its exports; '
        "its runs in MLflow\n"
        f'Next: start_automl_study(study_name="{NAME}") begins a new one of that name, '
        "from nothing"
    )
    assert structure_of(result) == {"name": NAME, "trials": 2, "cost_usd": 0.02, "notes": []}
    assert registry.stored == {}


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"study_name": NAME, "confirm_name": "mnist"}, f'send study_name="{NAME}", confirm_name="'),
    ({"study_name": NAME}, "confirm_name"),
    ({"study_name": "no", "confirm_name": "no"}, "no study named 'no'"),
]


@pytest.mark.parametrize(("arguments", "says"), REFUSED)
async def test_a_refusal_says_what_to_send(
    client: Client, registry: FakeRegistry, arguments: dict[str, Any], says: str
) -> None:
    registry.add(a_study())
    result = await call(client, "delete_automl_study", **arguments)
    assert result.is_error and says in text_of(result)
    assert list(registry.stored) == [NAME]


async def test_clients_are_told_that_it_destroys(client: Client) -> None:
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    hints = tools["delete_automl_study"].annotations
    assert hints is not None and hints.destructive_hint and not hints.read_only_hint
    assert tools["delete_automl_study"].input_schema["required"] == ["study_name", "confirm_name"]


# --- the command line --------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def stopped() -> SqliteRegistry:
    """This user's workspace with a study that never ran."""
    registry = SqliteRegistry(Settings().database)
    registry.stop(registry.create(CONFIG).id)
    return registry


def run(monkeypatch: pytest.MonkeyPatch, *command: str, typed: io.StringIO | None = None) -> object:
    monkeypatch.setattr(sys, "stdin", typed or io.StringIO())
    return exit_status(monkeypatch, "delete", *command)


def test_a_person_types_the_name_again(
    stopped: SqliteRegistry, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "Digits-1", typed=Terminal("Digits-1\n")) == 0

    asked, said = capsys.readouterr().out.split(": ", maxsplit=1)
    assert asked == "Type Digits-1 to confirm deletion"
    assert said.startswith("[OK] AutoML Study Deleted: Digits-1\nGone: 0 trials")
    assert stopped.studies() == []


@pytest.mark.parametrize("typed", ["digits-1\n", "y\n", ""])
def test_anything_else_deletes_nothing(
    typed: str, stopped: SqliteRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(monkeypatch, "Digits-1", typed=Terminal(typed)) == 1
    assert len(stopped.studies()) == 1


def test_a_script_must_say_yes_because_nobody_can_be_asked(
    stopped: SqliteRegistry, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "Digits-1") == 2
    assert "--yes is required" in capsys.readouterr().err
    assert len(stopped.studies()) == 1

    assert run(monkeypatch, "Digits-1", "--yes") == 0
    assert stopped.studies() == []


def test_a_script_that_spells_the_name_otherwise_deletes_nothing(
    stopped: SqliteRegistry, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "DIGITS-1", "--yes") == 1
    assert 'study_name="Digits-1"' in capsys.readouterr().err
    assert len(stopped.studies()) == 1
