"""Pictures and explanations as a client gets them, and what they are read from."""

import base64
import io
import json
import re
import subprocess
import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import optuna
import pytest
from mcp import Client
from mcp.types import CallToolResult, ImageContent, TextContent
from PIL import Image

from mcp_automl.catalog import Catalog
from mcp_automl.domain.events import Outcome
from mcp_automl.domain.pictures.kinds import Kind
from mcp_automl.domain.sampling import Pruner, Sampler
from mcp_automl.domain.study import StudyState, TrialState
from mcp_automl.pictures import Pictures
from mcp_automl.stores.archive import SqliteArchive
from mcp_automl.stores.registry import SqliteRegistry
from tests.fakes_server import FakeRegistry, a_study, a_trial
from tests.pictures_for_tests import some_trials, the_study, wide_trials
from tests.stores_for_tests import NOW, real_pair

MOST_BYTES = 100_000
MOST_CHARACTERS = 6_000
"""About 1,500 tokens, of text and structure together."""


async def call(client: Client, tool: str, **given: Any) -> CallToolResult:
    with anyio.fail_after(20):
        return await client.call_tool(tool, given)


def shown(result: CallToolResult) -> tuple[Image.Image, str]:
    image, text = result.content
    assert isinstance(image, ImageContent) and isinstance(text, TextContent)
    assert image.mime_type == "image/png"
    data = base64.b64decode(image.data)
    assert len(data) < MOST_BYTES
    opened = Image.open(io.BytesIO(data))
    opened.load()
    return opened, text.text


async def a_stored_study(path: Path) -> None:
    """Four trials: two complete, one pruned, one failed."""
    pair = real_pair(path)
    study = await pair.started()
    for value in (0.8, 0.9):
        await pair.completed(study, value - 0.2, value - 0.1, value)
        pair.pass_time(30)
    await pair.failed(study, "ValueError: no")
    await pair.interrupted(study, Outcome.STOPPED, 1)


async def test_every_kind_is_a_small_picture_and_says_its_numbers(tmp_path: Path) -> None:
    path = tmp_path / "automl_studies.db"
    await a_stored_study(path)

    def draw() -> dict[str, tuple[bytes, str]]:
        from mcp_automl.drawing import png

        pictures = Pictures(SqliteRegistry(path), SqliteArchive(path), Catalog())
        study = pictures.registry.find("Digits-1")
        assert study is not None
        kinds = [kind.value for kind in Kind if kind is not Kind.IMPORTANCE]
        made = {kind: pictures.picture(study, kind) for kind in kinds}
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return {kind: (png(it), "\n".join(it.words)) for kind, it in made.items()}

    drawn = await anyio.to_thread.run_sync(draw)
    for png, _ in drawn.values():
        assert len(png) < MOST_BYTES
        assert Image.open(io.BytesIO(png)).size == (880, 550)
    said = {kind: words for kind, (_, words) in drawn.items()}
    assert "Best so far: #0 0.8000, #1 0.9000" in said["history"]
    assert "#1 0.9000: lr=" in said["parallel"] and "#1 0.9000: lr=" in said["contour"]
    assert "epoch 3: 0.9000, median 0.8500 of 2" in said["intermediate"]
    assert (
        "4 attempts" in said["timeline"]
        and "2 complete, 1 failed, 1 interrupted" in (said["timeline"])
    )
    assert "0.8000 for $0.0100" in said["pareto"] or "0.9000 for $0.0100" in said["pareto"]
    assert "Best: #1" in said["slice"]


async def test_importance_is_drawn_and_told_by_the_tool(
    client: Client, registry: FakeRegistry
) -> None:
    registry.add(the_study(), some_trials(40))
    result = await call(client, "plot_automl_study", study_name="digits", kind="importance")
    image, text = shown(result)
    assert image.format == "PNG" and image.size == (880, 550)
    assert text.startswith("[Info] Which parameters mattered: digits\nlr: ")
    assert "stands out (luck alone could reach" in text
    told = result.structured_content
    assert told is not None and (told["study"], told["kind"]) == ("digits", "importance")
    assert told["trials"] == 40 and told["words"] == text.splitlines()[1:]


async def test_a_picture_that_cannot_be_drawn_says_which_can(
    client: Client, registry: FakeRegistry
) -> None:
    registry.add(the_study(), some_trials(40))
    registry.add(a_study(), [a_trial(0, None, state=TrialState.FAIL)])
    asked = [("digits", "pie"), ("digits", "timeline"), (a_study().config.name, "history")]
    said = []
    for name, kind in asked:
        result = await call(client, "plot_automl_study", study_name=name, kind=kind)
        assert result.is_error
        said.append(getattr(result.content[0], "text"))  # noqa: B009
    assert "kind must be one of 'history', 'importance', 'parallel'" in said[0]
    assert 'call plot_automl_study(study_name="digits", kind="history") instead' in said[1]
    assert "has no finished trial with a value yet" in said[2]


