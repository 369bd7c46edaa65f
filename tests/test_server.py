"""The server as its clients of both eras see it, in memory."""

import json
import re
from typing import Any

import anyio
import pytest
from mcp import Client, MCPError
from mcp.server.mcpserver import MCPServer
from mcp.types import CallToolResult, TextContent

from mcp_automl.domain.study import StudyState, TrialState
from tests.fakes_server import FakeRegistry, a_config, a_study, a_trial

TOOLS = [
    "start_automl_study",
    "get_automl_study_status",
    "list_automl_studies",
    "compare_automl_trials",
    "get_automl_best_params",
    "stop_automl_study",
    "delete_automl_study",
    "trigger_training_job",
    "get_queue_status",
    "cancel_job",
    "get_cost_report",
    "export_automl_study",
    "plot_automl_study",
    "explain_automl_study",
]
DONE = "mnist-opt-20260104"


async def call(client: Client, tool: str, **arguments: Any) -> CallToolResult:
    with anyio.fail_after(5):
        return await client.call_tool(tool, arguments)


def text_of(result: CallToolResult) -> str:
    content = result.content[0]
    assert isinstance(content, TextContent)
    return content.text


def structure_of(result: CallToolResult) -> dict[str, Any]:
    assert isinstance(result.structured_content, dict)
    return result.structured_content


def add_finished(registry: FakeRegistry, name: str = DONE) -> None:
    trials = [
        a_trial(0, 0.9, state=TrialState.PRUNED),
        a_trial(1, float("nan")),
        a_trial(2, 0.9847),
        a_trial(3, None, state=TrialState.FAIL),
    ]
    registry.add(a_study(config=a_config(name, n_trials=3)), trials)


async def test_the_tools_come_in_a_stable_order_with_titles_and_hints(client: Client) -> None:
    tools = (await client.list_tools()).tools
    assert [tool.name for tool in tools] == TOOLS
    assert all(tool.title and tool.description and tool.output_schema for tool in tools)
    hints = [tool.annotations for tool in tools]
    read_only = [tool.name for tool, h in zip(tools, hints, strict=True) if h and h.read_only_hint]
    assert read_only == [*TOOLS[1:5], "get_queue_status", "get_cost_report", *TOOLS[-2:]]
    assert not any(h is None or h.open_world_hint for h in hints)
    destroys = [tool.name for tool, h in zip(tools, hints, strict=True) if h and h.destructive_hint]
    assert destroys == ["delete_automl_study", "cancel_job"]


async def test_the_whole_list_of_tools_costs_less_than_four_thousand_tokens(client: Client) -> None:
    tools = (await client.list_tools()).tools
    wire = json.dumps([tool.model_dump(by_alias=True, exclude_none=True) for tool in tools])
    assert len(wire) < 4 * 4_000


async def test_an_objects_fields_are_named_where_the_object_stands(client: Client) -> None:
    tools = {tool.name: tool.output_schema or {} for tool in (await client.list_tools()).tools}
    best = tools["get_automl_study_status"]["properties"]["best"]
    assert best["description"].startswith("number, state, value, epoch, params")


async def test_no_default_stands_in_the_schema_for_a_client_to_fill_in(client: Client) -> None:
    schema = (await client.list_tools()).tools[0].input_schema
    assert schema["required"] == ["study_name"]
    assert " ".join(schema["properties"]) == (
        "study_name model_type n_trials epochs_max cost_budget_usd max_cost_per_trial_usd "
        "search_space sampler pruner dry_run"
    )
    assert not any("default" in parameter for parameter in schema["properties"].values())
    assert all(parameter["description"] for parameter in schema["properties"].values())


async def test_every_answer_has_the_structure_that_its_tool_declares(
    client: Client, registry: FakeRegistry
) -> None:
    add_finished(registry)
    # Knowing the schemas, the SDK's client raises on a result that does not fit.
    assert all(tool.output_schema for tool in (await client.list_tools()).tools)
    calls: dict[str, dict[str, Any]] = {
        "start_automl_study": {"study_name": "new"},
        "get_automl_study_status": {"study_name": DONE},
        "list_automl_studies": {},
        "compare_automl_trials": {"study_name": DONE},
        "get_automl_best_params": {"study_name": DONE},
        "stop_automl_study": {"study_name": "new"},
        "get_cost_report": {"group_by": "day", "since": "7d"},
        "export_automl_study": {"study_name": DONE},
        "plot_automl_study": {"study_name": DONE},
        "explain_automl_study": {"study_name": DONE},
        "delete_automl_study": {"study_name": DONE, "confirm_name": DONE},
    }
    for tool, arguments in calls.items():
        result = await call(client, tool, **arguments)
        assert not result.is_error, text_of(result)
        assert json.dumps(result.structured_content, allow_nan=False)


