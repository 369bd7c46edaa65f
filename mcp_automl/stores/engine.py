"""Optuna's half of the store: its studies in our file, asked, reported to and told.

Everything here blocks, and runs in the store's one thread at a time. No trial is kept in memory:
what is RUNNING is read from the file, so that a new process goes on where a killed one stopped. The
file stays an ordinary Optuna study, with nothing that `optuna-dashboard` would not expect.
"""

from dataclasses import dataclass, field, replace

import optuna
from optuna.storages import BaseStorage, RDBStorage
from optuna.trial import TrialState as OptunaState

from mcp_automl.domain.errors import NameTaken
from mcp_automl.domain.sampling import DEFAULT_SETTINGS, Choice, Sampler, SearchSettings
from mcp_automl.domain.study import Measurement, Objective, Study, TrialState
from mcp_automl.ports import Suggestion
from mcp_automl.stores import pruning, sampling, schema
from mcp_automl.stores.database import Database
from mcp_automl.stores.ledger import TrialPast

METRIC_NAMES = "study:metric_names"
"""The system attribute in which Optuna keeps its objectives' names."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    """An Optuna study with its sampler, whose random state lives as long as this process."""

    study: optuna.Study
    id: int
    objective: Objective


@dataclass(slots=True, kw_only=True)
class Engine:
    """Optuna on our file.

    Args:
        constant_liar: whether the sampler reckons with trials that are still running.
    """

    database: Database
    constant_liar: bool = True
    _storage: BaseStorage | None = field(default=None, init=False)
    _loaded: dict[int, _Loaded] = field(default_factory=dict, init=False)

    def load(self, study: Study) -> None:
        """Makes the study's trials ready to be asked for.

        Raises:
            NameTaken: plain Optuna made a study of that name after ours was created.
        """
        self._load(study)

    def ask(self, study: Study) -> Suggestion:
        """The lowest WAITING trial, else a new one; RUNNING from then on."""
        trial = self._load(study).study.ask()
        space = study.config.space
        point = sampling.suggest(trial, space, sampling.distributions(space))
        return Suggestion(trial=trial.number, params={**point, **study.config.constants})

    def report(self, study: Study, number: int, measurement: Measurement) -> str | None:
        """Reports an epoch's objective; the pruner's reason to stop the trial, if any.

        A value that is not finite is not reported, and an epoch that was is not looked at again.
        """
        loaded = self._load(study)
        value = measurement.value(loaded.objective)
        trial = self._trials.get_trial(self._trial_id(loaded, number))
        if value is None or measurement.epoch in trial.intermediate_values:
            return None
        self._trials.set_trial_intermediate_value(trial._trial_id, measurement.epoch, value)
        # A copy of the storage's own; the pruner must see what was just stored.
        trial.intermediate_values[measurement.epoch] = value
        return pruning.verdict(loaded.study, trial, study.config)

    def tell(self, study: Study, number: int, past: TrialPast) -> None:
        """Makes Optuna's trial what was decided about it; harmless if it is that already.

        No decision means that the trial was interrupted before there was one: it is WAITING.
        """
        loaded = self._load(study)
        trial = self._trials.get_trial(self._trial_id(loaded, number))
        ending = past.ending
        given_up = trial.state is OptunaState.WAITING and ending is not None
        if trial.state is not OptunaState.RUNNING and not given_up:
            return
        for epoch in sorted(past.values.keys() - trial.intermediate_values.keys()):
            self._trials.set_trial_intermediate_value(trial._trial_id, epoch, past.values[epoch])
        if ending is None:
            self._trials.set_trial_state_values(trial._trial_id, OptunaState.WAITING)
            return
        if given_up:
            # Without another attempt; Optuna can be told of running trials only.
            self._trials.set_trial_state_values(trial._trial_id, OptunaState.RUNNING)
        # Before the state: Optuna lets nobody write to a finished trial.
        self._trials.set_trial_user_attr(trial._trial_id, "cost_usd", past.cost_usd)
        self._trials.set_trial_user_attr(trial._trial_id, "attempts", past.n_attempts)
        if ending.reason:
            self._trials.set_trial_user_attr(trial._trial_id, "reason", ending.reason)
        value = ending.value if ending.state is TrialState.COMPLETE else None
        loaded.study.tell(number, value, OptunaState[ending.state.value])

    @property
    def _settings(self) -> SearchSettings:
        return replace(DEFAULT_SETTINGS, constant_liar=self.constant_liar)

    @property
    def _trials(self) -> BaseStorage:
        """One storage for all studies: every storage has a cache of its own, slow to fill."""
        if self._storage is None:
            self._storage = optuna.storages.get_storage(open_storage(self.database))
        return self._storage

    def _trial_id(self, loaded: _Loaded, number: int) -> int:
        return self._trials.get_trial_id_from_study_id_trial_number(loaded.id, number)

    def _load(self, study: Study) -> _Loaded:
        if study.id not in self._loaded:
            self._loaded[study.id] = self._open(study)
        return self._loaded[study.id]

    def _open(self, study: Study) -> _Loaded:
        config = study.config
        opened = optuna.create_study(
            storage=self._trials,
            study_name=config.name,
            direction="maximize" if config.objective.maximize else "minimize",
            pruner=pruning.make_pruner(config),
            load_if_exists=True,
        )
        trials = len(opened.get_trials(deepcopy=False))
        opened.sampler = sampling.make_sampler(
            Choice(sampler=Sampler.TPE), config.seed, trials, self._settings
        )
        study_id = self._trials.get_study_id_from_name(config.name)
        self._describe(study, opened, study_id, is_empty=not trials)
        for point in config.first[trials:]:
            opened.enqueue_trial(dict(point))
        return _Loaded(opened, study_id, config.objective)

    def _describe(
        self, study: Study, opened: optuna.Study, study_id: int, *, is_empty: bool
    ) -> None:
        """Stores what Optuna itself does not: whose study it is, and how it is searched."""
        config, known = study.config, opened.user_attrs
        attributes = {
            "automl_study": study.id,
            "model": config.model,
            "objective": config.objective.name,
            "sampler": sampling.describe_sampler(Choice(sampler=Sampler.TPE), self._settings),
            "pruner": pruning.describe_pruner(config),
        }
        if known.get("automl_study") != study.id and not is_empty:
            raise NameTaken(f"Optuna made a study {config.name} too; choose another name.")
        for key in attributes.keys() - known.keys():
            opened.set_user_attr(key, attributes[key])
        if METRIC_NAMES not in self._trials.get_study_system_attrs(study_id):
            self._trials.set_study_system_attr(study_id, METRIC_NAMES, [config.objective.name])


def open_storage(database: Database) -> RDBStorage:
    """Opens Optuna's storage on our file; its tables are made under the lock, by one process."""
    optuna.logging.disable_default_handler()
    optuna.logging.enable_propagation()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    database.prepare()
    # The connections come from us, so that a path may hold braces, percent signs and spaces, which
    # mean something in Optuna's and in SQLAlchemy's URLs.
    with schema.schema_lock(database.path):
        return RDBStorage(
            "sqlite:///automl_studies.db",
            engine_kwargs={"creator": lambda: schema.open_file(database.path, create=False)},
        )
