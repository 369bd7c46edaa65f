"""Optuna's half of the store: its studies in our file, and the search of those that run.

The file stays an ordinary Optuna study, with nothing that `optuna-dashboard` would not expect, and
the truth: a new process goes on from it where a killed one stopped. What is tried next, and what is
hopeless, the shadow of a study says (`shadow.py`).

Everything here blocks, and runs in the store's one thread at a time, except a `suggest` that takes
long: it touches nothing but the shadow.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field

import optuna
from optuna.distributions import BaseDistribution
from optuna.storages import RDBStorage

from mcp_automl.domain.errors import NameTaken
from mcp_automl.domain.sampling import DEFAULT_SETTINGS, Choice, Pruner, Sampler, SearchSettings
from mcp_automl.domain.study import Measurement, Study, StudyConfig, TrialState
from mcp_automl.stores import optuna_rows, pasts, pruning, sampling, schema, stand_ins, trials
from mcp_automl.stores.database import Database
from mcp_automl.stores.ledger import TrialPast
from mcp_automl.stores.shadow import Proposal, ShadowStudy
from mcp_automl.stores.views import direction, frozen

OWNER = "automl_study"
"""The user attribute that says which of our studies it is."""

METRIC_NAMES = "study:metric_names"
"""The system attribute in which Optuna keeps its objectives' names."""

INDEXES = (
    "CREATE INDEX IF NOT EXISTS automl_trials_number ON trials (study_id, number)",
    "CREATE INDEX IF NOT EXISTS automl_trials_state ON trials (study_id, state)",
)
"""Ours on Optuna's table, which has none for what is looked up at every epoch and every status."""

