"""What is said of training jobs and of verified wins."""

from mcp_automl.answers import BestParams
from mcp_automl.domain.verification import verify
from mcp_automl.server import recipe
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
