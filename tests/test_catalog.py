"""What the catalog tells of trainers without importing what they train with."""

import pytest

from mcp_automl.catalog import Catalog, Own
from mcp_automl.domain.errors import InvalidRequest, TrainerUnavailable
from mcp_automl.domain.space import Categorical, Float, Int
from mcp_automl.domain.study import StudyConfig
from trainers.contract import Objective, Parameter, TrainerSpec

NEEDS_MORE = TrainerSpec(
    name="needy",
    module="needy",
    description="Needs a package that nobody has.",
    objectives=(Objective(name="loss", direction="minimize"),),
    parameters=(Parameter(name="x", kind="float", default=1.0, low=0, high=2, description="X."),),
    requires=("a_package_that_nobody_has",),
    extra="needy",
)


def config(catalog: Catalog, model: str, epochs_max: int | None = 3) -> StudyConfig:
    return catalog.config("s", model, n_trials=4, epochs_max=epochs_max, seed=0, owner="me")


def test_the_default_space_of_mnist_is_the_one_of_the_guide() -> None:
    space = config(Catalog(), "mnist").space.parameters
    assert dict(space) == {
        "lr": Float(low=1e-5, high=1e-2, log=True),
        "batch_size": Categorical(choices=(32, 64, 128, 256)),
        "epochs": Int(low=1, high=3),
    }


def test_the_default_configuration_is_clipped_into_the_space() -> None:
    assert config(Catalog(), "mnist", epochs_max=2).default["epochs"] == 2


def test_an_unknown_model_is_refused_with_the_models_there_are() -> None:
    with pytest.raises(InvalidRequest, match="no model 'resnet'; model_type can be 'mnist'"):
        config(Catalog(), "resnet")


def test_a_model_is_known_in_any_case_unless_that_could_be_two() -> None:
    none = Own(read=lambda: TrainerSpec(**{}), module="")
    catalog = Catalog(own=lambda: dict.fromkeys(("Mine", "Twice", "twice"), none))
    assert [catalog.spelled(it) for it in ("MNIST ", "mine", "twice")] == ["mnist", "Mine", "twice"]
    assert (catalog.spelled("TWICE"), catalog.spelled("")) == ("TWICE", None)


def test_a_space_without_epochs_to_choose_from_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="epochs_max must be from 1"):
        config(Catalog(), "mnist", epochs_max=0)


def test_a_trainer_whose_packages_are_missing_says_which_command_installs_them() -> None:
    catalog = Catalog([NEEDS_MORE])
    with pytest.raises(TrainerUnavailable, match=r"pip install 'mcp-automl\[needy\]'"):
        catalog.check_installed("needy")
    assert catalog.preload() == []


def test_an_objective_keeps_its_direction() -> None:
    (objective,) = config(Catalog([NEEDS_MORE]), "needy", epochs_max=None).objectives
    assert (objective.name, objective.maximize) == ("loss", False)
