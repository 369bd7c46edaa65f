"""How the database comes to be, and what is said where it cannot."""

import os
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from mcp_automl.domain.errors import NameTaken, NewerDatabase, WorkspaceUnusable
from mcp_automl.stores import filesystem, schema
from mcp_automl.stores.database import Database
from mcp_automl.stores.registry import SqliteRegistry
from tests.stores_for_tests import CONFIG

OPEN_AND_CREATE = """
import anyio, sys
from pathlib import Path
from mcp_automl.domain.errors import NameTaken
from mcp_automl.stores.optuna import OptunaStore
from mcp_automl.stores.registry import SqliteRegistry
from tests.stores_for_tests import CONFIG
sys.stdin.readline()
path = Path(sys.argv[1])
registry = SqliteRegistry(path)
try:
    registry.create(CONFIG)
    print("created")
except NameTaken:
    print("taken")
store = OptunaStore(path, kill=print)
anyio.run(store.open, registry.find(CONFIG.name))
"""

READ_A_STUDY = """
import sys
from pathlib import Path
from mcp_automl.stores.registry import SqliteRegistry
from mcp_automl.stores.sqlite_changes import SqliteChanges
registry = SqliteRegistry(Path(sys.argv[1]))
study = registry.find("Digits-1")
registry.progress(study), registry.studies(), registry.orchestrator()
print([name for name in ("optuna", "sqlalchemy", "alembic", "numpy") if name in sys.modules])
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "workspace" / "automl_studies.db"


def query(path: Path, sql: str) -> object:
    with closing(sqlite3.connect(path)) as connection:
        row = connection.execute(sql).fetchone()
        connection.commit()
        return row[0] if row else None


def test_a_workspace_belongs_to_its_owner_alone(path: Path) -> None:
    SqliteRegistry(path).create(CONFIG)

    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nothing_is_made_before_it_is_needed(path: Path) -> None:
    SqliteRegistry(path)

    assert not path.parent.exists()


def test_a_database_that_was_deleted_is_made_again(path: Path) -> None:
    registry = SqliteRegistry(path)
    registry.create(CONFIG)
    for file in path.parent.iterdir():
        file.unlink()

    assert registry.studies() == []
    assert registry.create(CONFIG).id == 1


def test_a_local_file_is_in_wal_mode(path: Path) -> None:
    SqliteRegistry(path).studies()

    assert query(path, "PRAGMA journal_mode") == "wal"


def test_a_file_on_a_network_has_a_rollback_journal(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, mounted = str(path.parents[3]), str(path.parents[1])
    mounts = [
        SimpleNamespace(mountpoint="/", fstype="ext4"),
        SimpleNamespace(mountpoint=root, fstype="ext4"),
        SimpleNamespace(mountpoint=mounted, fstype="nfs4"),
        SimpleNamespace(mountpoint=f"{mounted}/workspac", fstype="ext4"),
    ]
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: mounts)

    SqliteRegistry(path).create(CONFIG)

    assert query(path, "PRAGMA journal_mode") == "delete"


def test_an_unreadable_mount_table_means_a_local_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(all: bool) -> None:
        raise PermissionError

    monkeypatch.setattr(psutil, "disk_partitions", unreadable)

    assert filesystem.kind_of(path) == ""
    assert not filesystem.is_remote(path)


def test_older_tables_are_brought_up_to_date(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SqliteRegistry(path).create(CONFIG)
    step = ("ALTER TABLE automl_studies ADD COLUMN mood TEXT NOT NULL DEFAULT 'good'",)
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, step))

    assert [s.config for s in SqliteRegistry(path).studies()] == [CONFIG]

    assert query(path, "SELECT mood FROM automl_studies") == "good"
    assert query(path, "SELECT version FROM automl_schema") == len(schema.STEPS)


def test_a_server_that_runs_reads_a_backup_that_is_older_than_our_indexes(path: Path) -> None:
    registry = SqliteRegistry(path)
    study = registry.create(CONFIG)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP INDEX automl_attempts_course")

    assert registry.progress(study).pruned_for_cost == 0


def test_a_step_that_fails_leaves_the_database_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    SqliteRegistry(path).create(CONFIG)
    version = query(path, "SELECT version FROM automl_schema")
    broken = ("CREATE TABLE automl_mood (id INTEGER)", "nonsense")
    with monkeypatch.context() as patched:
        patched.setattr(schema, "STEPS", (*schema.STEPS, broken))
        with pytest.raises(sqlite3.OperationalError):
            SqliteRegistry(path).studies()

    assert query(path, "SELECT version FROM automl_schema") == version
    assert query(path, "SELECT 1 FROM sqlite_master WHERE name = 'automl_mood'") is None
    assert len(SqliteRegistry(path).studies()) == 1


def test_a_newer_database_is_refused_with_the_upgrade_command(path: Path) -> None:
    SqliteRegistry(path).create(CONFIG)
    query(path, "UPDATE automl_schema SET version = 999")

    with pytest.raises(NewerDatabase, match="pip install -U mcp-automl"):
        SqliteRegistry(path).find(CONFIG.name)


def test_a_folder_that_cannot_be_made_is_answered_with_the_line_to_set(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(WorkspaceUnusable, match="MCP_AUTOML_HOME=/"):
        SqliteRegistry(tmp_path / "file" / "s.db").studies()


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write everywhere")
def test_a_read_only_folder_is_answered_with_the_line_to_set(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    with pytest.raises(WorkspaceUnusable, match="MCP_AUTOML_HOME=/"):
        SqliteRegistry(tmp_path / "s.db").studies()


def test_a_file_that_is_no_database_is_answered_with_the_line_to_set(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    path.write_text("not a database\n" * 100)

    with pytest.raises(WorkspaceUnusable, match=r"no SQLite database.*MCP_AUTOML_HOME=/"):
        SqliteRegistry(path).studies()


def test_a_corrupt_database_is_answered_with_the_line_to_set(path: Path) -> None:
    registry = SqliteRegistry(path)
    registry.create(CONFIG)
    query(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))

    with pytest.raises(WorkspaceUnusable, match=r"corrupt.*MCP_AUTOML_HOME=/"):
        registry.studies()


def test_a_mistake_of_ours_is_not_blamed_on_the_workspace(path: Path) -> None:
    registry = SqliteRegistry(path)
    registry.create(CONFIG)
    query(path, "DROP TABLE automl_studies")

    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        registry.studies()


def test_of_eight_that_create_a_study_at_once_one_wins(path: Path) -> None:
    def create(_: int) -> str:
        try:
            SqliteRegistry(path).create(CONFIG)
        except NameTaken:
            return "taken"
        return "created"

    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(create, range(8)))

    assert sorted(results) == ["created", *["taken"] * 7]


def test_three_processes_may_open_a_new_workspace_at_once(path: Path) -> None:
    command = [sys.executable, "-c", OPEN_AND_CREATE, str(path)]
    processes = [
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()

    results = [process.communicate(timeout=50) for process in processes]

    assert [errors for _, errors in results] == ["", "", ""]
    assert sorted(words for words, _ in results) == ["created\n", "taken\n", "taken\n"]
    assert query(path, "SELECT COUNT(*) FROM trials") == 1


def test_reading_studies_imports_neither_optuna_nor_sqlalchemy(path: Path) -> None:
    SqliteRegistry(path).create(CONFIG)

    command = [sys.executable, "-c", READ_A_STUDY, str(path)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)

    assert result.stdout == "[]\n"


def test_within_a_view_nothing_that_is_read_changes(tmp_path: Path) -> None:
    database = Database(tmp_path / "studies.db")

    def versions() -> int:
        with database.read() as connection:
            return int(connection.execute("SELECT COUNT(*) FROM automl_schema").fetchone()[0])

    with database.view():
        assert versions() == 1
        with database.write() as connection:
            connection.execute("INSERT INTO automl_schema VALUES (0)")
        assert versions() == 1
    assert versions() == 2
