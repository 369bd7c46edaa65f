"""Real studies with the samplers that are not the default."""

from pathlib import Path

import optuna
import pytest

from tests.workspace_for_tests import Workspace, structure_of, text_of

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]


@pytest.mark.parametrize(
    ("sampler", "name", "why"),
    [
        ("auto", "Gaussian process", "(auto: 3 parameters, under 200 finished trials), ASHA"),
        ("cmaes", "CMA-ES", "(choices are drawn at random: batch_size), median pruner"),
    ],
)
async def test_a_study_is_searched_as_it_was_asked_for(
    tmp_path: Path, sampler: str, name: str, why: str
) -> None:
    workspace = Workspace(tmp_path / "workspace")
    started = await workspace.call(
        "start_automl_study", study_name="s", n_trials=8, epochs_max=2, sampler=sampler
    )

    status = await workspace.until_ended("s")

    assert f"Search: {name} after 5 start-up trials {why}" in text_of(started)
    assert f"Search: {name} {why}" in text_of(status)
    assert structure_of(status)["study"]["sampler"] == sampler
    study = optuna.load_study(study_name="s", storage=f"sqlite:///{workspace.database}")
    assert len(study.trials) == 8
    assert {trial.state.name for trial in study.trials} <= {"COMPLETE", "PRUNED"}