async def test_an_explanation_is_two_sentences_numbers_and_the_next_call(
    client: Client, registry: FakeRegistry
) -> None:
    registry.add(the_study(), some_trials(40))
    result = await call(client, "explain_automl_study", study_name="digits")
    text = getattr(result.content[0], "text")  # noqa: B009
    first, mattered, good, lr, *_, last = text.splitlines()
    assert "; the best 5 have 0.000" in lr
    assert first == "[Info] AutoML Study Explained: digits (40 finished trials)"
    assert mattered.startswith("What mattered, more than luck explains: lr (")
    assert good.endswith("what to try next: a narrower study.")
    structure = result.structured_content
    assert structure is not None and structure["parameters"][0]["name"] == "lr"
    assert structure["study"] == "digits" and structure["summary"][:2] == [mattered, good]
    complete = [t for t in some_trials(40) if t.state is TrialState.COMPLETE]
    best = max(complete, key=lambda trial: trial.value or 0)
    assert structure["best"] == {"number": best.number, "value": float(f"{best.value:.5g}")}
    assert isinstance(structure["best"]["number"], int)
    (narrow,) = re.findall(r"search_space=(\{.*\})\)$", last)
    assert Catalog().search("mnist", {"lr": json.loads(narrow)["lr"]}, None)
    assert last == f"Next: {structure['next']}" and len(text) < 4_000


@pytest.mark.parametrize(
    ("state", "id", "n", "effect", "says"),
    [
        (StudyState.RUNNING, 1, 40, 0.05, "explain it again once it has ended"),
        (StudyState.COMPLETE, 1, 5, 0.05, 'study_name="digits", n_trials=20) goes on'),
        (StudyState.COMPLETE, 1, 40, 0.0, 'study_name="digits", n_trials=20) goes on'),
        (StudyState.COMPLETE, -1, 40, 0.05, 'format="csv") for all its trials'),
    ],
)
async def test_what_to_try_next_is_a_call(
    client: Client,
    registry: FakeRegistry,
    state: StudyState,
    id: int,
    n: int,
    effect: float,
    says: str,
) -> None:
    registry.add(the_study(state=state, id=id), some_trials(n, effect=effect))
    result = await call(client, "explain_automl_study", study_name="digits")
    assert says in getattr(result.content[0], "text")  # noqa: B009


@pytest.mark.parametrize(
    ("sampler", "pruner", "says"),
    [
        (Sampler.TPE, Pruner.MEDIAN, ", search_space="),
        (Sampler.AUTO, Pruner.ASHA, ', sampler="auto", search_space='),
        (Sampler.AUTO, Pruner.MEDIAN, ', sampler="auto", pruner="median", search_space='),
        (Sampler.GP, Pruner.MEDIAN, ', sampler="gp", search_space='),
    ],
)
async def test_a_narrower_study_is_searched_as_the_study_was(
    client: Client, registry: FakeRegistry, sampler: Sampler, pruner: Pruner, says: str
) -> None:
    study = the_study()
    config = replace(study.config, sampler=sampler, pruner=pruner)
    registry.add(replace(study, config=config), some_trials(40))
    result = await call(client, "explain_automl_study", study_name="digits")
    assert result.structured_content is not None
    assert f"epochs_max={config.epochs_max}{says}" in result.structured_content["next"]


async def test_a_wider_study_is_a_call_up_to_the_trainers_own_bound(
    client: Client, registry: FakeRegistry
) -> None:
    registry.add(the_study(), some_trials(60, peak=-1, effect=0.1))
    result = await call(client, "explain_automl_study", study_name="digits")
    assert result.structured_content is not None
    wider = result.structured_content["next"]
    assert wider.startswith('start_automl_study(study_name="digits-wide", model_type="mnist", ')
    (space,) = re.findall(r"search_space=(\{.*\})\)$", wider)
    assert json.loads(space)["lr"] == {"type": "float", "low": 1e-5, "high": 1.0, "log": True}
    assert Catalog().search("mnist", json.loads(space), None)


