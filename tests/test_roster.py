"""The operator's own trainers as `mcp_automl.toml` has them, right and wrong."""

from pathlib import Path

import pytest

from mcp_automl.catalog import Catalog
from mcp_automl.declarations import Declarations
from mcp_automl.doctor import Mark, trainers
from mcp_automl.domain.errors import InvalidRequest, InvalidSettings, TrainerUnavailable
from mcp_automl.domain.space import Categorical, Float, Int, Parameter
from mcp_automl.domain.study import Objective
from mcp_automl.roster import own_trainers
from mcp_automl.server.trainers import page

HEAD = """
[trainers.mine]
command = ["python", "train.py"]
objective = "val_loss"
direction = "minimize"
"""
WHOLE = f"""{HEAD}
trial_timeout_s = 60
[trainers.mine.parameters]
lr = {{ low = 0.0001, high = 1.0, log = true, description = "How fast." }}
depth = {{ low = 1, high = 9, step = 2 }}
kind = {{ choices = ["a", "b"] }}
size = {{ choices = [1, 2], in_default_space = false }}
momentum = {{ low = 0.0, high = 1.0, when = {{ kind = "a" }} }}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "mcp_automl.toml"
    monkeypatch.setenv("MCP_AUTOML_CONFIG", str(file))
    return file


@pytest.fixture
def catalog() -> Catalog:
    return Catalog(own=lambda: own_trainers(Declarations()))


def searched(catalog: Catalog, model: str = "mine") -> dict[str, Parameter]:
    return dict(catalog.search(model, None, None).space.parameters)


def test_without_a_file_there_are_the_built_in_trainers_alone(file: Path, catalog: Catalog) -> None:
    assert catalog.names == ("mnist", "llm")


def test_a_trainer_is_there_as_soon_as_it_is_written(file: Path, catalog: Catalog) -> None:
    file.write_text(WHOLE)

    assert catalog.names == ("mnist", "llm", "mine")
    assert searched(catalog) == {
        "lr": Float(low=1e-4, high=1.0, log=True),
        "depth": Int(low=1, high=9, step=2),
        "kind": Categorical(choices=("a", "b")),
        "momentum": Float(low=0.0, high=1.0),
    }
    config = catalog.config("s", "mine", n_trials=3, epochs_max=None, seed=0, owner="me")
    assert dict(config.default) == {"lr": 0.01, "depth": 5, "kind": "a", "momentum": 0.5}
    assert (config.objective.name, config.objective.maximize) == ("val_loss", False)
    assert not config.has_epochs
    assert "How fast." in page(catalog.declaration("mine"))


def test_a_command_runs_where_the_file_is_unless_it_says_where(
    file: Path, catalog: Catalog
) -> None:
    file.write_text(WHOLE)
    reference = catalog.reference("mine")
    assert (reference.module, reference.trial_timeout_s) == ("trainers.command", 60.0)
    assert reference.options == {
        "command": ["python", "train.py"],
        "folder": str(file.parent),
        "objective": "val_loss",
        "final_objective": None,
        "measurements": "json",
    }

    file.write_text(WHOLE.replace("trial_timeout_s", 'folder = "elsewhere"\ntrial_timeout_s'))
    with pytest.raises(TrainerUnavailable, match="its folder .*elsewhere is not there"):
        catalog.reference("mine")


def test_a_command_may_declare_what_its_final_training_measures(
    file: Path, catalog: Catalog
) -> None:
    file.write_text(WHOLE)
    assert catalog.declaration("mine").final_objective is None
    assert "It cannot train on training and validation data" in page(catalog.declaration("mine"))

    declared = 'final_objective = "test_it"\ntrial_timeout_s'
    file.write_text(WHOLE.replace("trial_timeout_s", declared))
    found = catalog.declaration("mine")
    assert found.final_objective == Objective(name="test_it", maximize=False)
    assert "validation data together, judged by test_it." in page(found)
    assert catalog.reference("mine").options["final_objective"] == "test_it"


def test_a_trainer_without_epochs_takes_no_epochs_max(file: Path, catalog: Catalog) -> None:
    file.write_text(WHOLE)

    with pytest.raises(InvalidRequest, match="no parameter epochs; leave epochs_max out"):
        catalog.search("mine", None, 5)


@pytest.mark.parametrize(
    ("lines", "need", "told"),
    [
        ("gpus = 0.5\ncpu_cores = 2", (0.5, 2), "takes half a GPU and 2 CPU cores."),
        ("gpus = 0", (0, None), "takes no GPU."),
        ("gpus = 2", (2, None), "takes two GPUs."),
        ("cpu_cores = 1", (None, 1), "takes 1 CPU core."),
        ("", (None, None), ""),
    ],
)
def test_a_table_declares_the_gpus_and_cores_that_each_training_takes(
    file: Path, catalog: Catalog, lines: str, need: tuple[float | None, int | None], told: str
) -> None:
    file.write_text(WHOLE.replace("trial_timeout_s = 60", lines))

    found = catalog.reference("mine").need(alone=True)

    assert (found.gpus, found.cpu_cores) == need
    assert (found.trainer, found.alone, found.gpu_memory_gb) == ("mine", True, 1.0)
    shown = page(catalog.declaration("mine"))
    assert f"Each training {told}" in shown if told else "Each training" not in shown


RANGE = "{ low = 0.0, high = 1.0 }"


def parameters(lines: str) -> str:
    return f"{HEAD}\n[trainers.mine.parameters]\n{lines}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (HEAD, "parameters: Field required"),
        (parameters("lr = { low = 2.0, high = 1.0 }"), "lr: low must be less than high"),
        (parameters("lr = { low = 0.0, high = 1.0, log = true }"), "low must be more than 0"),
        (parameters("lr = { low = 0.0 }"), "lr needs low and high, or choices"),
        (parameters('lr = { low = "a", high = 1.0 }'), "parameters.lr.low"),
        (parameters("lr = { low = 0.0, high = 1.0, hi = 2 }"), "parameters.lr.hi: Extra inputs"),
        (parameters("lr = { low = 0.0, high = 1.0, default = 2.0 }"), "a value lies outside"),
        (parameters('"--lr" = { low = 0.0, high = 1.0 }'), "parameters.--lr"),
        (parameters("a = { low = 1, high = 2, when = { b = 1 } }"), "a depends on"),
        (parameters(f"lr = {RANGE}\nLR = {RANGE}"), "lr and LR would both come as"),
        (
            parameters(f"max-lr = {RANGE}\nmax_lr = {RANGE}"),
            "max-lr and max_lr would both come as MCP_AUTOML_PARAM_MAX_LR; rename one",
        ),
        (WHOLE.replace("trial_timeout_s = 60", "gpus = 3"), "gpus: Input should be 0, 0.5, 1 or 2"),
        (WHOLE.replace("trial_timeout_s = 60", "gpus = true"), "gpus: Input should be a valid num"),
        (WHOLE.replace("trial_timeout_s = 60", "cpu_cores = 0"), "cpu_cores: Input should be gre"),
        (WHOLE.replace("trial_timeout_s = 60", "cpu_cores = 1.5"), "cpu_cores: Input should be a"),
        (WHOLE.replace('"python", "train.py"', ""), "command"),
        (WHOLE.replace('"python"', '"no-such-program"'), "there is no program 'no-such-program'"),
        (WHOLE.replace("minimize", "down"), "direction: Input should be 'maximize' or 'minimize'"),
        (
            WHOLE.replace("trial_timeout_s = 60", 'measurements = "wandb"'),
            "measurements: Input should be 'json' or 'mlflow'",
        ),
        (WHOLE.replace("trainers.mine", "trainers.'a b'"), "its name must be 1 to 64 letters"),
        (WHOLE.replace("trainers.mine", "trainers.mnist"), "a built-in trainer has that name"),
    ],
)
def test_a_table_that_is_wrong_is_said_to_be_and_takes_nothing_else_along(
    file: Path, catalog: Catalog, text: str, problem: str
) -> None:
    file.write_text(f"{text}\n{WHOLE.replace('mine', 'good')}")
    (name,) = set(catalog.names) - {"mnist", "llm", "good"}

    found = {what: (mark, sentence) for what, mark, sentence in trainers(catalog)}

    assert found["model good"][0] is Mark.OK
    assert searched(catalog, "good")
    assert found[f"model {name}"][0] is Mark.WARNING
    assert problem in found[f"model {name}"][1]
    assert problem in catalog.declaration(name).trouble
    assert "cannot be used here" in page(catalog.declaration(name))
    with pytest.raises(TrainerUnavailable):
        searched(catalog, name)


def test_a_file_that_is_no_toml_is_a_sentence(file: Path, catalog: Catalog) -> None:
    file.write_text("trainers = [")
    with pytest.raises(InvalidSettings, match="cannot be read"):
        catalog.names  # noqa: B018
    file.write_text("trainers = 3")
    with pytest.raises(InvalidSettings, match=r"write \[trainers.NAME\]"):
        catalog.names  # noqa: B018
