"""What a study would cost: the answer to a dry run, which starts and stores nothing."""

from collections.abc import Callable

from mcp_automl.accounts import Accounts
from mcp_automl.answers import Quoted
from mcp_automl.domain.machine import Machine
from mcp_automl.domain.quote import Quote, quote
from mcp_automl.domain.request import runs_nothing
from mcp_automl.domain.sampling import choose, in_words
from mcp_automl.domain.study import Study, StudyConfig, counted
from mcp_automl.packages import has_torch
from mcp_automl.ports import StudyRegistry
from mcp_automl.repertoire import Trainers
from mcp_automl.settings import Settings


class Quotes:
    """Estimates from what one workspace's finished trials have cost.

    Args:
        machine: what this machine has.
        devices: describes the machine's devices.
    """

    def __init__(
        self,
        registry: StudyRegistry,
        accounts: Accounts,
        trainers: Trainers,
        machine: Callable[[], Machine],
        settings: Settings,
        devices: Callable[[], str],
    ) -> None:
        self._registry = registry
        self._accounts = accounts
        self._trainers = trainers
        self._machine = machine
        self._parallel = settings.max_parallel_trials
        self._devices = devices

    def of(self, existing: Study | None, config: StudyConfig) -> Quoted:
        """What the study would still cost and take, were it asked for like this.

        Args:
            existing: the study of that name, if there is one already.
            config: as it was asked for.
        """
        progress = None if existing is None else self._registry.progress(existing)
        done = 0 if progress is None else counted(progress.counts)
        spent = 0.0 if progress is None else progress.cost_usd
        if existing is not None and runs_nothing(existing, config, done):
            config = existing.config
        budget = config.cost_budget_usd
        parallel = self.parallel(config.model)
        return Quoted(
            config=config,
            exists=existing is not None,
            done=done,
            spent_usd=spent,
            quote=estimate(
                self._accounts,
                config,
                trials=max(0, config.n_trials - done),
                parallel=parallel,
                rest_usd=None if budget is None else budget - spent,
            ),
            max_parallel=parallel,
            devices=self._devices(),
            search=in_words(
                choose(config.sampler, config.space, done, has_torch), config.pruner, finished=done
            ),
        )

    def parallel(self, model: str) -> int:
        """How many trials of that model run at once: fewer where each takes much."""
        trainer = self._trainers.declaration(model)
        if trainer.gpus is None and trainer.cpu_cores is None:
            return self._parallel
        return self._machine().parallel(self._parallel, trainer.gpus, trainer.cpu_cores)


def estimate(
    accounts: Accounts,
    config: StudyConfig,
    *,
    trials: int,
    parallel: int,
    rest_usd: float | None = None,
) -> Quote:
    """What so many more trials like this will cost and take, from what earlier ones have cost.

    Args:
        rest_usd: what is left of the budget; None without one.
    """
    return quote(
        accounts.finished(config),
        trials=trials,
        epochs_max=config.epochs_max,
        parallel=parallel,
        rest_usd=rest_usd,
    )