@pytest.mark.parametrize("state", [StudyState.COMPLETE, StudyState.RUNNING])
async def test_of_any_number_of_wide_parameters_a_reply_is_short_and_says_where_the_rest_is(
    client: Client, registry: FakeRegistry, state: StudyState
) -> None:
    space, trials = wide_trials(200, 60)
    registry.add(the_study(space, state=state), trials)

    def size(result: CallToolResult) -> int:
        texts = [it.text for it in result.content if isinstance(it, TextContent)]
        return len("".join(texts)) + len(json.dumps(result.structured_content))

    explained = await call(client, "explain_automl_study", study_name="digits")
    assert size(explained) < MOST_CHARACTERS
    text = getattr(explained.content[0], "text")  # noqa: B009
    told = re.search(r"(\d+) more parameters: read automl://\S+/importance\?offset=(\d+)", text)
    assert told and int(told[1]) + int(told[2]) == 60
    if state is StudyState.COMPLETE:
        assert "narrowed to where the best lie; the rest of search_space as automl://" in text
    for kind in ("importance", "parallel", "slice", "contour", "history"):
        result = await call(client, "plot_automl_study", study_name="digits", kind=kind)
        assert not result.is_error and size(result) < MOST_CHARACTERS, kind
        assert ("more: automl://studies/digits/importance has all" in shown(result)[1]) is (
            kind != "history"
        )


def test_a_study_of_plain_optuna_is_drawn_with_its_own_steps_and_times(tmp_path: Path) -> None:
    path = tmp_path / "automl_studies.db"
    real_pair(path)
    made = optuna.create_study(study_name="a $x$ 日本", storage=f"sqlite:///{path}")

    def objective(trial: optuna.Trial) -> float:
        trial.report(3.0, 100)
        trial.report(float("nan"), 200)
        return trial.suggest_float("x_$", 0, 1)

    made.optimize(objective, n_trials=2)
    archive, registry = SqliteArchive(path), SqliteRegistry(path)
    study = next(study for study in registry.studies() if study.id < 0)
    latest, total = archive.attempts(study, 1)
    assert [(it.trial, it.slot, total) for it in latest] == [(1, "", 2)]
    assert archive.curves(study, [0, 1]) == {0: {100: 3.0}, 1: {100: 3.0}}
    assert [trial.params["x_$"] for trial in archive.chosen(study, [1, 0])] == [
        trial.params["x_$"] for trial in reversed(made.trials)
    ]
    picture = Pictures(registry, archive, Catalog()).picture(study, "history")
    from mcp_automl.drawing import png

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(png(picture)) < MOST_BYTES


async def test_what_trials_have_cost_is_read_at_once_and_is_what_each_of_them_costs(
    tmp_path: Path,
) -> None:
    path = tmp_path / "automl_studies.db"
    pair = real_pair(path)
    study = await pair.started()
    await pair.completed(study, 0.8, cost=0.03)
    await pair.interrupted(study, Outcome.STOPPED, 1)
    await pair.attempted(study)
    await pair.attempted(study)
    pair.pass_time(30)

    def read() -> tuple[dict[int, float], dict[int, float]]:
        archive, each = SqliteArchive(path), SqliteRegistry(path)
        found = dict(archive.costs(study))
        return found, {number: each.trial(study, number).cost_usd for number in found}

    at_once, one_by_one = await anyio.to_thread.run_sync(read)
    assert at_once == pytest.approx(one_by_one) and at_once[0] == 0.03 and len(at_once) >= 3


async def test_an_attempt_that_runs_lasts_until_its_last_sign_of_life(tmp_path: Path) -> None:
    path = tmp_path / "automl_studies.db"
    pair = real_pair(path)
    study = await pair.started()
    await pair.attempted(study)

    def read() -> Sequence[object]:
        return SqliteArchive(path).attempts(study, 10)[0]

    (running,) = await anyio.to_thread.run_sync(read)
    assert getattr(running, "state") is TrialState.RUNNING  # noqa: B009
    assert getattr(running, "ended_at") == NOW  # noqa: B009


def test_the_server_loads_no_drawing_and_drawing_prints_nothing() -> None:
    code = (
        "import sys, mcp_automl.server.app, mcp_automl.service, mcp_automl.composition\n"
        "heavy = {'matplotlib', 'PIL', 'numpy', 'torch', 'mlflow', 'optuna'} & set(sys.modules)\n"
        "import mcp_automl.drawing\n"
        "assert not heavy and 'matplotlib.pyplot' not in sys.modules, heavy\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_pictures_look_the_same_whatever_the_working_folder_says(tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_text("font.size: 33\n")
    code = (
        "import matplotlib, mcp_automl.drawing\n"
        "print(matplotlib.rcParams['font.size'], matplotlib.rcParams['text.parse_math'])"
    )
    command = [sys.executable, "-c", code]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (told.stdout, told.stderr) == ("10.0 False\n", "")