async def test_a_study_is_started_with_the_defaults_of_a_new_one(
    client: Client, registry: FakeRegistry
) -> None:
    result = await call(client, "start_automl_study", study_name="new")
    assert text_of(result).startswith("[OK] AutoML Study Started: new\nModel: mnist (")
    config = registry.stored["new"].config
    assert (config.n_trials, config.epochs_max, config.cost_budget_usd) == (20, 5, None)
    assert structure_of(result)["created"] is True


async def test_null_and_numbers_as_text_are_accepted(
    client: Client, registry: FakeRegistry
) -> None:
    result = await call(
        client,
        "start_automl_study",
        study_name="new",
        model_type=None,
        n_trials="30",
        epochs_max=None,
        cost_budget_usd="0.5",
    )
    assert not result.is_error, text_of(result)
    config = registry.stored["new"].config
    assert (config.n_trials, config.epochs_max, config.cost_budget_usd) == (30, 5, 0.5)


async def test_what_is_left_out_keeps_its_stored_value(
    client: Client, registry: FakeRegistry
) -> None:
    await call(client, "start_automl_study", study_name="s", n_trials=3, cost_budget_usd=0.5)
    result = await call(client, "start_automl_study", study_name="s", n_trials=30)
    assert text_of(result).startswith("[OK] AutoML Study Resumed: s\n")
    assert "Trials: 0 of 30 done" in text_of(result) and "Budget: $0.50" in text_of(result)
    assert registry.stored["s"].config.cost_budget_usd == 0.5


async def test_a_study_that_has_all_its_trials_starts_none(
    client: Client, registry: FakeRegistry
) -> None:
    add_finished(registry)
    result = await call(client, "start_automl_study", study_name=DONE)
    assert "nothing was left to run" in text_of(result)
    assert structure_of(result)["nothing_to_run"] is True
    assert registry.writes == 0


async def test_a_finished_study_is_told_by_every_reading_tool(
    client: Client, registry: FakeRegistry
) -> None:
    add_finished(registry)
    status = await call(client, "get_automl_study_status", study_name=DONE)
    assert text_of(status).startswith(f"[OK] AutoML Study Complete: {DONE}\n")
    assert structure_of(status)["best"]["params"]["lr"] == 0.001547
    table = await call(client, "compare_automl_trials", study_name=DONE, top_k=1)
    assert text_of(table).startswith(f"[Info] Top 1 Trial for {DONE}:")
    best = await call(client, "get_automl_best_params", study_name=DONE)
    assert "trigger_training_job(epochs=4, lr=0.001547, batch_size=128)" in text_of(best)
    assert structure_of(best)["terminal"].endswith("--seed 7")
    studies = await call(client, "list_automl_studies")
    assert structure_of(studies)["studies"][0]["best"] == 0.9847


async def test_a_study_that_nobody_has_taken_up_is_stopped_at_once(
    client: Client, registry: FakeRegistry
) -> None:
    registry.add(a_study(StudyState.QUEUED, config=a_config("s")))
    result = await call(client, "stop_automl_study", study_name="s")
    assert text_of(result) == (
        "[OK] AutoML Study Stopped: s\n"
        "Trials: 0 of 10 done\n"
        'Next: start_automl_study(study_name="s") goes on with it'
    )
    assert structure_of(result)["state"] == "STOPPED"


async def test_a_running_study_is_asked_to_stop_and_its_status_says_so(
    client: Client, registry: FakeRegistry
) -> None:
    running = a_trial(0, state=TrialState.RUNNING)
    registry.add(a_study(StudyState.RUNNING, config=a_config("s")), [running])
    result = await call(client, "stop_automl_study", study_name="s")
    assert text_of(result).startswith(
        "[OK] AutoML Study Stopping: s\nTrials: 0 of 10 done, 1 running; they end now, keep"
    )
    assert structure_of(result)["stopping"] is True
    status = await call(client, "get_automl_study_status", study_name="s")
    assert "Stopping: no new trials" in text_of(status)
    assert structure_of(status)["stopping"] is True and structure_of(status)["next_look_s"] == 5


