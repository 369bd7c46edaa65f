"""Search spaces as chat clients ask for them, read them back, and look up what there is."""

import json
import re
from dataclasses import replace
from typing import Any

import anyio
import pytest
from mcp import Client, MCPError
from mcp.types import CallToolResult, TextContent

from mcp_automl.answers import BestParams, Comparison
from mcp_automl.catalog import Catalog
from mcp_automl.domain.declared import DeclaredTrainer
from mcp_automl.domain.space import Categorical, Params, SearchSpace
from mcp_automl.domain.study import StudyState
from mcp_automl.server import recipe, spaces, tables, text, trainers
from tests.fakes_server import FakeRegistry, a_config, a_start, a_study, a_trial

SPACE = {
    "lr": [1e-4, 0.5],
    "optimizer": "default",
    "momentum": {"min": 0.5, "max": 0.95},
    "kernel": [3, 5],
    "width": 32,
    "epochs": 4,
}


async def start(client: Client, **arguments: Any) -> CallToolResult:
    with anyio.fail_after(5):
        return await client.call_tool("start_automl_study", {"study_name": "s", **arguments})


def text_of(result: CallToolResult) -> str:
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


# --- asking -------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", [SPACE, json.dumps(SPACE)])
async def test_what_was_understood_of_a_search_space_is_repeated(
    client: Client, written: object
) -> None:
    result = await start(client, search_space=written)

    assert not result.is_error, text_of(result)
    assert (
        "Search space:\n"
        "  lr: 0.0001 to 0.5, log scale\n"
        "  batch_size: 32, 64, 128 or 256\n"
        "  kernel: 3 to 5, in steps of 2\n"
        "  optimizer: adamw or sgd\n"
        "  momentum: 0.5 to 0.95 (only when optimizer is sgd)\n"
        "Fixed: epochs=4, width=32\n"
    ) in text_of(result)


async def test_the_structure_holds_the_space_as_it_can_be_asked_for_again(client: Client) -> None:
    first = await start(client, search_space=SPACE)
    assert first.structured_content is not None
    study = first.structured_content["study"]

    assert study["constants"] == {"epochs": 4, "width": 32}
    assert study["epochs_max"] == 4
    assert study["space"]["momentum"] == {
        "type": "float",
        "low": 0.5,
        "high": 0.95,
        "when": {"optimizer": ["sgd"]},
    }
    again = await start(client, search_space={**study["space"], **study["constants"]})
    assert not again.is_error, text_of(again)


async def test_the_same_space_or_none_goes_on_with_a_study(
    client: Client, registry: FakeRegistry
) -> None:
    await start(client, search_space=SPACE)

    for same in ({}, {"search_space": SPACE}, {"search_space": None}, {"epochs_max": 4}):
        result = await start(client, **same)
        assert text_of(result).startswith("[OK] AutoML Study Resumed: s"), text_of(result)
        assert "momentum: 0.5 to 0.95 (only when" in text_of(result)


@pytest.mark.parametrize(
    "other",
    [{}, {"lr": [1e-4, 0.4]}, {**SPACE, "kernel": [3, 7]}, {**SPACE, "width": 16}],
)
async def test_another_space_for_a_study_that_exists_is_refused(
    client: Client, registry: FakeRegistry, other: dict[str, object]
) -> None:
    await start(client, search_space=SPACE)
    before = registry.writes
    result = await start(client, search_space=other)

    assert result.is_error
    assert re.search("'s' searches another space, .* leave search_space out", text_of(result))
    assert registry.writes == before


async def test_a_space_that_cannot_be_is_refused_for_a_study_that_exists_too(
    client: Client,
) -> None:
    await start(client, search_space=SPACE)
    result = await start(client, search_space={"epochs": 9})

    assert result.is_error
    assert "epochs may reach 9, but epochs_max is 4" in text_of(result)
    assert "'s' exists already, so leave search_space out" in text_of(result)


@pytest.mark.parametrize(
    ("search_space", "says"),
    [
        ({"learning_rate": 1}, "no parameter 'learning_rate'; the closest there is: \"lr\": {"),
        ({"lr": [0.1, 0.001]}, "lr: the lower bound 0.1 exceeds the upper bound 0.001. Valid is"),
        ({"kernel": ["a", 3]}, "kernel: 'a' is no number. Valid is \"kernel\": {"),
        ({"dropout": {"low": 0, "log": True}}, "dropout: a log scale needs a lower bound above 0"),
        ({"momentum": 0.5}, 'momentum: it has an effect only when optimizer is "sgd"'),
        ("lr: fast", "search_space is no JSON: 'lr: fast'; it is a JSON object such as {"),
        (7, "search_space is a JSON object such as {"),
        ([], "search_space is a JSON object such as {"),
    ],
)
async def test_a_space_that_cannot_be_is_refused_with_what_could(
    client: Client, registry: FakeRegistry, search_space: object, says: str
) -> None:
    result = await start(client, search_space=search_space)

    assert result.is_error
    assert says in text_of(result)
    assert registry.writes == 0


async def test_a_dry_run_repeats_what_was_understood_and_stores_nothing(
    client: Client, registry: FakeRegistry
) -> None:
    result = await start(client, search_space=SPACE, dry_run=True)

    assert "  momentum: 0.5 to 0.95 (only when optimizer is sgd)\nFixed: epochs=4, width=32\n" in (
        text_of(result)
    )
    assert registry.writes == 0


async def test_epochs_of_the_space_set_epochs_max_or_must_agree_with_it(
    client: Client, registry: FakeRegistry
) -> None:
    refused = await start(client, search_space={"epochs": [1, 9]}, epochs_max=3)
    assert refused.is_error and "epochs may reach 9, but epochs_max is 3" in text_of(refused)
    await start(client, search_space={"epochs": [1, 9]})
    assert registry.stored["s"].config.epochs_max == 9


