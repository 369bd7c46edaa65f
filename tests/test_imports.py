"""What a fresh interpreter has loaded after importing a room.

The contracts in pyproject.toml read the source; these tests see what really happens, a lazy import
that is not lazy among it.
"""

import json
import subprocess
import sys

import pytest

LOADED = """
import importlib, json, pkgutil, sys

before = set(sys.modules)
for name in sys.argv[1:]:
    room = importlib.import_module(name)
    for module in pkgutil.walk_packages(getattr(room, "__path__", []), name + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
print(json.dumps(sorted(set(sys.modules) - before - {"__mp_main__"})))
"""


def loaded_by(*rooms: str) -> list[str]:
    """All modules that importing these rooms, with everything in them, brings in."""
    command = [sys.executable, "-c", LOADED, *rooms]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    modules: list[str] = json.loads(done.stdout)
    return modules


def foreign(modules: list[str], *ours: str) -> list[str]:
    """Those that are neither the standard library's nor of one of our packages."""
    known = sys.stdlib_module_names | {"mcp_automl", *ours}
    return [name for name in modules if name.partition(".")[0] not in known]


@pytest.mark.parametrize("room", ["mcp_automl.domain", "mcp_automl.ports"])
def test_the_inner_rooms_load_the_standard_library_alone(room: str) -> None:
    loaded = loaded_by(room)

    assert room in loaded
    assert foreign(loaded) == []


def test_the_domain_loads_no_other_room() -> None:
    ours = [name for name in loaded_by("mcp_automl.domain") if name.startswith("mcp_automl")]

    assert [name for name in ours if not name.startswith("mcp_automl.domain")] == ["mcp_automl"]


def test_a_worker_process_loads_the_trainer_contract_and_the_standard_library_alone() -> None:
    loaded = loaded_by("mcp_automl.worker")
    trainers = {name for name in loaded if name.startswith("trainers")}

    assert foreign(loaded, "trainers") == []
    assert trainers <= {"trainers", "trainers.contract", "trainers.checkpoints"}


def test_trainers_can_be_described_without_loading_what_they_train_with() -> None:
    loaded = loaded_by("trainers.specs", "trainers.checkpoints")

    assert "trainers.contract" in loaded
    assert foreign(loaded, "trainers") == []
