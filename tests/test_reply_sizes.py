"""No reply is long, whatever a study holds: text and structure each, and every page of a list."""

import json
import re
from dataclasses import replace
from typing import Any

import anyio
import pytest
from mcp import Client

from mcp_automl.domain.space import Float, SearchSpace
from mcp_automl.domain.study import StudyState, Trial, TrialState
from mcp_automl.server.shapes import rounded, significant
from tests.fakes_server import FakeRegistry, a_config, a_study, a_trial
from tests.test_server import structure_of, text_of

pytestmark = pytest.mark.anyio
NAME = "wide"
MANY = 1_500 * 4
"""Characters of about 1,500 tokens."""

NAMES = [f"a_parameter_of_some_length_{n}" for n in range(12)]
SPACE = SearchSpace({name: Float(low=1e-5, high=1e-2, log=True) for name in NAMES})


def a_wide_trial(number: int, state: TrialState = TrialState.COMPLETE) -> Trial:
    params = dict.fromkeys(NAMES, (number + 1) / 30000.0)
    trial = a_trial(number, (number + 1) / 300, state=state, params=params, epoch=5_000)
    return replace(trial, cost_usd=0.1 + 0.2, reason="worse than the median " * 5)


@pytest.fixture(autouse=True)
def study(registry: FakeRegistry) -> None:
    running = [a_wide_trial(200 + n, TrialState.RUNNING) for n in range(10)]
    trials = [*(a_wide_trial(n) for n in range(60)), *running]
    config = a_config(NAME, n_trials=100, space=SPACE)
    registry.add(a_study(StudyState.RUNNING, config=config), trials)


async def read(client: Client, uri: str) -> str:
    with anyio.fail_after(5):
        (content,) = (await client.read_resource(uri)).contents
    return str(getattr(content, "text"))  # noqa: B009


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("compare_automl_trials", {"top_k": 50}),
        ("get_automl_study_status", {}),
        ("get_automl_best_params", {}),
    ],
)
async def test_text_and_structure_are_about_1500_tokens_at_most(
    client: Client, tool: str, arguments: dict[str, Any]
) -> None:
    with anyio.fail_after(5):
        result = await client.call_tool(tool, {"study_name": NAME, **arguments})
    assert not result.is_error
    assert len(text_of(result)) < MANY
    assert len(json.dumps(result.structured_content)) < MANY


async def test_a_comparison_says_how_many_it_leaves_out_and_where_all_of_them_are(
    client: Client,
) -> None:
    with anyio.fail_after(5):
        result = await client.call_tool("compare_automl_trials", {"study_name": NAME, "top_k": 50})
    shown = structure_of(result)
    assert [it["number"] for it in shown["trials"][:3]] == [59, 58, 57]
    assert len(shown["trials"]) + shown["hidden"] == 50 and shown["hidden"] > 0
    assert "All trials, whole: automl://studies/wide/trials a page at a time" in text_of(result)
    with anyio.fail_after(5):
        few = await client.call_tool("compare_automl_trials", {"study_name": NAME, "top_k": 3})
    assert (len(structure_of(few)["trials"]), structure_of(few)["hidden"]) == (3, 0)


async def test_the_pages_of_trials_are_short_and_together_they_are_all(client: Client) -> None:
    numbers: list[int] = []
    offset: int | None = 0
    while offset is not None:
        text = await read(client, f"automl://studies/{NAME}/trials?offset={offset}&state=complete")
        assert len(text) < MANY
        page = json.loads(text)
        numbers += [it["number"] for it in page["trials"]]
        assert page["next_offset"] != offset, "every page gets on"
        offset = page["next_offset"]
    assert numbers == list(range(60))


async def test_a_trial_of_thousands_of_epochs_is_short_and_keeps_its_ends(client: Client) -> None:
    text = await read(client, f"automl://studies/{NAME}/trials/7")
    assert len(text) < MANY
    epochs = [it["epoch"] for it in json.loads(text)["measurements"]]
    assert (epochs[0], epochs[-1]) == (1, 5_000) and 20 < len(epochs) <= 40


async def test_measured_numbers_have_at_most_five_significant_digits(client: Client) -> None:
    text = await read(client, f"automl://studies/{NAME}/trials?limit=5")
    for trial in json.loads(text)["trials"]:
        assert trial["cost_usd"] == 0.3
        for value in (trial["value"], trial["cost_usd"]):
            assert len(re.sub(r"^0\.0*|\.", "", repr(value))) <= 5
    exact = json.loads(text)["trials"][0]["params"][NAMES[0]]
    assert exact == 1 / 3e4, "what is to be trained again is what was trained"


def test_a_large_number_is_whole_and_none_is_none() -> None:
    assert significant(123_456.7) == 123_457.0 and significant(-0.000123456) == -0.00012346
    assert [rounded(it) for it in (None, float("nan"), float("inf"), 0.0)] == [None] * 3 + [0.0]
    assert rounded(0.123456, 4) == 0.1235
