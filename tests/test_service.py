"""The use cases: what is stored, what is refused, and who is woken."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from mcp_automl import __version__
from mcp_automl.answers import Started
from mcp_automl.catalog import Catalog
from mcp_automl.domain.errors import InvalidRequest, NameTaken, NothingToShow, StudyNotFound
from mcp_automl.domain.request import StudyRequest
from mcp_automl.domain.sampling import Pruner, Sampler
from mcp_automl.domain.study import Study, StudyConfig, StudyState, Trial, TrialState
from mcp_automl.domain.workspace import OrchestratorSign
from mcp_automl.launcher import Launcher
from mcp_automl.service import Service
from mcp_automl.settings import Settings
from tests.fakes_server import FakeAccounts, FakeArchive, FakeJobs, FakeRegistry, a_config, a_study

NOW = 1_800_000_000.0


class Office:
    """A service over a registry in memory, and what it started."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(home=home)
        self.registry = FakeRegistry()
        self.started: list[Settings] = []
        self.service = Service(
            registry=self.registry,
            trainers=Catalog(),
            launcher=Launcher(self.settings, self.started.append),
            settings=self.settings,
            accounts=FakeAccounts(),
            archive=FakeArchive(self.registry),
            jobs=FakeJobs(),
            devices=lambda: "cpu",
            gpus=list,
            cores=lambda: 2,
            owner="me",
            now=lambda: NOW,
        )


def start(service: Service, *asked: Any, **more: Any) -> Started:
    return service.start_study(StudyRequest(*asked, **more))


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def done(*values: float) -> list[Trial]:
    return [
        Trial(number=n, state=TrialState.COMPLETE, params={"epochs": 2}, value=value, cost_usd=0.5)
        for n, value in enumerate(values)
    ]


def test_a_new_study_is_stored_with_defaults_and_an_orchestrator_is_woken(office: Office) -> None:
    answer = start(office.service, "first")
    config = answer.study.config
    assert (config.model, config.n_trials, config.epochs_max) == ("mnist", 20, 5)
    assert (config.cost_budget_usd, config.owner) == (None, "me")
    assert answer.created
    assert office.started == [office.settings]


def test_a_model_and_its_search_are_asked_for_in_any_case(office: Office) -> None:
    config = start(office.service, "s", model="MNIST", sampler=" Auto", pruner="").study.config
    assert (config.model, config.sampler, config.pruner) == ("mnist", Sampler.AUTO, Pruner.ASHA)
    assert not start(office.service, "s", model="Mnist").created


def test_two_studies_do_not_begin_with_the_same_guesses(office: Office) -> None:
    seeds = {start(office.service, name).study.config.seed for name in ("one", "two")}
    assert len(seeds) == 2


def test_for_an_existing_study_an_omitted_argument_keeps_its_stored_value(office: Office) -> None:
    start(office.service, "s", "mnist", 10, 3, 2.0)
    answer = start(office.service, "s")
    config = answer.study.config
    assert (config.n_trials, config.epochs_max, config.cost_budget_usd) == (10, 3, 2.0)
    assert not answer.created


def test_a_larger_total_continues_a_complete_study(office: Office) -> None:
    office.registry.add(a_study(config=a_config("s", n_trials=2)), done(0.5, 0.6))
    answer = start(office.service, "S", n_trials=3)
    assert (answer.study.state, answer.study.config.n_trials) == (StudyState.QUEUED, 3)
    assert answer.done == 2


def test_another_search_of_a_study_that_is_done_runs_nothing_and_changes_nothing(
    office: Office,
) -> None:
    office.registry.add(a_study(config=a_config("s", n_trials=2)), done(0.5, 0.6))
    answer = start(office.service, "s", sampler="random", pruner="none")
    assert answer.nothing_to_run and answer.study.config.sampler is Sampler.TPE
    assert office.registry.writes == 0
    [note] = answer.notes
    assert note == (
        "sampler and pruner stay as they were: they change when there are trials left to run; ask "
        "for a larger n_trials"
    )
    assert start(office.service, "s", sampler="tpe").notes == ()


