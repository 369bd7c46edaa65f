"""Settings come from the environment and the operator's file, never from a working directory."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from mcp_automl.settings import Settings


def test_the_environment_says_where_the_workspace_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MCP_AUTOML_HOME", str(tmp_path / "studies"))
    settings = Settings()
    assert settings.database == tmp_path / "studies" / "automl_studies.db"
    assert settings.tracking_uri == f"sqlite:///{tmp_path / 'studies' / 'mlflow.db'}"


def test_an_mlflow_server_of_the_users_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert Settings().tracking_uri == "http://127.0.0.1:5000"


def test_the_operators_file_is_read_and_the_environment_wins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "mcp_automl.toml"
    file.write_text("max_parallel_trials = 5\ngpu_usd_per_hour = 2.5\n")
    monkeypatch.setenv("MCP_AUTOML_CONFIG", str(file))
    monkeypatch.setenv("MCP_AUTOML_MAX_PARALLEL_TRIALS", "2")
    settings = Settings()
    assert (settings.max_parallel_trials, settings.gpu_usd_per_hour) == (2, 2.5)


def test_a_file_in_the_working_directory_is_not_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "mcp_automl.toml").write_text("max_parallel_trials = 7\n")
    monkeypatch.delenv("MCP_AUTOML_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "nothing"))
    monkeypatch.chdir(tmp_path)
    assert Settings().max_parallel_trials == 3


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_AUTOML_HOME", "")
    monkeypatch.setenv("MCP_AUTOML_IDLE_SECONDS", "")
    settings = Settings()
    assert settings.workspace != Path.cwd()
    assert settings.idle_seconds == 60.0


@pytest.mark.parametrize("slots", ["0", "-1", "many", "1000"])
def test_a_number_of_slots_that_makes_no_sense_is_refused(
    monkeypatch: pytest.MonkeyPatch, slots: str
) -> None:
    monkeypatch.setenv("MCP_AUTOML_MAX_PARALLEL_TRIALS", slots)
    with pytest.raises(ValidationError, match="max_parallel_trials|MAX_PARALLEL_TRIALS"):
        Settings()
