"""Studies written to files: real ones of both kinds, whole or not at all."""

import ast
import csv
import io
import json
import shlex
import sqlite3
import sys
import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import cast

import anyio
import anyio.to_thread
import optuna
import pytest
from mcp import Client, MCPError
from mcp.types import ResourceLink

from mcp_automl.answers import ExportFormat
from mcp_automl.catalog import Catalog
from mcp_automl.domain.errors import (
    ExportNotFound,
    InvalidRequest,
    NothingToShow,
    WorkspaceUnusable,
)
from mcp_automl.domain.events import Outcome, Record
from mcp_automl.domain.script import Needs, script
from mcp_automl.domain.study import Study, Trial, TrialState
from mcp_automl.exports import Exports
from mcp_automl.folders import Folders
from mcp_automl.results import Results
from mcp_automl.server.app import build
from mcp_automl.stores.archive import SqliteArchive
from mcp_automl.stores.registry import SqliteRegistry
from tests.fakes_server import FakeArchive, FakeRegistry, a_config, a_service, a_study, a_trial
from tests.stores_for_tests import CONFIG, NOW, Pair

pytestmark = pytest.mark.anyio


@pytest.fixture
def exports(pair: Pair, path: Path) -> Exports:
    folders = Folders(studies=path.parent / "studies", data=path.parent / "data")
    results = Results(SqliteRegistry(path), folders, "")
    return Exports(SqliteArchive(path), results, Catalog(), path.parent / "exports", lambda: NOW)


async def a_run(pair: Pair) -> Study:
    """A study that still runs, with a trial in every state but RUNNING."""
    study = await pair.started(constants={"momentum": 0.5})
    await pair.completed(study, 0.5, 0.9, cost=0.25)
    await pair.failed(study, 'ValueError: a "quoted", line\nand another')
    pruned = (await pair.attempted(study)).trial
    await pair.measure(study, pruned, {1: 0.25})
    record = Record(pruned, TrialState.PRUNED, 0.25, 0.125, "worse than the median")
    await pair.store.record(study, record, Outcome.STOPPED)
    await pair.interrupted(study, Outcome.STOPPED, 1, 2)
    return study