@pytest.mark.parametrize("n_trials", [None, 1, 2])
def test_a_total_that_is_done_runs_nothing_and_changes_nothing(
    office: Office, n_trials: int | None
) -> None:
    office.registry.add(a_study(config=a_config("s", n_trials=2)), done(0.5, 0.6))
    answer = start(office.service, "s", n_trials=n_trials)
    assert answer.nothing_to_run
    assert office.registry.writes == 0
    assert office.started == []


def test_a_budget_that_is_named_is_stored_even_where_nothing_is_left_to_run(
    office: Office,
) -> None:
    office.registry.add(a_study(config=a_config("s", n_trials=2)), done(0.5, 0.6))
    answer = start(office.service, "s", cost_budget_usd=3.0)
    assert answer.study.config.cost_budget_usd == 3.0


def test_an_orchestrator_that_never_gets_up_is_reported_with_its_last_words(
    office: Office,
) -> None:
    waiting = replace(a_study(StudyState.QUEUED, config=a_config("s")), created_at=NOW - 60)
    office.registry.add(waiting)
    office.settings.orchestrator_log.parent.mkdir()
    office.settings.orchestrator_log.write_text("ImportError: libcuda.so\n")
    (note,) = office.service.status("s").notes
    assert note.endswith("ImportError: libcuda.so")


def test_a_password_in_a_setting_is_not_shown(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = "https://me:secret@example.org"
    settings = {"MLFLOW_TRACKING_URI": uri}
    sign = OrchestratorSign(
        host="h", pid=1, version=__version__, started_at=NOW, alive_at=NOW, settings=settings
    )
    monkeypatch.setattr(office.registry, "orchestrator", lambda: sign)
    with FileLock(office.settings.orchestrator_lock):
        (note,) = start(office.service, "s").notes
    assert note.endswith("MLFLOW_TRACKING_URI=https://example.org")


def test_a_study_that_was_started_by_another_server_meanwhile_is_gone_on_with(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = office.registry.create

    def create_late(config: StudyConfig) -> Study:
        create(config)
        return create(config)

    monkeypatch.setattr(office.registry, "create", create_late)
    assert not start(office.service, "s", "mnist", 4).created


Call = Callable[[Service], object]


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda s: start(s, "a/b"), InvalidRequest, "no name for a study"),
        (lambda s: start(s, ".."), InvalidRequest, "no name for a study"),
        (lambda s: start(s, "x" * 65), InvalidRequest, "no name for a study"),
        (
            lambda s: start(s, "n", "resnet"),
            InvalidRequest,
            "model_type can be 'mnist'",
        ),
        (lambda s: start(s, "n", n_trials=0), InvalidRequest, "from 1 to 10000"),
        (
            lambda s: start(s, "n", n_trials=10**6),
            InvalidRequest,
            "from 1 to 10000",
        ),
        (
            lambda s: start(s, "n", epochs_max=0),
            InvalidRequest,
            "epochs_max must be from 1",
        ),
        (
            lambda s: start(s, "n", cost_budget_usd=float("nan")),
            InvalidRequest,
            "positive",
        ),
        (
            lambda s: start(s, "n", cost_budget_usd=0.0),
            InvalidRequest,
            "positive",
        ),
        (
            lambda s: start(s, "old", n_trials=0),
            InvalidRequest,
            "from 1 to 10000",
        ),
        (
            lambda s: start(s, "old", cost_budget_usd=-1.0),
            InvalidRequest,
            "positive",
        ),
        (
            lambda s: start(s, "old", epochs_max=9),
            InvalidRequest,
            "epochs_max=5",
        ),
        (
            lambda s: start(s, "OLD", "llm"),
            NameTaken,
            "a study of model 'mnist'",
        ),
        (lambda s: start(s, "plain"), NameTaken, "plain Optuna"),
        (lambda s: s.stop_study("nothing"), StudyNotFound, "'old'.*list_automl_studies"),
        (lambda s: s.stop_study("plain"), NameTaken, "plain Optuna"),
        (lambda s: s.status("nothing"), StudyNotFound, "'old'.*list_automl_studies"),
        (lambda s: s.compare("old", 0), InvalidRequest, "top_k must be from 1 to 50"),
        (lambda s: s.compare("old", 51), InvalidRequest, "top_k must be from 1 to 50"),
        (lambda s: s.compare("old"), NothingToShow, "start_automl_study"),
        (lambda s: s.best("old"), NothingToShow, "start_automl_study"),
    ],
)
def test_a_refused_call_says_what_would_be_valid_and_changes_nothing(
    office: Office, call: Call, error: type[Exception], says: str
) -> None:
    office.registry.add(a_study(StudyState.STOPPED, config=a_config("old")))
    office.registry.add(a_study(config=a_config("plain", model="optuna"), id=-3))
    with pytest.raises(error, match=says):
        call(office.service)
    assert office.registry.writes == 0
    assert office.started == []


