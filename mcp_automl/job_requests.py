"""What is asked of a training job, understood: its configuration as it would be stored."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from mcp_automl.domain import leaderboard
from mcp_automl.domain.declared import DeclaredTrainer
from mcp_automl.domain.errors import InvalidRequest
from mcp_automl.domain.figures import shown
from mcp_automl.domain.job_request import MAX_SEEDS, MIN_SEEDS, JobRequest
from mcp_automl.domain.machine import Machine
from mcp_automl.domain.point import EPOCHS, point, with_usual_epochs
from mcp_automl.domain.search import NO_EPOCHS
from mcp_automl.domain.space import Params, Value
from mcp_automl.domain.study import COUNTED, Study, StudyConfig, Trial
from mcp_automl.domain.training_job import Priority, TrainingJob
from mcp_automl.ports import StudyRegistry
from mcp_automl.refusals import (
    checked_run_name,
    no_such_study,
    nothing_to_show,
    refuse_foreign,
    refuse_misfit,
)
from mcp_automl.repertoire import Trainers
from mcp_automl.requests import DEFAULT_MODEL

PLACEHOLDER = "job"
"""The name of a job that has none yet."""

SEEDS = 2**32


class JobRequests:
    """Reads requests for training jobs of one workspace; nothing is stored.

    Args:
        machine: what this machine has.
        owner: who is asking; stored with every job.
    """

    def __init__(
        self,
        registry: StudyRegistry,
        trainers: Trainers,
        *,
        machine: Callable[[], Machine],
        owner: str,
    ) -> None:
        self._registry = registry
        self._trainers = trainers
        self._machine = machine
        self._owner = owner

    def understood(self, request: JobRequest) -> tuple[StudyConfig, Study | None]:
        """The job, and the study on whose data it trains, if on any.

        Raises:
            InvalidRequest: a value is out of range, or two contradict each other.
            StudyNotFound, NothingToShow: there is no such study, or nothing to take from it.
            TrainerUnavailable: the model's packages are not installed, or this machine has less
                than it declares that it takes.
        """
        request = replace(request, model=self._trainers.spelled(request.model))
        study = None if request.study is None else self._study(request.study)
        model = self._model(request, study)
        self._trainers.check_installed(model)
        trainer = self._trainers.declaration(model)
        refuse_misfit(trainer, self._machine)
        if request.verify_seeds is not None:
            return self._verifying(request, trainer, study), study
        named = point(request.named, request.params, trainer.parameters)
        taken = {} if study is None else dict(self._best(study).params)
        job = TrainingJob(
            points=(with_usual_epochs({**taken, **named}, trainer.parameters),),
            seeds=(0 if study is None else study.config.seed,),
            priority=Priority.of(request.priority),
            final=_final(request, trainer, usual=trainer.final_objective is not None),
            run_name=checked_run_name(request.run_name),
            register=bool(request.register),
            of_study="" if study is None else study.config.name,
            of_study_id=None if study is None else study.id,
        )
        same_data = study is not None and not named.keys() & study.arguments.keys()
        return self._config(job, trainer), study if same_data else None

    def _verifying(
        self, request: JobRequest, trainer: DeclaredTrainer, study: Study | None
    ) -> StudyConfig:
        if study is None or request.names_any or request.register:
            raise InvalidRequest(
                "verify_seeds trains a study's best two configurations again: give study_name "
                "with it, and neither parameters nor register"
            )
        seeds = request.verify_seeds
        assert seeds is not None
        if not MIN_SEEDS <= seeds <= MAX_SEEDS:
            raise InvalidRequest(
                f"verify_seeds is from {MIN_SEEDS} to {MAX_SEEDS}, not {shown(seeds)}"
            )
        best, second = self._best_two(study, trainer)
        fresh = [(study.config.seed + 1 + n) % SEEDS for n in range(seeds)]
        job = TrainingJob(
            points=(best, second) * seeds,
            seeds=tuple(seed for seed in fresh for _ in range(2)),
            priority=Priority.of(request.priority),
            final=_final(request, trainer, usual=False),
            run_name=checked_run_name(request.run_name),
            of_study=study.config.name,
            of_study_id=study.id,
        )
        return self._config(job, trainer)

    def _config(self, job: TrainingJob, trainer: DeclaredTrainer) -> StudyConfig:
        objective = trainer.final_objective if job.final else None
        epochs = [n for it in job.points if isinstance(n := it.get(EPOCHS), int)]
        return StudyConfig(
            name=PLACEHOLDER,
            model=trainer.name,
            objectives=(objective or trainer.objectives[0],),
            space=job.space,
            default={},
            n_trials=len(job.points),
            epochs_max=max(epochs, default=NO_EPOCHS),
            owner=self._owner,
            job=job,
        )

    def _model(self, request: JobRequest, study: Study | None) -> str:
        if study is None:
            return request.model or DEFAULT_MODEL
        if request.model not in (None, study.config.model):
            raise InvalidRequest(
                f"{study.config.name!r} is a study of model {study.config.model!r}; leave "
                f"model_type out, or study_name for a training of {shown(request.model)}"
            )
        return study.config.model

    def _study(self, name: str) -> Study:
        study = self._registry.find(name)
        if study is None:
            raise no_such_study(name, [it.config.name for it in self._registry.studies()])
        refuse_foreign(study)
        return study

    def _best(self, study: Study) -> Trial:
        return next(self._ranked(study))

    def _ranked(self, study: Study) -> Iterator[Trial]:
        """Its finished trials, best first, each read when it is asked for; never none."""
        finished = self._registry.trials(study, COUNTED)
        ranked = leaderboard.ranked(finished, study.config.objective)
        if not ranked:
            raise nothing_to_show(study)
        return (self._registry.trial(study, trial.number) for trial in ranked)

    def _best_two(self, study: Study, trainer: DeclaredTrainer) -> tuple[Params, Params]:
        """The best trial's parameters, and those of the next that was another configuration."""
        ranked = self._ranked(study)
        best = next(ranked)
        second = next((it for it in ranked if dict(it.params) != dict(best.params)), None)
        if second is None:
            raise InvalidRequest(
                f"{study.config.name!r} has one finished configuration only, and nothing to "
                "compare it with; call start_automl_study with a larger n_trials first"
            )
        defaults = {it.name: it.default for it in trainer.parameters}
        return _filled(best.params, second.params, defaults), _filled(
            second.params, best.params, defaults
        )


def _filled(params: Params, other: Params, defaults: Mapping[str, Value]) -> Params:
    """The same with what only the other one has, which has no effect here."""
    return {**{name: defaults[name] for name in other if name not in params}, **params}


def _final(request: JobRequest, trainer: DeclaredTrainer, *, usual: bool) -> bool:
    if request.final and trainer.final_objective is None:
        raise InvalidRequest(
            f"model {trainer.name!r} cannot train on training and validation data together: its "
            "trainer declares no final_objective; leave final out"
        )
    return usual if request.final is None else request.final