def table(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


async def test_a_table_has_every_trial_of_a_study_that_still_runs(
    pair: Pair, exports: Exports
) -> None:
    study = await a_run(pair)

    exported = await anyio.to_thread.run_sync(exports.export, study, "csv")

    rows = table(exported.path)
    assert exported.path.name == "Digits-1.csv" and exported.trials == len(rows) == 4
    assert [row["state"] for row in rows] == ["COMPLETE", "FAIL", "PRUNED", "WAITING"]
    assert [row["value"] for row in rows] == ["0.9", "", "0.25", "0.5"]
    assert [row["epochs"] for row in rows] == ["2", "0", "1", "2"]
    assert [row["cost_usd"] for row in rows] == ["0.25", "0.01", "0.125", "0.01"]
    assert rows[1]["reason"] == 'ValueError: a "quoted", line\nand another'
    assert list(rows[0])[-4:] == [f"params_{n}" for n in ("lr", "batch_size", "epochs", "momentum")]
    assert (rows[0]["params_lr"], rows[0]["params_momentum"]) == ("0.001", "0.5")
    assert rows[0]["ended_at"].endswith("Z") and rows[3]["ended_at"] == ""


async def test_json_says_the_same_and_what_was_searched(pair: Pair, exports: Exports) -> None:
    study = await a_run(pair)

    exported = await anyio.to_thread.run_sync(exports.export, study, "json")
    document = json.loads(exported.path.read_text())

    assert document["study"]["objective"] == "val_accuracy"
    assert document["study"]["arguments"] == {"dataset": "digits"}
    assert document["study"]["exported_at"] == "2027-01-15T08:00:00.000Z"
    assert [trial["value"] for trial in document["trials"]] == [0.9, None, 0.25, 0.5]
    assert document["trials"][0]["params"]["batch_size"] == 64


def test_a_study_without_trials_is_an_empty_table(pair: Pair, exports: Exports) -> None:
    study = pair.registry.create(CONFIG)
    assert table(exports.export(study, "csv").path) == []
    assert json.loads(exports.export(study, "json").path.read_text())["trials"] == []
    with pytest.raises(NothingToShow):
        exports.export(study, "script")


def test_a_study_of_plain_optuna_is_written_into_the_folder_whatever_its_name(
    pair: Pair, exports: Exports, path: Path
) -> None:
    made = optuna.create_study(study_name="../../evil\n", storage=f"sqlite:///{path}")
    made.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    study = next(s for s in SqliteRegistry(path).studies() if s.id < 0)

    exported = exports.export(study, "csv")

    assert exported.path.parent == path.parent / "exports"
    assert [float(row["params_x"]) for row in table(exported.path)] == [
        trial.params["x"] for trial in made.trials
    ]
    assert json.loads(exports.export(study, "json").path.read_text())["trials"]
    with pytest.raises(InvalidRequest, match="choose format 'csv' or 'json'"):
        exports.export(study, "script")


def test_ten_times_the_trials_take_no_more_memory(pair: Pair, exports: Exports, path: Path) -> None:
    study = pair.registry.create(CONFIG)
    fill(path, study, 3_000)
    tracemalloc.start()
    try:
        exported = exports.export(study, "json")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert exported.trials == 3_000
    assert peak < exported.size / 2 and exported.size > 500_000


def fill(path: Path, study: Study, n: int) -> None:
    """Finished trials straight into Optuna's tables."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("INSERT INTO studies VALUES (1, ?)", (study.config.name,))
        trials = ((i + 1, i, 1, "COMPLETE", "2026-01-01 00:00:00") for i in range(n))
        db.executemany(
            "INSERT INTO trials (trial_id, number, study_id, state, datetime_start) "
            "VALUES (?, ?, ?, ?, ?)",
            trials,
        )
        lr = '{"name": "FloatDistribution", "attributes": {"low": 0, "high": 1, "log": false}}'
        params = ((i + 1, "lr", 0.5, lr) for i in range(n))
        db.executemany(
            "INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json) "
            "VALUES (?, ?, ?, ?)",
            params,
        )


class Broken(FakeArchive):
    """An archive that breaks off after its first trial."""

    def parameters(self, study: Study) -> Sequence[str]:
        return []

    def trials(self, study: Study) -> Iterator[Trial]:
        yield a_trial()
        raise OSError("the disk has gone")


def test_what_breaks_off_leaves_the_file_of_before(tmp_path: Path) -> None:
    results = cast("Results", None)
    exports = Exports(Broken(FakeRegistry()), results, Catalog(), tmp_path, lambda: NOW)
    (tmp_path / "mnist-opt-20260104.csv").write_text("of before")
    with pytest.raises(WorkspaceUnusable, match="the disk has gone"):
        exports.export(a_study(), "csv")
    assert [file.read_text() for file in tmp_path.iterdir()] == ["of before"]


# --- scripts -----------------------------------------------------------------------------------

NEEDS = Needs(module="trainers.mnist", pins=["torch==2.9.0"])


def test_a_script_holds_exactly_what_the_best_trial_was_trained_with() -> None:
    text = script(a_study(), a_trial(), NEEDS, "/usr/bin/python3")
    (parameters,) = (
        ast.literal_eval(node.value)
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PARAMETERS"
    )
    assert parameters == {
        "lr": 0.001547, "batch_size": 128, "epochs": 4, "dataset": "mnist", "seed": 7,
    }  # fmt: skip
    assert '# dependencies = [\n#     "torch==2.9.0",\n# ]\n# ///\n' in text
    assert "# Trial #2 of study mnist-opt-20260104: val_accuracy 0.9847 on MNIST" in text


def test_a_script_says_that_its_trial_was_stopped_early() -> None:
    text = script(a_study(data=""), a_trial(epoch=2, state=TrialState.PRUNED), NEEDS, "python")
    assert "val_accuracy 0.9847, stopped after epoch 2." in text


def test_what_a_data_set_is_called_never_becomes_code() -> None:
    study = a_study(
        data="x\nimport os\r\nos.remove('y')\u2028\x00\x0cz", arguments={"dataset": "'\n"}
    )
    plain = script(a_study(), a_trial(), NEEDS, "python")
    text = script(study, a_trial(), NEEDS, "py\nthon")
    kinds = [type(node) for node in ast.parse(text).body]
    assert kinds == [type(node) for node in ast.parse(plain).body]
    assert text.count("import ") == plain.count("import ") + 1, "within a comment"


def test_the_versions_that_a_trainer_needs_are_those_that_are_installed() -> None:
    needs = Catalog().needs("mnist")
    pins = dict(pin.split("==") for pin in needs.pins)
    assert needs.module == "trainers.mnist"
    assert "torch" in pins and "safetensors" in pins
    assert not any("+" in pin for pin in needs.pins)
    with pytest.raises(InvalidRequest, match="model_type can be"):
        Catalog().needs("gpt")


# --- through the server ------------------------------------------------------------------------


async def test_the_reply_links_to_a_resource_and_does_not_hold_the_content(tmp_path: Path) -> None:
    registry = FakeRegistry()
    registry.add(a_study(config=a_config("s")), [a_trial(0), a_trial(1)])
    async with Client(build(lambda: a_service(registry, tmp_path))) as client:
        arguments = {"study_name": "s", "format": "csv"}
        result = await client.call_tool("export_automl_study", arguments)
        text, link = result.content
        assert isinstance(link, ResourceLink) and link.mime_type == "text/csv"
        (content,) = (await client.read_resource(link.uri)).contents
    path = tmp_path / "exports" / "s.csv"
    assert getattr(text, "text") == (  # noqa: B009
        f"[OK] AutoML Study Exported: s\n2 trials: {path} ({path.stat().st_size} bytes)"
    )
    assert getattr(content, "text") == path.read_text()  # noqa: B009
    assert result.structured_content == {
        "name": "s",
        "format": "csv",
        "path": str(path),
        "uri": "automl://exports/s.csv",
        "trials": 2,
        "bytes": path.stat().st_size,
    }


async def test_the_reply_runs_a_script_with_the_python_that_has_its_trainer(tmp_path: Path) -> None:
    registry = FakeRegistry()
    registry.add(a_study(config=a_config("s")), [a_trial(0)])
    async with Client(build(lambda: a_service(registry, tmp_path))) as client:
        result = await client.call_tool("export_automl_study", {"study_name": "s"})
    path = tmp_path / "exports" / "s.py"
    run = f"Run: {shlex.join([sys.executable, str(path)])}"
    assert getattr(result.content[0], "text").splitlines()[-1] == run  # noqa: B009
    assert f"# Run: {sys.executable} THIS_FILE" in path.read_text()


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_large_table_is_read_in_pieces_that_say_where_the_rest_is(
    tmp_path: Path, mode: str
) -> None:
    registry = FakeRegistry()
    strange = 'a "quoted", line\nand another'
    trials = [replace(a_trial(n), reason=strange) for n in range(10_000)]
    registry.add(a_study(config=a_config("s")), trials)
    seen: dict[str, list[int]] = {"csv": [], "json": []}
    async with Client(build(lambda: a_service(registry, tmp_path)), mode=mode) as client:

        async def piece(uri: str, mime: str) -> str:
            with anyio.fail_after(10):
                (content,) = (await client.read_resource(uri)).contents
            text: str = getattr(content, "text")  # noqa: B009
            assert content.mime_type == mime and len(text) < 21_000
            return text

        for format in seen:
            await client.call_tool("export_automl_study", {"study_name": "s", "format": format})
        path = tmp_path / "exports" / "s.csv"
        first = await piece("automl://exports/s.csv", "text/csv")
        more = f"# 9900 more trials: read automl://exports/s.csv?offset=100; all 10000: {path}\n"
        assert first.endswith(more)
        assert path.read_text().startswith(first.removesuffix(more))
        for row in csv.DictReader(io.StringIO(first.removesuffix(more))):
            seen["csv"].append(int(row["number"]))
            assert row["reason"] == strange
        few = await piece("automl://exports/s.csv?offset=5&limit=5", "text/csv")
        assert "read automl://exports/s.csv?limit=5&offset=10; all 10000" in few
        last = await piece("automl://exports/s.csv?offset=9998&limit=5", "text/csv")
        assert [row["number"] for row in csv.DictReader(io.StringIO(last))] == ["9998", "9999"]
        found = json.loads(await piece("automl://exports/s.json?limit=1000", "application/json"))
        seen["json"] = [it["number"] for it in found["trials"]]
        assert found["study"]["name"] == "s" and "read automl://exports/s.json?" in found["rest"]
        end = json.loads(await piece("automl://exports/s.json?offset=9999", "application/json"))
        assert (end["trials"][0]["number"], "rest" in end) == (9_999, False)
        with pytest.raises(MCPError, match="limit must be from 1 to 1000, not 0"):
            await client.read_resource("automl://exports/s.csv?limit=0")
    assert seen["csv"] == list(range(100)), "whole rows"
    assert seen["json"] == list(range(len(seen["json"]))) and len(seen["json"]) > 50


async def test_a_script_is_read_whole_as_what_it_is(tmp_path: Path) -> None:
    registry = FakeRegistry()
    registry.add(a_study(config=a_config("a.b")), [a_trial(0)])
    async with Client(build(lambda: a_service(registry, tmp_path))) as client:
        await client.call_tool("export_automl_study", {"study_name": "a.b"})
        (content,) = (await client.read_resource("automl://exports/a.b.py")).contents
    assert content.mime_type == "text/x-python"
    text: str = getattr(content, "text")  # noqa: B009
    assert text == (tmp_path / "exports" / "a.b.py").read_text()


@pytest.mark.parametrize("file", ["../automl_studies.db", "no.csv", ".export-x.tmp", "link.csv"])
def test_nothing_else_is_read_as_an_export(tmp_path: Path, file: str) -> None:
    exports = tmp_path / "exports"
    exports.mkdir()
    (tmp_path / "automl_studies.db").touch()
    (exports / ".export-x.tmp").touch()
    (exports / "link.csv").symlink_to(tmp_path / "automl_studies.db")
    with pytest.raises(ExportNotFound, match="call export_automl_study"):
        a_service(FakeRegistry(), tmp_path).exported(file)


def test_a_script_is_what_is_written_where_no_format_is_named() -> None:
    assert ExportFormat.of(None) is ExportFormat.SCRIPT


@pytest.mark.parametrize(
    ("file", "content", "why"),
    [
        ("s.json", b'{"study": {}, "trials": [{"numb', "Unterminated string"),
        ("s.json", b'{"study": {}}', "it has no trials"),
        ("s.json", b'{"trials": []}', "it has no study"),
        ("s.json", b'["trials"]', "it has no study"),
        ("s.json", b"[" * 100_000, "recursion"),
        ("s.json", b'{"study": {}, "trials": ["\\ud800"]}', "can't encode character '\\ud800'"),
        ("s.csv", b"", "it is empty"),
        ("s.csv", b"\n\n", "it is empty"),
        ("s.csv", b"\0" * 100, "it is empty"),
        ("s.csv", b'number,reason\n0,"cut he', "unexpected end of data"),
        ("s.csv", b"number\n\xff\n", "can't decode byte 0xff"),
        ("s.csv", b"number\n" + b"1" * 200_000, "field larger than field limit"),
        ("s.py", b"\xff", "can't decode byte 0xff"),
    ],
)
def test_an_export_that_somebody_has_damaged_is_refused_with_what_is_wrong(
    tmp_path: Path, file: str, content: bytes, why: str
) -> None:
    path = tmp_path / "exports" / file
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(ExportNotFound) as refused:
        a_service(FakeRegistry(), tmp_path).exported(file)
    said = str(refused.value)
    assert said.startswith(f"{path} is no export any more (") and why in said
    assert said.endswith("); call export_automl_study again to write it anew")