async def test_a_study_that_is_stopping_promises_nothing(
    client: Client, registry: FakeRegistry
) -> None:
    registry.add(a_study(StudyState.RUNNING, config=a_config("s")), [])
    result = await call(client, "stop_automl_study", study_name="s")
    assert "0 of 10 done, none running\n" in text_of(result)
    result = await call(client, "get_automl_best_params", study_name="s")
    assert "nothing more comes; once it is STOPPED, call start_automl_study(" in text_of(result)


async def test_stopping_a_finished_study_says_so_and_changes_nothing(
    client: Client, registry: FakeRegistry
) -> None:
    add_finished(registry)
    result = await call(client, "stop_automl_study", study_name=DONE)
    assert text_of(result).splitlines()[:2] == [
        f"[Info] AutoML Study Not Running: {DONE}",
        "It is COMPLETE; nothing was changed",
    ]
    assert structure_of(result)["changed"] is False
    assert registry.writes == 0


REFUSALS: list[tuple[str, dict[str, Any], str]] = [
    ("stop_automl_study", {"study_name": "nobody"}, "no study named 'nobody'; studies: "),
    ("get_automl_study_status", {"study_name": "nobody"}, "no study named 'nobody'; studies: "),
    ("compare_automl_trials", {"study_name": "empty"}, "no finished trial .* get_automl_study_sta"),
    ("get_automl_best_params", {"study_name": "empty"}, "no finished trial"),
    ("compare_automl_trials", {"study_name": DONE, "top_k": 0}, "top_k must be from 1 to 50"),
    ("compare_automl_trials", {"study_name": DONE, "top_k": 51}, "top_k must be from 1 to 50"),
    ("start_automl_study", {"study_name": "other", "model_type": "mnist"}, "is a study of model"),
    ("start_automl_study", {"study_name": "n", "n_trials": 0}, "n_trials must be from 1 to 10000"),
    ("start_automl_study", {"study_name": "n", "n_trials": 10**6}, "from 1 to 10000, not 1000000"),
    (
        "start_automl_study",
        {"study_name": "n", "n_trials": 10**4000},
        f"not 1{'0' * 58}…; it is the study's total, finished trials included",
    ),
    ("start_automl_study", {"study_name": "n", "epochs_max": 0}, "epochs_max must be from 1"),
    ("start_automl_study", {"study_name": "n", "cost_budget_usd": "NaN"}, "dollars such as 0.50"),
    ("start_automl_study", {"study_name": "n", "cost_budget_usd": "inf"}, "dollars such as 0.50"),
    ("start_automl_study", {"study_name": "n", "cost_budget_usd": -1}, "dollars such as 0.50"),
    ("start_automl_study", {"study_name": "n", "model_type": "gpt"}, "model_type can be 'mnist'"),
    ("start_automl_study", {"study_name": "a b"}, "is no name for a study; use 1 to 64 letters"),
    ("start_automl_study", {"study_name": "x" * 65}, "is no name for a study; use 1 to 64"),
    ("start_automl_study", {"study_name": ".."}, "no name for a study, because it means a folder"),
    (
        "start_automl_study",
        {"study_name": "n", "trials": 3},
        "no argument 'trials'; it takes study",
    ),
    ("list_automl_studies", {"limit": 3}, "no argument 'limit'; it takes offset"),
    (
        "start_automl_study",
        {"study_name": "n", "n_trials": "many"},
        "n_trials must be a whole number from 1 to 10000 such as 20, or left out, not 'many'",
    ),
    ("start_automl_study", {"study_name": "n", "n_trials": 3.5}, "n_trials must be a whole number"),
    (
        "start_automl_study",
        {"study_name": "n", "n_trials": True},
        "n_trials must be a whole number",
    ),
    ("start_automl_study", {"study_name": "n", "n_trials": [3]}, "n_trials must be a whole number"),
    ("get_cost_report", {"group_by": "week"}, "one of 'study', 'model', 'day', 'owner', not 'week"),
    ("get_cost_report", {"group_by": 7}, "group_by must be a text such as 'study', or left out"),
    ("export_automl_study", {"study_name": "nobody"}, "no study named 'nobody'; studies: "),
    (
        "export_automl_study",
        {"study_name": DONE, "format": "xls"},
        "one of 'script', 'csv', 'json'",
    ),
    ("export_automl_study", {"study_name": "empty"}, "no finished trial"),
    ("get_cost_report", {"since": "yesterday"}, "such as 2026-11-24T08:30, or a number of days"),
    ("get_cost_report", {"since": "9000-01-01"}, "since must lie in the past"),
    (
        "start_automl_study",
        {"study_name": "n", "cost_budget_usd": "1 $"},
        "number above 0 such as",
    ),
    ("start_automl_study", {"study_name": 7}, "must be a text that matches .* 'mnist-opt-1', not"),
    ("start_automl_study", {}, "study_name is missing: it must be a text that matches"),
    ("start_study", {"study_name": "n"}, "no tool 'start_study'; call one of these: start_automl_"),
]