MANY_TRIALS = 1_000
"""From where on TPE takes long too: at 10,000 trials a third of a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loaded:
    """A study that runs."""

    id: int
    """In Optuna's tables."""
    shadow: ShadowStudy
    space: Mapping[str, BaseDistribution]
    searched: tuple[Sampler, Pruner]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A trial that is about to run."""

    number: int
    shadow: ShadowStudy
    waiting: pasts.WaitingTrial | None
    """The trial itself, if it is there already."""

    @property
    def takes_long(self) -> bool:
        """Whether its point takes tenths of a second rather than milliseconds to find."""
        return self.shadow.choice.sampler is Sampler.GP or self.number >= MANY_TRIALS


@dataclass(slots=True, kw_only=True)
class Engine:
    """Optuna on our file.

    Args:
        settings: the figures behind samplers and pruners.
    """

    database: Database
    settings: SearchSettings = DEFAULT_SETTINGS
    _storage: RDBStorage | None = field(default=None, init=False)
    _loaded: dict[int, _Loaded] = field(default_factory=dict, init=False)

    def load(self, study: Study) -> None:
        """Makes the study's trials ready to be asked for, from what is stored.

        Raises:
            NameTaken: plain Optuna made a study of that name after ours was created.
        """
        self._loaded[study.id] = self._open(study)

    def warm_up(self, study: Study) -> None:
        """Loads what its sampler will need, which holds this process up: before any trial runs."""
        sampler = self._load(study).shadow.choice.sampler
        if study.config.n_trials > self.settings.startup_trials:
            sampling.load_packages(sampler)

    def draft(self, study: Study) -> Draft:
        """The trial to run next: the lowest that waits, else a new one."""
        loaded = self._load(study)
        with self.database.read() as connection:
            waiting = pasts.waiting(connection, loaded.id)
        number = loaded.shadow.next_number if waiting is None else waiting.number
        return Draft(number=number, shadow=loaded.shadow, waiting=waiting)

    def suggest(self, draft: Draft) -> Proposal:
        """The trial's point, of which nothing is stored yet."""
        fixed = None if draft.waiting is None else draft.waiting.params
        return draft.shadow.suggest(draft.number, fixed=fixed)

    def begin(self, study: Study, draft: Draft, proposal: Proposal) -> int:
        """Stores the trial as RUNNING, and returns its number."""
        loaded, point = self._load(study), proposal.point
        with self.database.write() as connection:
            if draft.waiting is None:
                number = optuna_rows.add(connection, loaded.id, point, loaded.space)
            else:
                number = draft.number
                optuna_rows.resume(connection, draft.waiting.id)
                optuna_rows.set_params(connection, draft.waiting.id, point, loaded.space)
            if proposal.stand_in:
                stand_ins.note(connection, loaded.id, number, proposal.stand_in)
        if number != draft.number or draft.shadow is not loaded.shadow:
            # Somebody has enqueued a trial meanwhile, or the study is searched in another way now.
            self.load(study)
        return number

    def report(self, study: Study, number: int, measurement: Measurement) -> str | None:
        """Reports an epoch's objective; the pruner's reason to stop the trial, if any.

        A value that is not finite is not reported, and an epoch that was is not looked at again.
        """
        loaded = self._load(study)
        value = measurement.value(study.config.objective)
        if value is None or loaded.shadow.knows(number, measurement.epoch):
            return None
        with self.database.write() as connection:
            trial = optuna_rows.find(connection, loaded.id, number)
            optuna_rows.report(connection, trial.id, {measurement.epoch: value})
        return loaded.shadow.report(number, measurement.epoch, value)

    def tell(self, study: Study, number: int, past: TrialPast) -> None:
        """Makes Optuna's trial what was decided about it; harmless if it is that already.

        No decision means that the trial was interrupted before there was one: it is WAITING.
        """
        loaded, ending = self._loaded.get(study.id), past.ending
        with self.database.write() as connection:
            optuna_study = trials.optuna_id(connection, study)
            assert optuna_study is not None, "it was opened before it had trials"
            _tell(connection, optuna_rows.find(connection, optuna_study, number), past)
        if loaded is not None:
            state = TrialState.WAITING if ending is None else ending.state
            loaded.shadow.ended(number, state, None if ending is None else ending.value)

    @property
    def _trials(self) -> RDBStorage:
        """One storage for all studies: each takes half a second to open."""
        if self._storage is None:
            self._storage = open_storage(self.database)
        return self._storage

    def _load(self, study: Study) -> _Loaded:
        loaded, config = self._loaded.get(study.id), study.config
        if loaded is None or loaded.searched != (config.sampler, config.pruner):
            self.load(study)
        return self._loaded[study.id]

    def _open(self, study: Study) -> _Loaded:
        config = study.config
        space = sampling.distributions(config.space)
        optuna_study = self._study_id(study)
        for point in config.first[self._trials.get_n_trials(optuna_study) :]:
            waiting = frozen(0, TrialState.WAITING, point, space)
            self._trials.create_new_trial(optuna_study, waiting)
        shadow = ShadowStudy(config, self.settings)
        with self.database.read() as connection:
            shadow.restore(pasts.of_study(connection, optuna_study))
        self._describe(config, optuna_study, shadow.choice)
        return _Loaded(
            id=optuna_study,
            shadow=shadow,
            space=space,
            searched=(config.sampler, config.pruner),
        )

    def _study_id(self, study: Study) -> int:
        """The study's id in Optuna's tables, where it is made if it is not there yet."""
        config = study.config
        try:
            optuna_study = self._trials.create_new_study([direction(config.objective)], config.name)
        except optuna.exceptions.DuplicatedStudyError:
            optuna_study = self._trials.get_study_id_from_name(config.name)
        if self._trials.get_study_user_attrs(optuna_study).get(OWNER) != study.id:
            if self._trials.get_n_trials(optuna_study):
                raise NameTaken(f"Optuna made a study {config.name} too; choose another name.")
            # Before it has trials, by which somebody else's is known.
            self._trials.set_study_user_attr(optuna_study, OWNER, study.id)
        return optuna_study

    def _describe(self, config: StudyConfig, optuna_study: int, choice: Choice) -> None:
        """Stores what Optuna itself does not: what is searched, and how."""
        known = self._trials.get_study_user_attrs(optuna_study)
        attributes = {
            "model": config.model,
            "objective": config.objective.name,
            "sampler": sampling.describe_sampler(choice, self.settings),
            "pruner": pruning.describe_pruner(config, self.settings),
        }
        for key, value in attributes.items():
            if known.get(key) != value:
                self._trials.set_study_user_attr(optuna_study, key, value)
        if METRIC_NAMES not in self._trials.get_study_system_attrs(optuna_study):
            names = [config.objective.name]
            self._trials.set_study_system_attr(optuna_study, METRIC_NAMES, names)


def _tell(connection: sqlite3.Connection, trial: optuna_rows.StoredTrial, past: TrialPast) -> None:
    ending = past.ending
    given_up = trial.state is TrialState.WAITING and ending is not None
    if trial.state is not TrialState.RUNNING and not given_up:
        return
    optuna_rows.report(connection, trial.id, past.values)
    if ending is None:
        optuna_rows.wait(connection, trial.id)
        return
    attributes: dict[str, object] = {"cost_usd": past.cost_usd, "attempts": past.n_attempts}
    if ending.reason:
        attributes["reason"] = ending.reason
    # As Optuna does: a PRUNED trial's value is the last one that it has reported.
    known = {**trial.values, **past.values}
    last = known[max(known)] if known and ending.state is TrialState.PRUNED else None
    value = ending.value if ending.state is TrialState.COMPLETE else last
    optuna_rows.end(connection, trial.id, ending.state, value, attributes)


def open_storage(database: Database) -> RDBStorage:
    """Opens Optuna's storage on our file; its tables are made under the lock, by one process."""
    optuna.logging.disable_default_handler()
    optuna.logging.enable_propagation()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    database.prepare()
    # The connections come from us, so that a path may hold braces, percent signs and spaces, which
    # mean something in Optuna's and in SQLAlchemy's URLs.
    with schema.schema_lock(database.path):
        storage = RDBStorage(
            "sqlite:///automl_studies.db",
            engine_kwargs={"creator": lambda: schema.open_file(database.path, create=False)},
        )
        with database.write() as connection:
            for index in INDEXES:
                connection.execute(index)
    return storage
