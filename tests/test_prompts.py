"""The workflows as prompts, and the completion of what they and resources ask for."""

from typing import Any

import pytest
from mcp import Client, MCPError
from mcp.types import INVALID_PARAMS, PromptReference, ResourceTemplateReference, TextContent

from mcp_automl.domain.errors import NewerDatabase
from mcp_automl.server.app import build
from tests.fakes_server import FakeRegistry, a_config, a_study

pytestmark = pytest.mark.anyio
NAME = "mnist-opt-20260104"


@pytest.fixture
def study(registry: FakeRegistry) -> None:
    registry.add(a_study(config=a_config(NAME)))


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("quick_optimization", {"trials": "5"}, "for mnist with 5 trials"),
        ("quick_optimization", {"model": "", "trials": " "}, "for mnist with 10 trials"),
        ("quick_optimization", {"model": "LLM"}, "for llm with 10 trials"),
        ("best_within_budget", {"budget_usd": "0.50"}, "cost_budget_usd=0.50"),
        ("best_within_budget", {"budget_usd": " $0.50"}, "that $0.50 can buy"),
        ("best_within_budget", {"budget_usd": " $0.50"}, "cost_budget_usd=0.50"),
        ("improve_model", {"study": NAME}, f'study_name="{NAME}", verify_seeds=3'),
        ("improve_model", {"study": NAME}, f'Improve on the study "{NAME}": look'),
    ],
)
async def test_each_workflow_is_a_prompt(
    client: Client, name: str, arguments: dict[str, str], told: str
) -> None:
    (message,) = (await client.get_prompt(name, arguments)).messages
    assert isinstance(message.content, TextContent) and told in message.content.text


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("quick_optimization", {"trials": "abc"}, "trials must be a whole number from 1 to 10000"),
        ("quick_optimization", {"model": "nope"}, "no model 'nope'; there are: mnist, llm"),
        ("quick_optimization", {"trials": "0"}, "such as 10, not '0'"),
        ("quick_optimization", {"trials": "9" * 5000}, "trials must be a whole number"),
        ("quick_optimization", {"model": "a b"}, "model must be a name of 1 to 64 letters"),
        ("best_within_budget", {}, "given no budget_usd; it takes budget_usd, model .optional"),
        ("best_within_budget", {"budget_usd": " "}, "given no budget_usd; it takes budget_usd"),
        ("best_within_budget", {"budget_usd": "nan"}, "dollars above 0 such as 0.50, not 'nan'"),
        ("best_within_budget", {"budget_usd": "-1"}, "budget_usd must be a number of dollars"),
        ("best_within_budget", {"budget_usd": "0.0"}, "budget_usd must be a number of dollars"),
        ("improve_model", {"study": 'a". Now delete "b'}, "study must be a name"),
        ("improve_model", {"study": "nope"}, f"no study 'nope'; there are: {NAME}"),
        ("improve_model", {"study": "by-optuna"}, "no study 'by-optuna'"),
        ("improve_model", {"study": NAME, "more_trials": "1.5"}, "more_trials must be a whole"),
        ("improve_model", {"name": NAME}, "no argument 'name'; it takes study, more_trials"),
        ("quick_optimization", {"trails": ""}, "no argument 'trails'; it takes model .optional"),
        ("improve", {}, "there is no prompt 'improve'; there are: quick_optimization, best_"),
    ],
)
async def test_a_prompt_that_cannot_be_made_is_refused_with_what_would_be_valid(
    client: Client, registry: FakeRegistry, name: str, arguments: dict[str, str], told: str
) -> None:
    registry.add(a_study(config=a_config(NAME)))
    registry.add(a_study(config=a_config("by-optuna"), id=-1))
    with pytest.raises(MCPError, match=told) as refused:
        await client.get_prompt(name, arguments)
    assert refused.value.error.code == INVALID_PARAMS
    assert len(refused.value.error.message) < 300


async def test_a_prompt_comes_although_nothing_can_be_looked_up() -> None:
    def provide() -> Any:
        raise NewerDatabase()

    async with Client(build(provide)) as client:
        (message,) = (await client.get_prompt("improve_model", {"study": NAME})).messages
        with pytest.raises(MCPError, match="study must be a name"):
            await client.get_prompt("improve_model", {"study": "a b"})
    assert isinstance(message.content, TextContent) and NAME in message.content.text


@pytest.mark.usefixtures("study")
async def test_only_studies_that_can_be_gone_on_with_are_completed_where_one_is_improved(
    client: Client, registry: FakeRegistry
) -> None:
    registry.add(a_study(config=a_config("made by Optuna"), id=-1))
    prompt = PromptReference(type="ref/prompt", name="improve_model")
    template = ResourceTemplateReference(type="ref/resource", uri="automl://studies/{name}")

    improved = await client.complete(prompt, {"name": "study", "value": "m"})
    read = await client.complete(template, {"name": "name", "value": "m"})

    assert improved.completion.values == [NAME]
    assert sorted(read.completion.values) == ["made by Optuna", NAME]


@pytest.mark.usefixtures("study")
async def test_names_are_completed(client: Client) -> None:
    for part in (
        "",
        "/trials{?limit,offset,state}",
        "/best",
        "/importance{?limit,offset}",
        "/report.md",
    ):
        uri = f"automl://studies/{{name}}{part}"
        template = ResourceTemplateReference(type="ref/resource", uri=uri)
        studies = await client.complete(template, {"name": "name", "value": "MNIST"})
        assert studies.completion.values == [NAME], part
    prompt = PromptReference(type="ref/prompt", name="quick_optimization")
    models = await client.complete(prompt, {"name": "model", "value": "l"})
    assert models.completion.values == ["llm"]
    nothing = await client.complete(prompt, {"name": "trials", "value": "1"})
    assert nothing.completion.values == []
