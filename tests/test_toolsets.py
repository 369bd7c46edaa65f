"""A server that offers some of its tools: listed, callable and spoken of are those alone."""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.server.mcpserver import MCPServer
from mcp.types import TextContent

from mcp_automl.__main__ import asked, main
from mcp_automl.domain.errors import InvalidRequest
from mcp_automl.domain.study import StudyState
from mcp_automl.domain.toolsets import Offer, Toolset
from mcp_automl.server.app import AutomlServer, build
from mcp_automl.server.instructions import STEPS, instructions, sentences
from tests.fakes_server import FakeRegistry, a_config, a_service, a_study, a_trial
from tests.pictures_for_tests import some_trials, the_study

Offering = Callable[[Offer], AutomlServer]

TOOL = r"\b(?:start|get|stop|list|compare|trigger|explain|plot|cancel|export|delete)_\w+"


@pytest.fixture
def offering(registry: FakeRegistry, server: MCPServer[Any], tmp_path: Path) -> Offering:
    """Makes servers; one is made already, because the first imports what blocks an event loop."""
    return lambda offer: build(lambda: a_service(registry, tmp_path), offer)


async def listed(server: AutomlServer) -> list[str]:
    return [tool.name for tool in await server.list_tools()]


@pytest.mark.parametrize("state", [StudyState.COMPLETE, StudyState.RUNNING])
@pytest.mark.parametrize(
    "offer", [Offer(read_only=True), Offer(toolsets=frozenset({Toolset.PICTURES}))]
)
@pytest.mark.parametrize(("n", "peak", "id"), [(40, -3, 1), (60, -1, 1), (5, -3, 1), (40, -3, -1)])
async def test_what_to_try_next_names_no_tool_that_is_not_offered(
    offering: Offering, registry: FakeRegistry, offer: Offer, state: StudyState,
    n: int, peak: int, id: int,
) -> None:  # fmt: skip
    registry.add(the_study(state=state, id=id), some_trials(n, peak=peak, effect=0.1))
    server = offering(offer)
    async with Client(server) as client:
        result = await client.call_tool("explain_automl_study", {"study_name": "digits"})
        read = await client.read_resource("automl://studies/digits/importance")
    everything = {tool.name for tool in await offering(Offer()).list_tools()}
    said = result.model_dump_json() + read.model_dump_json()
    assert "Next: " in said
    assert [it for it in everything - set(await listed(server)) if it in said] == []


# --- what is offered ---------------------------------------------------------------------------


async def test_a_read_only_server_lists_what_only_reads(offering: Offering) -> None:
    everything = await offering(Offer()).list_tools()
    read = [t.name for t in everything if t.annotations and t.annotations.read_only_hint]

    assert await listed(offering(Offer(read_only=True))) == read
    assert "start_automl_study" not in read and "get_automl_study_status" in read


async def test_the_toolsets_together_are_all_tools_each_in_one(offering: Offering) -> None:
    each = [await listed(offering(Offer(toolsets=frozenset({one})))) for one in Toolset]

    assert [name for names in each for name in names] == await listed(offering(Offer()))
    assert all(each)


@pytest.mark.parametrize(
    ("offer", "prompts"),
    [
        (Offer(), ["quick_optimization", "best_within_budget", "improve_model"]),
        (Offer(toolsets=frozenset({Toolset.STUDIES})), ["quick_optimization"]),
        (Offer(read_only=True), []),
    ],
)
async def test_a_prompt_is_offered_with_all_tools_that_it_names(
    offering: Offering, offer: Offer, prompts: list[str]
) -> None:
    assert [prompt.name for prompt in await offering(offer).list_prompts()] == prompts


@pytest.mark.parametrize("toolset", list(Toolset))
async def test_a_toolset_shows_if_one_of_its_tools_only_reads(
    toolset: Toolset, offering: Offering
) -> None:
    tools = await offering(Offer(toolsets=frozenset({toolset}))).list_tools()

    assert toolset.shows is any(t.annotations and t.annotations.read_only_hint for t in tools)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_tool_that_is_kept_back_is_refused_with_the_reason(
    mode: str, offering: Offering, registry: FakeRegistry
) -> None:
    server = offering(Offer.of("studies,costs", read_only=True))
    async with Client(server, mode=mode, raise_exceptions=True) as client:
        with anyio.fail_after(5):
            started = await client.call_tool("start_automl_study", {"study_name": "new"})
            queue = await client.call_tool("get_queue_status", {})

    assert started.is_error and queue.is_error
    said = [result.content[0] for result in (started, queue)]
    assert [isinstance(content, TextContent) for content in said] == [True, True]
    assert "this server is read-only; call one of get_automl_study_status" in str(said[0])
    assert "offers the toolsets studies, costs alone" in str(said[1])
    assert registry.stored == {}


# --- what is said of it ------------------------------------------------------------------------


async def test_the_instructions_name_the_tools_that_are_there_and_no_others(
    offering: Offering,
) -> None:
    everything = await listed(offering(Offer()))
    offers = [
        Offer(),
        Offer(read_only=True),
        *(Offer(toolsets=frozenset({toolset})) for toolset in Toolset),
    ]
    for offer in offers:
        server = offering(offer)
        said = server.instructions or ""
        named = {name for name in everything if name in said}
        assert named <= set(await listed(server)), offer
        assert ("changes nothing" in said) is offer.read_only
    assert "1. start_automl_study(" in (offering(Offer()).instructions or "")