# --- reading ------------------------------------------------------------------------------------


def conditional() -> Any:
    catalog = Catalog()
    found = catalog.search("mnist", SPACE, None)
    config = replace(a_config(), space=found.space, constants=found.constants)
    return a_study(config=config)


def with_and_without() -> tuple[Any, Any]:
    common: Params = {"batch_size": 64, "kernel": 3, "epochs": 4, "width": 32}
    sgd: Params = {"lr": 0.2, "optimizer": "sgd", "momentum": 0.9, **common}
    return (
        a_trial(1, 0.9, params={"lr": 0.001, "optimizer": "adamw", **common}),
        a_trial(2, 0.8, params=sgd),
    )


def test_a_table_has_a_dash_for_what_does_not_exist_and_no_column_for_what_is_fixed() -> None:
    table = tables.comparison(Comparison(study=conditional(), trials=with_and_without()))

    header, _, first, second = table.splitlines()[2:6]
    assert header.split() == [
        "Trial",
        "Val",
        "Acc",
        "LR",
        "Batch",
        "Kernel",
        "Optimizer",
        "Momentum",
    ]
    assert first.split() == ["#1", "0.9000", "1.00e-03", "64", "3", "adamw", "-"]
    assert second.split() == ["#2", "0.8000", "2.00e-01", "64", "3", "sgd", "0.9"]
    assert "\nFixed: epochs=4, width=32\n" in table


def test_the_commands_name_what_exists_and_what_is_fixed_and_nothing_else() -> None:
    adamw, sgd = with_and_without()
    study = conditional()

    assert recipe.command(BestParams(study=study, trial=adamw)) == (
        "trigger_training_job(epochs=4, lr=0.001, batch_size=64, "
        'params={"kernel": 3, "optimizer": "adamw", "width": 32})'
    )
    assert recipe.terminal(BestParams(study=study, trial=sgd)) == (
        "python -m trainers.mnist --epochs 4 --lr 0.2 --batch-size 64 --kernel 3 --optimizer sgd "
        "--momentum 0.9 --width 32 --dataset mnist --seed 7"
    )


def test_a_very_wide_space_is_told_in_a_bounded_reply() -> None:
    many = {f"parameter_{n}" * 3: Categorical(choices=tuple(range(90))) for n in range(200)}
    study = a_study(StudyState.QUEUED, config=a_config(space=SearchSpace(many)))
    said = text.started(a_start(study))

    assert "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 80 more" in said
    assert "and 170 more" in said
    assert len(said) < 6_000


def test_conditions_are_told_in_words() -> None:
    said = spaces.condition_in_words({"optimizer": ("sgd",), "depth": (2, 3, 4)})

    assert said == "optimizer is sgd and depth is 2, 3 or 4"


# --- what there is ------------------------------------------------------------------------------


async def read(client: Client, uri: str) -> str:
    with anyio.fail_after(5):
        (content,) = (await client.read_resource(uri)).contents
    assert content.mime_type == "text/markdown"
    return str(getattr(content, "text"))  # noqa: B009


async def test_the_trainers_can_be_listed(client: Client) -> None:
    listed = await read(client, "automl://trainers")

    assert "- `mnist`: Handwritten digits" in listed
    assert "Objective: val_accuracy, maximized." in listed
    assert "automl://trainers/mnist" in listed
    templates = (await client.list_resource_templates()).resource_templates
    assert "automl://trainers/{name}" in {template.uri_template for template in templates}


async def test_a_trainers_page_names_every_parameter_with_its_bounds(client: Client) -> None:
    page = await read(client, "automl://trainers/mnist")

    rows = {
        cells[1].strip("` "): cells for line in page.splitlines() if (cells := line.split("|"))[1:]
    }
    declared = Catalog().declaration("mnist").parameters
    assert set(rows) == {"parameter", "---", *(p.name for p in declared)}
    assert rows["lr"][2].strip() == "1e-05 to 0.01, log scale"
    assert rows["lr"][3].strip() == "1e-06 to 1.0, log scale"
    assert rows["epochs"][2].strip() == "up to epochs_max"
    assert rows["dataset"][2].strip() == "no"
    assert rows["depth"][2].strip() == "if named: 1 to 5"
    assert "Only when optimizer is sgd." in rows["momentum"][5]
    assert all(p.description in page for p in declared)
    assert len(page) < 4 * 1_500


async def test_the_space_on_a_trainers_page_can_be_asked_for(
    client: Client, registry: FakeRegistry
) -> None:
    page = await read(client, "automl://trainers/mnist")
    everything = page.split("```json\n")[1].split("```")[0]
    result = await start(client, search_space=everything)

    assert not result.is_error, text_of(result)
    searched = registry.stored["s"].config.space
    fixed = {"dataset"}
    assert set(searched.parameters) == {p.name for p in Catalog().spec("mnist").parameters} - fixed


async def test_a_trainer_that_does_not_exist_is_named_with_those_that_do(client: Client) -> None:
    with anyio.fail_after(5), pytest.raises(MCPError) as refused:
        await client.read_resource("automl://trainers/resnet")

    assert refused.value.error.code == -32602
    assert "there is no model 'resnet'" in refused.value.error.message


def test_a_trainer_that_cannot_be_used_here_says_why() -> None:
    trainer = DeclaredTrainer(
        name="x", description="X.", objectives=(), parameters=(), trouble="run: pip install x"
    )

    assert "It cannot be used here: run: pip install x" in trainers.page(trainer)


def test_a_name_that_is_sent_back_is_whole() -> None:
    name = "layer" * 20
    assert list(spaces.as_structure(SearchSpace({name: Categorical(choices=(1, 2))}))) == [name]
