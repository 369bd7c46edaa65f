"""The tools about studies: what a model reads of them.

A tool's docstring is its description; the arguments stand in `parameters.py`.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from anyio import to_thread
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult

from mcp_automl.answers import StudyStatus
from mcp_automl.domain.paging import Page
from mcp_automl.domain.request import StudyRequest
from mcp_automl.server import listing, live, quotes, recipe, stopping, tables, text, waiting
from mcp_automl.server.models import (
    BestModel,
    ComparisonModel,
    StartedModel,
    StatusModel,
    StoppedModel,
)
from mcp_automl.server.parameters import (
    Budget,
    DryRun,
    EpochsMax,
    Existing,
    ModelType,
    Offset,
    PerTrial,
    PrunerName,
    SamplerName,
    Space,
    StudyName,
    TopK,
    Trials,
    Wait,
)
from mcp_automl.server.replies import reply, tool

if TYPE_CHECKING:
    from mcp_automl.service import Service


def _teller(context: Context[Any, Any]) -> waiting.Tell:
    """Sends progress to whoever has asked for it, and never twice the same."""
    told = -1.0

    async def tell(status: StudyStatus) -> None:
        nonlocal told
        reached, total, words = waiting.progress(status)
        if reached > told:
            told = reached
            await context.report_progress(reached, total, words)

    return tell


def _noted(status: StudyStatus, notes: tuple[str, ...]) -> StudyStatus:
    return replace(status, notes=(*notes, *status.notes))


class Tools:
    """The tools over one workspace's use cases."""

    def __init__(self, service: "Callable[[], Service]") -> None:
        self._service = service

    def all(self) -> list[Tool]:
        """The tools in the order in which clients list them."""
        return [
            tool(self.start_automl_study, "Start or resume an AutoML study", writes=True),
            tool(self.get_automl_study_status, "Status of an AutoML study", meta=live.META),
            tool(self.list_automl_studies, "List AutoML studies"),
            tool(self.compare_automl_trials, "Compare the best trials of a study"),
            tool(self.get_automl_best_params, "Best hyperparameters of a study"),
            tool(self.stop_automl_study, "Stop an AutoML study", writes=True),
        ]

    def start_automl_study(
        self,
        study_name: StudyName,
        model_type: ModelType = None,
        n_trials: Trials = None,
        epochs_max: EpochsMax = None,
        cost_budget_usd: Budget = None,
        max_cost_per_trial_usd: PerTrial = None,
        search_space: Space = None,
        sampler: SamplerName = None,
        pruner: PrunerName = None,
        dry_run: DryRun = None,
    ) -> Annotated[CallToolResult, StartedModel]:
        """Starts tuning a model's hyperparameters in the background and returns at once.

        Use it to begin a study, and again with the same name to resume one, to give it more trials
        or another budget; what is left out then keeps its value, total and budget too. It runs on
        this machine, whether or not this chat stays open. Returns what holds now, not results: call
        get_automl_study_status next.
        """
        asked = StudyRequest(
            study_name, model_type, n_trials, epochs_max, cost_budget_usd, max_cost_per_trial_usd,
            search_space, sampler, pruner,
        )  # fmt: skip
        if dry_run:
            return reply(
                "start_automl_study",
                lambda: self._service().quote_study(asked),
                quotes.dry_run,
                StartedModel.of_dry_run,
            )
        return reply(
            "start_automl_study",
            lambda: self._service().start_study(asked),
            text.started,
            StartedModel.of,
        )

    async def get_automl_study_status(
        self, study_name: Existing, context: Context[Any, Any], wait_seconds: Wait = None
    ) -> Annotated[CallToolResult, StatusModel]:
        """Tells where a study stands: trials done and running, best so far, time left, cost.

        Use it until a study is COMPLETE. With wait_seconds it waits and returns as soon as a trial
        ends; without, the reply says when the next look is worth it, so do not call in a tight
        loop. Once complete, call compare_automl_trials or get_automl_best_params.
        """
        if wait_seconds:
            await waiting.for_news(self._service, study_name, wait_seconds, _teller(context))
        return await to_thread.run_sync(
            lambda: reply(
                "get_automl_study_status",
                lambda: _noted(self._service().status(study_name), waiting.cut(wait_seconds)),
                text.status,
                StatusModel.of,
            )
        )

    def list_automl_studies(
        self, offset: Offset = None
    ) -> Annotated[CallToolResult, listing.StudiesModel]:
        """Lists the studies of this workspace, newest first: state, trials done, best value, cost.

        Use it to find a study's name.
        """
        return reply(
            "list_automl_studies",
            lambda: self._service().studies(Page(offset=offset or 0)),
            partial(listing.studies, now=time.time()),
            listing.StudiesModel.of,
        )

    def compare_automl_trials(
        self, study_name: Existing, top_k: TopK = None
    ) -> Annotated[CallToolResult, ComparisonModel]:
        """Shows a study's best trials side by side, with value and hyperparameters, best first.

        Use it to see which settings win and how close they are.
        For the single best one, ready to be trained again, call get_automl_best_params.
        """
        return reply(
            "compare_automl_trials",
            lambda: self._service().compare(study_name, 5 if top_k is None else top_k),
            tables.comparison,
            ComparisonModel.of,
        )

    def get_automl_best_params(self, study_name: Existing) -> Annotated[CallToolResult, BestModel]:
        """Gives a study's best hyperparameters, and the commands that train with them again.

        Use it when a study is complete, or to see the best so far. Send the command back as it is
        for the model to keep; this tool trains nothing.
        """
        return reply(
            "get_automl_best_params",
            lambda: self._service().best(study_name),
            recipe.best,
            BestModel.of,
        )

    def stop_automl_study(self, study_name: Existing) -> Annotated[CallToolResult, StoppedModel]:
        """Stops a study: no new trials, and those that run end at once with what they have learned.

        It returns at once and loses nothing: interrupted trials keep their numbers and checkpoints,
        and start_automl_study with the same name goes on with them.
        """
        return reply(
            "stop_automl_study",
            lambda: self._service().stop_study(study_name),
            stopping.stopped,
            StoppedModel.of,
        )