async def test_a_read_only_servers_descriptions_name_the_tools_that_are_there_and_no_others(
    offering: Offering,
) -> None:
    server = offering(Offer(read_only=True))
    everything, there = await listed(offering(Offer())), await server.list_tools()
    named = {name for name in everything for tool in there if name in str(tool.description)}
    assert named <= {tool.name for tool in there}
    assert "model to keep" not in (server.instructions or "")


async def test_a_reply_says_of_what_it_advises_that_it_cannot_be_called_here(
    offering: Offering, registry: FakeRegistry
) -> None:
    registry.add(a_study(config=a_config("s")), [a_trial(0)])
    said = {}
    for offer in (Offer(), Offer(read_only=True), Offer.of("studies")):
        async with Client(offering(offer), raise_exceptions=True) as client:
            with anyio.fail_after(5):
                best = await client.call_tool("get_automl_best_params", {"study_name": "s"})
        said[offer] = [getattr(it, "text") for it in best.content][1:]  # noqa: B009
    assert list(said.values()) == [
        [],
        ["Not callable here: trigger_training_job; this server is read-only"],
        ["Not callable here: trigger_training_job; this server offers the toolsets studies alone"],
    ]


def test_every_step_of_the_instructions_needs_the_tools_that_it_names() -> None:
    for step in STEPS.split("\n\n"):
        for sentence, needs in sentences(step):
            assert set(re.findall(TOOL, sentence)) <= needs, sentence


@pytest.mark.parametrize("read_only", [False, True])
async def test_the_instructions_are_ten_lines_at_most_and_name_every_tool(
    offering: Offering, read_only: bool
) -> None:
    server = offering(Offer(read_only=read_only))
    told = server.instructions or ""

    assert len(told.splitlines()) <= 10
    assert set(re.findall(TOOL, told)) == set(await listed(server))


@pytest.mark.parametrize("toolset", list(Toolset))
async def test_a_toolset_alone_has_instructions_of_its_own(
    toolset: Toolset, offering: Offering
) -> None:
    server = offering(Offer(toolsets=frozenset({toolset})))

    named = set(re.findall(TOOL, server.instructions or ""))

    assert named == set(await listed(server))


def test_steps_are_numbered_without_gaps() -> None:
    said = instructions(["get_automl_study_status", "get_cost_report"], read_only=True)

    assert re.findall(r"^(\d+)\.", said, re.MULTILINE) == ["1", "2"]


# --- how it is asked for -----------------------------------------------------------------------


def test_an_offer_is_made_of_names() -> None:
    offer = Offer.of(" Studies, costs ", read_only=True)

    assert offer.toolsets == {Toolset.STUDIES, Toolset.COSTS}
    assert offer.flags == ("--toolsets", "studies,costs", "--read-only")
    assert Offer.of() == Offer()
    assert Offer().flags == ()


@pytest.mark.parametrize(
    ("names", "read_only", "says"),
    [
        ("studies,queues", False, "no toolset 'queues'; there are studies, deletion, jobs, costs"),
        ("", False, "a toolset has no name; name some of studies, deletion"),
        ("studies,,costs", False, "a toolset has no name; name some of studies, deletion"),
        ("studies,", False, "name some of .* parted by single commas"),
        ("deletion,exports", True, "name some of studies, jobs, costs, pictures, too"),
    ],
)
def test_an_offer_of_nothing_is_refused_with_what_is_valid(
    names: str, read_only: bool, says: str
) -> None:
    with pytest.raises(InvalidRequest, match=says):
        Offer.of(names, read_only=read_only)


def test_no_toolsets_at_all_are_refused_too() -> None:
    with pytest.raises(InvalidRequest, match="name some of studies, deletion"):
        Offer(toolsets=frozenset())


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--read-only"],
        ["--toolsets", "studies,jobs"],
        ["--toolsets=studies,jobs", "--read-only"],
    ],
)
def test_the_fast_lane_understands_what_serve_is_usually_given(options: list[str]) -> None:
    offer = asked(options)

    assert offer is not None
    assert offer.read_only is ("--read-only" in options)
    assert len(offer.toolsets) == (2 if "jobs" in " ".join(options) else len(Toolset))


@pytest.mark.parametrize("options", [["--help"], ["--toolsets"], ["--toolsets", "x"], ["more"]])
def test_the_rest_is_for_the_command_line_to_answer(options: list[str]) -> None:
    assert asked(options) is None


def test_a_toolset_that_does_not_exist_is_one_sentence_on_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["mcp-automl", "serve", "--toolsets", "queues"])

    with pytest.raises(SystemExit) as left:
        main()

    said = capsys.readouterr()
    assert (left.value.code, said.out) == (1, "")
    assert said.err.startswith("error: there is no toolset 'queues'; there are studies")


async def test_a_server_process_offers_what_its_command_line_says() -> None:
    words = ["-P", "-m", "mcp_automl", "serve", "--toolsets=studies,costs", "--read-only"]
    process = StdioServerParameters(command=sys.executable, args=words, env=dict(os.environ))
    with anyio.fail_after(30):
        async with Client(process) as client:
            names = [tool.name for tool in (await client.list_tools()).tools]
            refused = await client.call_tool("stop_automl_study", {"study_name": "a"})

    assert "get_automl_study_status" in names and names[-1] == "get_cost_report"
    assert "stop_automl_study" not in names
    assert refused.is_error and "read-only" in str(refused.content[0])
