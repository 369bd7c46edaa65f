"""The command line: what it says when something is wrong, and with which status it exits."""

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from mcp_automl import cli, composition
from mcp_automl.answers import Started, StudyStatus
from mcp_automl.domain.study import StudyState
from mcp_automl.settings import Settings
from mcp_automl.stores.registry import SqliteRegistry
from tests.fakes_server import a_start, a_status, a_study
from tests.stores_for_tests import CONFIG


def exit_status(monkeypatch: pytest.MonkeyPatch, *command: str) -> object:
    monkeypatch.setattr(sys, "argv", ["mcp-automl", *command])
    with pytest.raises(SystemExit) as left:
        cli.main()
    return left.value.code


# --- settings ----------------------------------------------------------------------------------


@pytest.fixture
def file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    path = tmp_path / "mcp_automl.toml"
    monkeypatch.setenv("MCP_AUTOML_CONFIG", str(path))
    return path


@pytest.mark.parametrize("command", [["doctor"], ["studies"], ["orchestrate"]])
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"max_parallel_trials 3\n", "line 1"),
        (b"home = 'caf\xe9'\n", "can't decode"),
        (b"max_parallel_trials = 'many'\n", "max_parallel_trials"),
    ],
)
def test_a_settings_file_that_cannot_be_used_is_one_sentence_and_no_traceback(
    command: list[str],
    content: bytes,
    says: str,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file.write_bytes(content)

    assert exit_status(monkeypatch, *command) == 1

    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("error: ") and says in line


def test_a_settings_file_that_cannot_be_read_is_named_with_what_to_do(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text("[[[")

    exit_status(monkeypatch, "doctor")

    said = capsys.readouterr().err
    assert f"the settings in {file} cannot be read" in said
    assert "correct the file, or name another one in MCP_AUTOML_CONFIG" in said


# --- doctor ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unfinished", "says"),
    [(False, "it is started when a study needs it"), (True, "`mcp-automl studies`")],
)
def test_the_doctor_says_who_starts_an_orchestrator_that_should_run(
    unfinished: bool,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", "500")
    if unfinished:
        SqliteRegistry(Settings().database).create(CONFIG)

    exit_status(monkeypatch, "doctor")

    assert says in " ".join(capsys.readouterr().out.split())


# --- tune --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ended:
    """Use cases of a workspace whose only study has ended in that state."""

    state: StudyState

    def start_study(self, *arguments: object) -> Started:
        return a_start(a_study(self.state))

    def status(self, name: str) -> StudyStatus:
        return a_status(a_study(self.state), {})


@pytest.mark.parametrize(
    ("state", "status"),
    [(StudyState.COMPLETE, 0), (StudyState.STOPPED, 0), (StudyState.FAILED, 1)],
)
def test_tune_exits_with_one_if_the_study_has_failed(
    state: StudyState,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(composition, "build_service", lambda: Ended(state))

    assert exit_status(monkeypatch, "tune", "mnist") == status

    assert state.value.lower() in capsys.readouterr().out.lower()