def test_a_queued_study_is_stopped_without_an_orchestrator(office: Office) -> None:
    office.registry.add(a_study(StudyState.QUEUED, config=a_config("s")))
    answer = office.service.stop_study("s")
    assert (answer.study.state, answer.ran) == (StudyState.STOPPED, True)
    assert office.started == []


def test_stopping_a_running_study_wakes_an_orchestrator_to_carry_it_out(office: Office) -> None:
    office.registry.add(a_study(StudyState.RUNNING, config=a_config("s")))
    answer = office.service.stop_study("s")
    assert (answer.study.state, answer.study.stop_requested) == (StudyState.RUNNING, True)
    assert office.started == [office.settings]


@pytest.mark.parametrize("state", [StudyState.COMPLETE, StudyState.STOPPED, StudyState.FAILED])
def test_stopping_a_study_that_has_ended_changes_nothing(office: Office, state: StudyState) -> None:
    office.registry.add(a_study(state, config=a_config("s")))
    assert not office.service.stop_study("s").ran
    assert (office.registry.writes, office.started) == (0, [])


def test_starting_a_study_that_is_still_stopping_withdraws_the_stop(office: Office) -> None:
    office.registry.add(a_study(StudyState.RUNNING, config=a_config("s")))
    office.service.stop_study("s")
    assert not start(office.service, "s").study.stop_requested


def test_asking_for_the_status_of_a_study_that_should_run_wakes_an_orchestrator(
    office: Office,
) -> None:
    office.registry.add(a_study(StudyState.RUNNING, config=a_config("s")))
    answer = office.service.status("s")
    assert office.started == [office.settings]
    assert "has been started again" in answer.notes[0]


def test_asking_for_the_status_of_a_finished_study_starts_nothing(office: Office) -> None:
    office.registry.add(a_study(config=a_config("s", n_trials=1)), done(0.5))
    answer = office.service.status("s")
    assert office.started == []
    assert (answer.next_look_s, answer.remaining_s, answer.done) == (None, None, 1)