@pytest.mark.parametrize(("tool", "arguments", "says"), REFUSALS)
async def test_a_call_that_cannot_be_carried_out_says_what_would_be_valid(
    client: Client, registry: FakeRegistry, tool: str, arguments: dict[str, Any], says: str
) -> None:
    add_finished(registry)
    registry.add(a_study(StudyState.RUNNING, config=a_config("empty"), id=2))
    registry.add(a_study(config=a_config("other", model="llm"), id=3))
    result = await call(client, tool, **arguments)
    said = text_of(result)
    assert result.is_error
    assert re.search(says, said), said
    assert "pydantic" not in said and "Error executing" not in said
    assert structure_of(result)["error"]["message"] == said
    assert registry.writes == 0
    assert re.search(rf"(?i)(call|call one of these:) ({'|'.join(TOOLS)})\b", said), said
    assert len(said) < 500


async def test_a_bare_nan_on_the_wire_is_no_budget(
    server: MCPServer[Any], registry: FakeRegistry
) -> None:
    """The SDK's client cannot send one, but its server takes `NaN` for a number."""
    arguments = {"study_name": "n", "cost_budget_usd": float("nan")}
    result = await server.call_tool("start_automl_study", arguments)
    assert isinstance(result, CallToolResult) and result.is_error
    assert "cost_budget_usd must be a positive number" in text_of(result)
    assert registry.writes == 0


async def test_a_domain_error_keeps_its_kind(client: Client) -> None:
    result = await call(client, "get_automl_study_status", study_name="nobody")
    assert structure_of(result)["error"]["kind"] == "StudyNotFound"


async def test_studies_can_be_read_as_resources(client: Client, registry: FakeRegistry) -> None:
    add_finished(registry)
    with anyio.fail_after(5):
        listed = (await client.read_resource("automl://studies")).contents[0]
        one = (await client.read_resource(f"automl://studies/{DONE}")).contents[0]
        templates = (await client.list_resource_templates()).resource_templates
    assert [t.uri_template for t in templates] == [
        "automl://studies/{name}",
        "automl://jobs/{id}/log",
        "automl://trainers/{name}",
        "automl://jobs/{id}",
        "automl://studies/{name}/trials{?limit,offset,state}",
        "automl://studies/{name}/trials/{number}",
        "automl://studies/{name}/best",
        "automl://studies/{name}/importance{?limit,offset}",
        "automl://studies/{name}/report.md",
        "automl://exports/{name}.py",
        "automl://exports/{name}.csv{?limit,offset}",
        "automl://exports/{name}.json{?limit,offset}",
    ]
    assert listed.mime_type == one.mime_type == "application/json"
    assert json.loads(getattr(listed, "text"))["total"] == 1  # noqa: B009
    status = await call(client, "get_automl_study_status", study_name=DONE)
    assert json.loads(getattr(one, "text")) == status.structured_content  # noqa: B009


async def test_a_resource_that_is_not_there_is_invalid_params(client: Client) -> None:
    with anyio.fail_after(5), pytest.raises(MCPError) as refused:
        await client.read_resource("automl://studies/nobody")
    assert refused.value.error.code == -32602
    assert "no study named 'nobody'" in refused.value.error.message


async def test_wrong_settings_are_named(
    server: MCPServer[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCP_AUTOML_MAX_PARALLEL_TRIALS", "many")
    async with Client(server) as client:
        result = await call(client, "list_automl_studies")
    assert "MAX_PARALLEL_TRIALS" in text_of(result) and "restart the server" in text_of(result)
