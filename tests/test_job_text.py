"""What is said of training jobs and of verified wins."""

from mcp_automl.answers import BestParams
from mcp_automl.domain.queue import Turn, Waiting
from mcp_automl.domain.training_job import Priority
from mcp_automl.domain.turns import Claim
from mcp_automl.domain.verification import verify
from mcp_automl.job_answers import Queue
from mcp_automl.server import job_text, recipe
from tests.fakes_server import a_config, a_study, a_trial


def test_a_win_that_was_looked_into_is_told_with_its_verdict() -> None:
    found = verify([0.95, 0.96, 0.97], [0.31, 0.28, 0.35], a_config().objective)
    told = recipe.best(BestParams(study=a_study(), trial=a_trial(), verification=found))
    assert "best 0.9600 ± 0.01, second best 0.3133 ± 0.035" in told
    assert "The best one is better: its mean differs by +0.647" in told
    assert "verify_seeds" not in told


def test_a_win_of_the_second_best_is_told_as_what_it_is() -> None:
    found = verify([0.31, 0.28, 0.35], [0.95, 0.96, 0.97], a_config().objective)
    told = recipe.best(BestParams(study=a_study(), trial=a_trial(), verification=found))
    assert "The second best is better" in told


def test_of_a_trainer_that_ignores_its_seed_nothing_is_told_of_luck() -> None:
    found = verify([0.9, 0.9], [0.8, 0.8], a_config().objective)
    told = recipe.best(BestParams(study=a_study(), trial=a_trial(), verification=found))
    assert "Seeds change nothing here" in told and "better" not in told.split("Seeds")[1]


def test_a_cost_too_small_to_be_told_is_not_about_that() -> None:
    claim = Claim(id=1, priority=Priority.NORMAL, held=0, since=0.0)
    waiting = Waiting(study=a_study(), claim=claim, missing=1, pending_usd=1e-6)
    turns = (Turn(waiting=waiting, starts_in_s=0.0),)
    asked = Queue(slots=1, devices="cpu", held=(), turns=turns, ended=(), notes=())
    assert "\nCost pending: under $0.0001" in job_text.queue(asked)
