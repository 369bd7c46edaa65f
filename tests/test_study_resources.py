"""One study as resources, from its trials to a report to keep."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, MCPError
from mcp.server.mcpserver import MCPServer
from mcp.types import INVALID_PARAMS, ResourceTemplateReference

from mcp_automl.domain.errors import InvalidRequest
from mcp_automl.domain.paging import MAX_POINTS, Page, thinned
from mcp_automl.domain.space import Categorical, SearchSpace
from mcp_automl.domain.study import StudyState, TrialState
from mcp_automl.server import report
from mcp_automl.server.app import build
from mcp_automl.settings import Settings
from tests.fakes_server import FakeRegistry, a_config, a_service, a_study, a_trial
from tests.pictures_for_tests import some_trials, the_study, wide_trials

pytestmark = pytest.mark.anyio
NAME = "mnist-opt-20260104"


async def text_at(client: Client, uri: str) -> str:
    with anyio.fail_after(5):
        (content,) = (await client.read_resource(uri)).contents
    return str(getattr(content, "text"))  # noqa: B009


async def json_at(client: Client, uri: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await text_at(client, uri))
    return found


@pytest.fixture
def study(registry: FakeRegistry) -> None:
    states = [TrialState.PRUNED if n % 5 == 0 else TrialState.COMPLETE for n in range(30)]
    trials = [a_trial(n, n / 30, state=state) for n, state in enumerate(states)]
    registry.add(a_study(config=a_config(NAME, n_trials=30)), trials)


@pytest.mark.usefixtures("study")
async def test_trials_come_in_pages_that_say_where_the_next_one_begins(client: Client) -> None:
    first = await json_at(client, f"automl://studies/{NAME}/trials")
    assert (first["total"], len(first["trials"]), first["next_offset"]) == (30, 20, 20)
    last = await json_at(client, f"automl://studies/{NAME}/trials?limit=15&offset=20")
    assert [it["number"] for it in last["trials"]] == list(range(20, 30))
    assert last["next_offset"] is None
    pruned = await json_at(client, f"automl://studies/{NAME}/trials?state=pruned")
    assert pruned["total"] == 6 and {it["state"] for it in pruned["trials"]} == {"PRUNED"}


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize(
    ("query", "told"),
    [("limit=1000", "limit must be from 1 to 25"), ("state=DONE", "state must be one of RUNNING")],
)
async def test_a_page_that_cannot_be_is_refused_with_what_can(
    client: Client, query: str, told: str
) -> None:
    with pytest.raises(MCPError, match=told) as refused:
        await client.read_resource(f"automl://studies/{NAME}/trials?{query}")
    assert refused.value.error.code == INVALID_PARAMS


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize(
    ("part", "told"),
    [
        ("trials?limit=x", "limit must be a whole number of at most nine digits, not x"),
        ("trials?offset=1.5", "offset must be a whole number"),
        ("trials/abc", "number must be a whole number"),
        (f"trials/{'9' * 23}", "number must be a whole number"),
    ],
)
async def test_a_number_that_is_none_is_refused_with_what_one_is(
    client: Client, part: str, told: str
) -> None:
    with pytest.raises(MCPError, match=told) as refused:
        await client.read_resource(f"automl://studies/{NAME}/{part}")
    assert refused.value.error.code == INVALID_PARAMS


@pytest.mark.parametrize(
    "uri", ["automl://nope", f"automl://studies/{NAME}/nope", f"automl://{'x' * 9000}"]
)
async def test_an_address_of_no_kind_is_refused_with_those_there_are(
    client: Client, uri: str
) -> None:
    with pytest.raises(MCPError, match=f"^there is nothing at {uri[:60]}") as refused:
        await client.read_resource(uri)
    said = refused.value.error.message
    assert "; there are automl://studies, automl://costs" in said and len(said) < 1_000
    assert ", automl://studies/{name}/trials{?limit,offset,state}, " in said
    assert "ui://" not in said and refused.value.error.code == INVALID_PARAMS


async def test_settings_that_are_wrong_are_said_to_who_reads_and_complete_nothing(
    server: MCPServer[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCP_AUTOML_MAX_PARALLEL_TRIALS", "many")
    uri = "automl://studies/{name}"
    template = ResourceTemplateReference(type="ref/resource", uri=uri)

    def provide() -> Any:
        return Settings()

    async with Client(build(provide)) as client:
        with pytest.raises(MCPError, match="correct the variable MCP_AUTOML_"):
            await client.read_resource("automl://studies")
        found = await client.complete(template, {"name": "name", "value": ""})
    assert found.completion.values == []


@pytest.mark.usefixtures("study")
async def test_a_trial_has_its_epochs_parameters_and_cost(client: Client) -> None:
    trial = await json_at(client, f"automl://studies/{NAME}/trials/7")
    assert trial["trial"]["number"] == 7 and trial["trial"]["params"]["lr"] == 0.001547
    assert trial["epochs"] == len(trial["measurements"])
    assert trial["measurements"][-1]["metrics"].keys() == {"val_accuracy"}
    with pytest.raises(MCPError, match="has no trial #99"):
        await client.read_resource(f"automl://studies/{NAME}/trials/99")


@pytest.mark.usefixtures("study")
async def test_the_best_trial_is_what_the_tool_gives(client: Client) -> None:
    tool = await client.call_tool("get_automl_best_params", {"study_name": NAME})
    assert await json_at(client, f"automl://studies/{NAME}/best") == tool.structured_content


async def test_what_mattered_is_what_the_tool_gives_and_says(
    client: Client, registry: FakeRegistry
) -> None:
    registry.add(the_study(), some_trials(40))
    tool = await client.call_tool("explain_automl_study", {"study_name": "digits"})
    assert tool.structured_content
    uri = "automl://studies/digits/importance"
    with anyio.fail_after(5):
        (content,) = (await client.read_resource(uri)).contents
    found = json.loads(str(getattr(content, "text")))  # noqa: B009
    assert content.mime_type == "application/json"
    same = ("study", "trials", "best", "next", "parameters")
    assert all(tool.structured_content[key] == found[key] for key in same)
    assert (found["study"], found["objective"], found["total"]) == ("digits", "val_accuracy", 5)
    first, *others = found["parameters"]
    assert first["name"] == "lr" and first["stands_out"] and first["share"] > first["luck"]
    assert {it["name"] for it in others} == {"batch_size", "epochs", "optimizer", "momentum"}
    assert found["unjudged"] == []
    mattered, _, basis = found["summary"]
    assert mattered.startswith("What mattered, more than luck explains: lr (")
    assert basis.startswith("PED-ANOVA: the best 16 against all 40 finished trials;")


async def test_what_mattered_of_many_parameters_comes_in_pages_that_together_are_all(
    client: Client, registry: FakeRegistry
) -> None:
    space, trials = wide_trials(200, 40)
    single = SearchSpace({**space.parameters, "same": Categorical(choices=("x",))})
    registry.add(the_study(single), [replace(t, params={**t.params, "same": "x"}) for t in trials])
    names: list[str] = []
    offset: int | None = 0
    while offset is not None:
        uri = f"automl://studies/digits/importance?offset={offset}"
        text = await text_at(client, uri)
        assert len(text) < 6_000
        page = json.loads(text)
        names += [it["name"] for it in (*page["parameters"], *page["unjudged"])]
        offset = page["next_offset"]
    assert len(names) == len(set(names)) == page["total"] == 41 and names[-1] == "same"


async def test_where_nothing_can_be_said_of_what_mattered_that_is_said(
    client: Client, registry: FakeRegistry
) -> None:
    registry.add(the_study(), some_trials(9))
    found = await json_at(client, "automl://studies/digits/importance")
    assert found["trials"] == 9 and found["parameters"] == []
    assert "9 finished trials cannot tell what matters from luck" in found["summary"][0]


@pytest.mark.parametrize("part", ["best", "importance"])
async def test_what_no_finished_trial_has_brought_is_not_found_with_what_to_call(
    client: Client, registry: FakeRegistry, part: str
) -> None:
    registry.add(a_study(StudyState.RUNNING, config=a_config(NAME)))
    for name, told in ((NAME, "get_automl_study_status"), ("nobody", "list_automl_studies")):
        with pytest.raises(MCPError, match=told) as refused:
            await client.read_resource(f"automl://studies/{name}/{part}")
        assert refused.value.error.code == INVALID_PARAMS


async def test_what_mattered_in_ten_thousand_trials_is_a_short_text(
    client: Client, registry: FakeRegistry
) -> None:
    registry.add(the_study(), some_trials(10_000))
    text = await text_at(client, "automl://studies/digits/importance")
    assert json.loads(text)["trials"] == 10_000
    assert len(text) < 4_000, "about 1,000 tokens"


@pytest.mark.usefixtures("study")
async def test_a_report_is_a_page_of_its_own(client: Client) -> None:
    page = await text_at(client, f"automl://studies/{NAME}/report.md")
    assert page.startswith(f"# {NAME}\n")
    assert "Trial 29: **val_accuracy 0.9667**" in page
    assert page.split("|---|---|---|---|---|---|---|\n")[1].count("\n|") == 9, "its ten best trials"
    assert "## What was searched\n\n- lr: 1e-05 to 0.01, log scale\n- batch_size:" in page
    assert "| Trials | 30 of 30 done (24 complete, 6 pruned) |" in page
    assert "| Time | 1 min 30 s, begun on 2027-01-15 at 07:58 UTC |" in page
    assert "\n    trigger_training_job(epochs=4, lr=0.001547, batch_size=128)\n" in page
    assert "\n    python -m trainers.mnist --epochs 4 " in page


async def test_a_report_says_what_mattered_and_where_the_best_lie(
    client: Client, registry: FakeRegistry
) -> None:
    registry.add(the_study(), some_trials(40))
    page = await text_at(client, "automl://studies/digits/report.md")
    _, mattered = page.split("## What mattered\n\n- lr: ")
    assert " stands out (luck alone could reach " in mattered
    assert mattered.split("\n## ")[0].count("\n- ") == 5, "four more parameters, the basis"
    assert "\n- PED-ANOVA: the best 16 against all 40 finished trials" in mattered
    assert mattered.count("; the best 5 have ") == 5 and "what to try next" not in page


async def test_a_report_says_that_nothing_stands_out_and_advises_nothing(
    client: Client, registry: FakeRegistry
) -> None:
    registry.add(the_study(), some_trials(40, effect=0))
    page = await text_at(client, "automl://studies/digits/report.md")
    assert "## What mattered\n\n- No parameter stands out from luck in 40 finished trials" in page
    assert "\n- lr: " in page and "what to try next" not in page


@pytest.mark.parametrize(
    ("costs", "has_column", "says"),
    [
        ([0.00006, 0.00007], False, "Each of these cost under $0.0001; the study, $0.0001 in all."),
        ([0.0, 0.0], False, ""),
        ([0.00001, 0.0001], True, ""),
    ],
)
async def test_costs_stand_in_a_report_where_they_can_be_told_apart(
    client: Client, registry: FakeRegistry, costs: list[float], has_column: bool, says: str
) -> None:
    trials = [replace(a_trial(n), cost_usd=cost) for n, cost in enumerate(costs)]
    registry.add(a_study(config=a_config(NAME)), trials)
    page = await text_at(client, f"automl://studies/{NAME}/report.md")
    assert (" | epochs trained | cost |\n" in page) is has_column
    assert (" | epochs trained |\n" in page) is not has_column
    assert says in page and ("Each of these cost" in page) is bool(says)


HOSTILE = "<img src=x>![p](http://evil/p) a\\|b `c` **d** _e_ &lt;"


def test_a_report_shows_others_words_and_obeys_none_of_them(registry: FakeRegistry) -> None:
    space = SearchSpace({HOSTILE: Categorical(choices=(HOSTILE, "x"))})
    config = replace(a_config(NAME, space=space), name=HOSTILE)
    trial = replace(a_trial(0, 0.5), params={HOSTILE: HOSTILE})
    registry.add(replace(a_study(config=config), reason=HOSTILE), [trial])
    service = a_service(registry, Path("/nowhere"))
    page = report.page(service.status(HOSTILE), service.pages.top(HOSTILE))
    shown = r"&lt;img src=x&gt;\!\[p\](http&#58;//evil/p) a\\\|b \`c\` \*\*d\*\* \_e\_ &amp;lt;"
    assert page.startswith(f"# {shown}\n")
    assert "<" not in page and re.search(r"(?<!\\)[`\[\]!]", page) is None
    assert page.count(shown) >= 5, "as a title, a reason, a value and in the table"
    assert f"- {shown[:20]}" in page.split("## What was searched")[1]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see https://evil", "see https&#58;//evil"),
        ("www.evil.com", "www&#46;evil.com"),
        ("- a", "\\- a"),
        ("1. a", "1&#46; a"),
        ("$x$ of batch_size", "\\$x\\$ of batch_size"),
        ("-0.5 or 1.5", "-0.5 or 1.5"),
    ],
)
def test_a_report_makes_no_link_list_or_formula_of_others_words(
    registry: FakeRegistry, text: str, shown: str
) -> None:
    registry.add(replace(a_study(config=a_config(NAME)), data=text))
    page = report.page(a_service(registry, Path("/nowhere")).status(NAME), None)
    assert f"| Data | {shown} |" in page


def test_a_command_that_is_not_one_line_is_left_out_of_a_report(registry: FakeRegistry) -> None:
    space = SearchSpace({"style": Categorical(choices=("a\n\n# b", "c"))})
    trial = replace(a_trial(0, 0.5), params={"style": "a\n\n# b"})
    registry.add(a_study(config=a_config(NAME, space=space)), [trial])
    service = a_service(registry, Path("/nowhere"))
    page = report.page(service.status(NAME), service.pages.top(NAME), service.best(NAME))
    assert "python -m trainers" not in page and "\n# b" not in page
    assert 'trigger_training_job(params={"style": "a\\n\\n# b"})' in page


async def test_a_report_of_a_study_without_results_says_so(
    client: Client, registry: FakeRegistry
) -> None:
    registry.add(a_study(config=a_config(NAME)))
    assert "None has finished yet." in await text_at(client, f"automl://studies/{NAME}/report.md")


def test_a_page_is_a_part_of_a_list() -> None:
    assert Page(limit=2, offset=3).of(range(6)) == range(3, 5)
    assert Page(limit=2, offset=3).after(6) == 5 and Page(limit=2, offset=4).after(6) is None
    for wrong in ({"limit": 0}, {"limit": 26}, {"offset": -1}):
        with pytest.raises(InvalidRequest):
            Page(**wrong)


def test_what_is_thinned_keeps_its_ends_and_is_thinned_in_one_way_only() -> None:
    assert thinned([1, 2, 3]) == [1, 2, 3]
    many = thinned(range(10_000))
    assert (len(many), many[0], many[-1]) == (MAX_POINTS, 0, 9_999)