def test_an_orchestrator_that_is_silent_is_reported_with_the_last_line_of_its_log(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.registry.add(a_study(StudyState.RUNNING, config=a_config("s")))
    office.settings.orchestrator_log.parent.mkdir()
    office.settings.orchestrator_log.write_text("CUDA driver is gone\n")
    sign = OrchestratorSign(
        host="h", pid=1, version=__version__, started_at=NOW - 99, alive_at=NOW - 20, settings={}
    )
    monkeypatch.setattr(office.registry, "orchestrator", lambda: sign)
    with FileLock(office.settings.orchestrator_lock):
        (note,) = office.service.status("s").notes
    assert "no sign of life for 20 s" in note
    assert note.endswith("CUDA driver is gone")


def test_a_server_with_other_settings_is_told_which_hold(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign = OrchestratorSign(
        host="h",
        pid=1,
        version=__version__,
        started_at=NOW,
        alive_at=NOW,
        settings={"MCP_AUTOML_MAX_PARALLEL_TRIALS": "1"},
    )
    monkeypatch.setattr(office.registry, "orchestrator", lambda: sign)
    with FileLock(office.settings.orchestrator_lock):
        (note,) = start(office.service, "s").notes
    assert note.endswith("which hold: MCP_AUTOML_MAX_PARALLEL_TRIALS=1")


def test_the_best_trials_come_with_their_parameters_best_first(office: Office) -> None:
    office.registry.add(a_study(config=a_config("s", n_trials=3)), done(0.5, 0.7, 0.6))
    answer = office.service.compare("s", top_k=2)
    assert [(t.number, t.params) for t in answer.trials] == [(1, {"epochs": 2}), (2, {"epochs": 2})]
    assert office.service.best("s").trial.number == 1


def test_the_list_has_the_newest_study_first_with_its_best_and_cost(office: Office) -> None:
    office.registry.add(a_study(config=a_config("old", n_trials=2)), done(0.5, 0.7))
    office.registry.add(a_study(StudyState.QUEUED, config=a_config("new")))
    new, old = office.service.studies().studies
    assert (new.study.config.name, new.best) == ("new", None)
    assert old.best is not None
    assert (old.best.value, old.cost_usd) == (0.7, 1.0)


def test_whoever_asks_for_a_study_whose_budget_is_spent_is_told_what_it_takes(
    office: Office,
) -> None:
    trials = [replace(trial, cost_usd=0.4) for trial in done(0.5, 0.6)]
    ended = a_study(config=a_config("s", budget=0.75), reason="cost budget: spent")
    office.registry.add(ended, trials)

    (note, *_) = start(office.service, "s").notes
    assert note.startswith("$0.8000 of the budget of $0.7500 is spent: nothing more will be")
    assert not any("budget" in note for note in start(office.service, "s", cost_budget_usd=2).notes)


def test_a_study_that_its_budget_ended_without_a_value_is_not_asked_for_again_as_it_is(
    office: Office,
) -> None:
    office.registry.add(a_study(config=a_config("s", budget=0.1), reason="cost budget: spent"))
    with pytest.raises(NothingToShow, match=r'study_name="s", cost_budget_usd=MORE\) to go on'):
        office.service.best("s")


# --- how it is searched ------------------------------------------------------------------------


def test_a_study_is_searched_as_it_was_asked_for_and_the_answer_says_how(office: Office) -> None:
    plain = start(office.service, "plain")
    chosen = start(office.service, "chosen", sampler="random", pruner="hyperband")

    assert plain.search == "TPE after 5 start-up trials, median pruner"
    assert chosen.search == "random, Hyperband"


def test_auto_brings_its_own_pruner_unless_one_was_named(office: Office) -> None:
    usual = start(office.service, "usual", sampler="auto")
    named = start(office.service, "named", sampler="auto", pruner="median")

    assert usual.study.config.pruner is Pruner.ASHA
    assert named.study.config.pruner is Pruner.MEDIAN


def test_a_study_may_change_its_sampler_and_keeps_what_was_not_said(office: Office) -> None:
    start(office.service, "s", sampler="auto")

    again = start(office.service, "s")
    changed = start(office.service, "s", sampler="cmaes")

    assert again.study.config.sampler is Sampler.AUTO
    assert (changed.study.config.sampler, changed.study.config.pruner) == (
        Sampler.CMAES,
        Pruner.ASHA,
    )
    assert "CMA-ES after 5 start-up trials (choices are" in office.service.status("s").search


def test_an_unknown_sampler_changes_nothing(office: Office) -> None:
    with pytest.raises(InvalidRequest, match="one of 'tpe', 'auto', 'gp', 'cmaes', 'random', not"):
        start(office.service, "s", sampler="bayes")
    assert office.registry.studies() == []
