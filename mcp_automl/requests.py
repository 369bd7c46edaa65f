"""What is asked of a study, understood: its configuration as it would be stored, or a refusal."""

import zlib
from collections.abc import Callable, Collection
from dataclasses import replace

from mcp_automl.domain.machine import Machine
from mcp_automl.domain.prices import Prices
from mcp_automl.domain.request import StudyRequest
from mcp_automl.domain.sampling import check_sampler
from mcp_automl.domain.study import Study, StudyConfig
from mcp_automl.packages import has_torch
from mcp_automl.ports import StudyRegistry
from mcp_automl.refusals import (
    checked_name,
    refuse_free_budget,
    refuse_misfit,
    refuse_other_search,
)
from mcp_automl.repertoire import Trainers

DEFAULT_MODEL = "mnist"
DEFAULT_TRIALS = 20


class Requests:
    """Reads requests for studies of one workspace; nothing is stored.

    Args:
        machine: what this machine has.
        prices: what hold in this workspace.
        gpus: the names of its GPUs.
        owner: who is asking; stored with every study.
        has_torch: whether there can be a Gaussian process.
    """

    def __init__(
        self,
        registry: StudyRegistry,
        trainers: Trainers,
        machine: Callable[[], Machine],
        *,
        prices: Callable[[], Prices],
        gpus: Callable[[], Collection[str]],
        owner: str,
        has_torch: Callable[[], bool] = has_torch,
    ) -> None:
        self._registry = registry
        self._trainers = trainers
        self._prices = prices
        self._gpus = gpus
        self._machine = machine
        self._owner = owner
        self._has_torch = has_torch

    def understood(self, request: StudyRequest) -> tuple[Study | None, StudyConfig]:
        """The study of that name, if there is one, and what shall hold for it.

        Raises:
            InvalidRequest: a value is out of range, or would change what was already searched.
            NameTaken: the name belongs to a study of another model, or to plain Optuna.
            TrainerUnavailable: the model's packages are not installed, or this machine has less
                than it declares that it takes.
        """
        request = replace(request, model=self._trainers.spelled(request.model))
        existing = self._registry.find(checked_name(request.name))
        if existing is None:
            config = self._new(request)
        else:
            refuse_other_search(existing, request, self._trainers)
            config = existing.config
        self._trainers.check_installed(config.model)
        trainer = self._trainers.declaration(config.model)
        refuse_misfit(trainer, self._machine)
        target = request.target
        if target.has_ceiling:
            refuse_free_budget(self._prices(), () if trainer.gpus == 0 else self._gpus())
        wanted = target.applied_to(config)
        check_sampler(wanted.sampler, wanted.space, self._has_torch)
        if existing is None and target.pruner is None:
            wanted = replace(wanted, pruner=wanted.sampler.usual_pruner)
        return existing, wanted

    def _new(self, request: StudyRequest) -> StudyConfig:
        return self._trainers.config(
            request.name,
            DEFAULT_MODEL if request.model is None else request.model,
            n_trials=DEFAULT_TRIALS,
            epochs_max=request.epochs_max,
            search_space=request.search_space,
            # Two studies shall not begin with the same guesses; the same study always does.
            seed=zlib.crc32(request.name.encode()),
            owner=self._owner,
        )
