"""Dry runs: what a study would cost, said by the tool and the command line, and nothing done."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import CallToolResult, TextContent

from mcp_automl.domain.quote import TrialCost
from mcp_automl.domain.study import StudyState, TrialState
from mcp_automl.server.app import build
from tests.fakes_server import FakeAccounts, FakeRegistry, a_config, a_service, a_study, a_trial

pytestmark = pytest.mark.anyio

NAME = "mnist-budget"


class Asked:
    """A workspace in which finished trials cost something."""

    def __init__(self, home: Path) -> None:
        self.registry = FakeRegistry()
        self.accounts = FakeAccounts()
        self.server = build(lambda: a_service(self.registry, home, self.accounts))

    def know(self, *usd: float, own: bool = False) -> None:
        self.accounts.trials += [
            TrialCost(usd=u, seconds=600 * u, epochs_max=5, own=own) for u in usd
        ]

    async def start(self, **arguments: Any) -> CallToolResult:
        async with Client(self.server, mode="auto", raise_exceptions=True) as client:
            return await client.call_tool("start_automl_study", {"study_name": NAME, **arguments})

    async def says(self, **arguments: Any) -> list[str]:
        [content] = (await self.start(dry_run=True, **arguments)).content
        assert isinstance(content, TextContent)
        return content.text.splitlines()


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    return Asked(tmp_path)


async def test_a_first_study_says_that_nothing_is_known_yet(asked: Asked) -> None:
    assert await asked.says(n_trials=12, cost_budget_usd=0.5) == [
        "[Info] Dry run: mnist-budget (new); nothing was started or stored",
        "Model: mnist, up to 5 epochs a trial",
        "Trials to run: 12, up to 3 in parallel on cuda:0",
        "Search space:",
        "  lr: 1e-05 to 0.01, log scale",
        "  batch_size: 32, 64, 128 or 256",
        "  epochs: 1 to 5",
        "Search: TPE after 5 start-up trials, median pruner",
        "Estimate: no measurement yet: the first trial will tell",
        "Budget: $0.50 holds, whatever the trials cost: what would cross it is stopped",
        "Next: the same call without dry_run starts it",
    ]


async def test_earlier_trials_tell_what_a_study_will_cost_and_take(asked: Asked) -> None:
    asked.know(0.1, 0.1, 0.1, 0.1)
    told = await asked.says(n_trials=12, cost_budget_usd=2, max_cost_per_trial_usd=0.2)

    assert told[8:] == [
        "Expected cost: $1.20",
        "Expected time: 4 min 0 s",
        (
            "Estimate: measured from 4 finished trials of studies with the same search space, "
            "epochs aside"
        ),
        "Budget: $2.00 suffices",
        "No trial may cost more than $0.20",
        "Next: the same call without dry_run starts it",
    ]


async def test_one_epoch_is_one(asked: Asked) -> None:
    told = await asked.says(n_trials=12, epochs_max=1)

    assert told[1] == "Model: mnist, up to 1 epoch a trial" and told[6] == "  epochs: 1"


async def test_a_budget_that_is_too_small_says_how_far_it_goes(asked: Asked) -> None:
    asked.know(0.1, 0.2)

    assert (
        "Budget: $1.00 is too small: it pays for about 6 of 20 trials, and then the study ends"
        in await asked.says(cost_budget_usd=1)
    )
    assert "Budget: $3.50 may suffice; what would cross it is stopped" in await asked.says(
        cost_budget_usd=3.5
    )
    assert "Budget: none; cost_budget_usd would be a hard ceiling" in await asked.says()


async def test_trials_of_other_search_spaces_make_a_guess_that_is_called_one(asked: Asked) -> None:
    asked.accounts.trials = [
        TrialCost(usd=0.01, seconds=6.0, epochs_max=5, own=False, alike=False) for _ in range(3)
    ]
    told = await asked.says(cost_budget_usd=1)

    assert (
        "Estimate: a guess from 3 finished trials of studies with other search spaces: it may be "
        "many times more, or less"
    ) in told
    assert "Budget: $1.00 holds, whatever the trials cost: what would cross it is stopped" in told


async def test_a_study_that_exists_is_quoted_for_what_is_left_of_it(asked: Asked) -> None:
    asked.know(0.1, 0.1, 0.1, own=True)
    config = a_config(NAME, n_trials=10, budget=5.0)
    trials = [a_trial(n, 0.5, state=TrialState.COMPLETE) for n in range(4)]
    asked.registry.add(a_study(StudyState.STOPPED, config=config), trials)
    told = await asked.says(n_trials=14)

    assert told[0].startswith("[Info] Dry run: mnist-budget (goes on: 4 of 14 trials done)")
    assert "Trials to run: 10, up to 3 in parallel on cuda:0" in told
    assert "Estimate: measured from 3 finished trials of this study" in told


async def test_a_dry_run_changes_nothing_and_its_structure_says_what_the_text_does(
    asked: Asked,
) -> None:
    asked.know(0.1)
    result = await asked.start(dry_run=True, n_trials=10, cost_budget_usd=0.5)

    assert asked.registry.studies() == []
    structure = result.structured_content
    assert structure is not None
    assert (structure["study"], structure["created"]) == (None, False)
    quote = structure["quote"]
    assert (quote["trials"], quote["measured"], quote["budget"]) == (10, 1, "too small")
    assert quote["cost_usd"]["expected"] == pytest.approx(1.0)
    assert quote["paid_trials"] == 5


async def test_a_dry_run_refuses_what_a_start_would(asked: Asked) -> None:
    asked.registry.add(a_study(config=replace(a_config(NAME), model="llm")))

    assert (await asked.start(dry_run=True, model_type="mnist")).is_error
    assert (await asked.start(dry_run=True, cost_budget_usd=-1)).is_error
    assert (await asked.start(dry_run="perhaps")).is_error


@pytest.mark.parametrize("n_trials", [2, 9])
async def test_a_budget_below_what_is_spent_is_called_spent(asked: Asked, n_trials: int) -> None:
    config = a_config(NAME, n_trials=2, budget=1.0)
    trial = replace(a_trial(0), cost_usd=0.000113)
    asked.registry.add(a_study(config=config), [trial, replace(trial, number=1)])
    told = await asked.says(n_trials=n_trials, cost_budget_usd=0.0002)

    assert (
        "Budget: $0.00023 of $0.00020 is spent already: nothing more would be launched; name a "
        "larger cost_budget_usd to go on"
    ) in told


async def test_a_dry_run_of_a_study_that_is_done_says_how_it_was_searched(asked: Asked) -> None:
    asked.registry.add(a_study(config=a_config(NAME, n_trials=1)), [a_trial(0)])

    told = await asked.says(sampler="random", pruner="none")
    assert "Search: TPE after 5 start-up trials, median pruner" in told
    told = await asked.says(sampler="random", pruner="none", n_trials=2)
    assert "Search: random, no pruner" in told
