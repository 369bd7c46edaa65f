"""Prices from the settings to the slots, and what is said where they cannot be meant so."""

import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from mcp_automl import doctor
from mcp_automl.catalog import Catalog
from mcp_automl.composition import os_user
from mcp_automl.doctor import Mark, of_prices
from mcp_automl.domain.errors import InvalidRequest
from mcp_automl.domain.jobs import Need, Slot
from mcp_automl.domain.prices import Prices
from mcp_automl.domain.request import StudyRequest
from mcp_automl.domain.workspace import OrchestratorSign
from mcp_automl.executors.devices import Device
from mcp_automl.executors.local import LocalExecutor
from mcp_automl.launcher import Launcher
from mcp_automl.service import Service
from mcp_automl.settings import Settings
from tests.fakes_server import NOW, FakeAccounts, FakeArchive, FakeJobs, FakeRegistry

H100 = "NVIDIA H100 80GB HBM3"
IN_JSON = f'{{"{H100}": 2.99}}'
FREE = {"MCP_AUTOML_CPU_USD_PER_CORE_HOUR": "0"}


@pytest.fixture
def set_to(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    return lambda name, value: monkeypatch.setenv(f"MCP_AUTOML_{name}", value)


# --- settings ----------------------------------------------------------------------------------


def test_a_price_by_device_name_is_json_in_a_variable_and_a_table_in_the_file(
    set_to: Callable[[str, str], None], tmp_path: Path
) -> None:
    file = tmp_path / "mcp_automl.toml"
    file.write_text(f'gpu_prices = {{"{H100}" = 3.5, "another" = 1}}\n')
    set_to("CONFIG", str(file))
    assert Settings().prices.gpu_prices == {H100: 3.5, "another": 1.0}

    set_to("GPU_PRICES", IN_JSON)

    assert Settings().prices.gpu_prices == {H100: 2.99}


def test_an_orchestrator_is_started_with_the_same_prices(
    set_to: Callable[[str, str], None],
) -> None:
    set_to("GPU_PRICES", IN_JSON)
    settings = Settings()

    set_to("GPU_PRICES", settings.as_environment()["MCP_AUTOML_GPU_PRICES"])

    assert Settings().prices == settings.prices


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GPU_USD_PER_HOUR", "-0.01"),
        ("GPU_USD_PER_HOUR", "nan"),
        ("CPU_USD_PER_CORE_HOUR", "inf"),
        ("GPU_PRICES", f'{{"{H100}": -2.99}}'),
        ("GPU_PRICES", f'{{"{H100}": NaN}}'),
        ("GPU_PRICES", f'{{"{H100}": Infinity}}'),
    ],
)
def test_a_price_that_is_none_is_refused_in_a_sentence(
    set_to: Callable[[str, str], None], name: str, value: str
) -> None:
    set_to(name, value)

    with pytest.raises(ValidationError, match="it must be dollars per hour: 0 or more") as refused:
        Settings()

    assert refused.value.errors()[0]["loc"][0] == name.lower()


@pytest.mark.parametrize("value", ['{"NVIDIA', "[2.99]", "2.99", "null"])
def test_a_price_table_that_is_none_is_refused_with_an_example(
    set_to: Callable[[str, str], None], value: str
) -> None:
    set_to("GPU_PRICES", value)

    with pytest.raises(
        ValidationError, match=r'it must give GPUs by.*\{"NVIDIA H100 80GB HBM3": 2.99'
    ):
        Settings()


# --- slots -------------------------------------------------------------------------------------


@pytest.fixture
def of_settings(set_to: Callable[[str, str], None]) -> Prices:
    set_to("GPU_PRICES", IN_JSON)
    set_to("CPU_USD_PER_CORE_HOUR", "0")
    return Settings().prices


async def test_a_slot_on_a_device_with_a_price_of_its_own_has_that_price(
    of_settings: Prices,
) -> None:
    found = [
        Device(label="cuda:0", kind="cuda", name=H100, uuid="GPU-a"),
        Device(label="cuda:1", kind="cuda", name="another", uuid="GPU-b"),
    ]
    async with LocalExecutor(max_parallel=3, prices=of_settings, devices=found) as executor:
        slots = [executor.acquire(Need()) for _ in range(3)]

    priced = {slot.id: slot.usd_per_hour for slot in slots if isinstance(slot, Slot)}
    assert priced == {"cuda:0/0": 2.99 / 2, "cuda:1/0": 0.25, "cuda:0/1": 2.99 / 2}


# --- doctor ------------------------------------------------------------------------------------


def test_doctor_names_the_price_of_every_gpu_that_has_its_own() -> None:
    (finding,) = of_prices(Prices(gpu_prices={H100: 2.99}), [H100, H100])

    assert finding == (
        "prices",
        Mark.OK,
        "$0.25/GPU-hour, $0.05/core-hour, $2.99/hour of NVIDIA H100 80GB HBM3",
    )


@pytest.mark.parametrize(
    ("gpus", "there"), [([], "no GPU at all"), (["B", "A", "B"], "A, B")], ids=["cpu", "gpus"]
)
def test_doctor_warns_of_prices_for_devices_that_are_not_there(gpus: list[str], there: str) -> None:
    _, warning = of_prices(Prices(gpu_prices={H100: 2.99}), gpus)

    said = f"they name {H100}, but this machine has {there}"
    assert warning == ("gpu_prices", Mark.WARNING, said)


def test_doctor_names_the_gpus_as_prices_name_them(monkeypatch: pytest.MonkeyPatch) -> None:
    found = (Device(label="cuda:0", kind="cuda", name=H100, uuid="GPU-a"),)
    monkeypatch.setattr("mcp_automl.composition.find_devices", lambda: found)
    monkeypatch.setattr("mcp_automl.doctor.find_devices", lambda: found)

    healthy, table = doctor.report(Settings(gpu_prices={H100: 2.99, "A": 1.0}))

    shown = [str(cell) for column in table.columns for cell in column.cells]
    assert f"cuda:0 ({H100}); 3 slots" in shown
    assert f"they name A, but this machine has {H100}" in shown
    assert shown.count(Mark.WARNING.value) == 1
    # A warning is no illness.
    assert healthy is (Mark.BAD.value not in shown)


# --- a budget where nothing costs anything -----------------------------------------------------


def a_service(
    registry: FakeRegistry, home: Path, *, gpus: list[str], alive: bool = False
) -> Service:
    class Running(Launcher):
        def is_alive(self) -> bool:
            return alive

    settings = Settings(home=home)
    return Service(
        registry=registry,
        trainers=Catalog(),
        launcher=Running(settings, start=lambda _: None),
        settings=settings,
        accounts=FakeAccounts(),
        archive=FakeArchive(registry),
        jobs=FakeJobs(),
        devices=lambda: "a machine",
        gpus=lambda: gpus,
        cores=lambda: 2,
        owner="me",
        now=lambda: NOW,
    )


@pytest.mark.parametrize(
    ("gpus", "remedy"),
    [
        ([], "set MCP_AUTOML_CPU_USD_PER_CORE_HOUR to"),
        (["G"], "set MCP_AUTOML_GPU_USD_PER_HOUR or MCP_AUTOML_CPU_USD_PER_CORE_HOUR to"),
    ],
)
def test_a_budget_is_refused_where_every_slot_is_free(
    set_to: Callable[[str, str], None], tmp_path: Path, gpus: list[str], remedy: str
) -> None:
    set_to("CPU_USD_PER_CORE_HOUR", "0")
    set_to("GPU_USD_PER_HOUR", "0")
    registry = FakeRegistry()

    with pytest.raises(InvalidRequest, match=f"every slot .* costs \\$0 an hour.*{remedy}"):
        a_service(registry, tmp_path, gpus=gpus).start_study(StudyRequest("s", cost_budget_usd=0.5))

    assert registry.writes == 0


def test_a_study_without_a_budget_runs_where_every_slot_is_free(
    set_to: Callable[[str, str], None], tmp_path: Path
) -> None:
    set_to("CPU_USD_PER_CORE_HOUR", "0")

    assert a_service(FakeRegistry(), tmp_path, gpus=[]).start_study(StudyRequest("s")).created


def test_a_budget_stands_where_cores_are_free_and_a_gpu_is_not(
    set_to: Callable[[str, str], None], tmp_path: Path
) -> None:
    set_to("CPU_USD_PER_CORE_HOUR", "0")
    set_to("GPU_USD_PER_HOUR", "0")
    set_to("GPU_PRICES", IN_JSON)
    service = a_service(FakeRegistry(), tmp_path, gpus=[H100])

    assert service.start_study(StudyRequest("s", cost_budget_usd=0.5)).created


@pytest.mark.parametrize(("alive", "refused"), [(True, True), (False, False)])
def test_the_prices_of_the_orchestrator_that_runs_decide(
    tmp_path: Path, alive: bool, refused: bool
) -> None:
    registry = FakeRegistry()
    registry.sign = OrchestratorSign(
        host="here", pid=1, version="0.1.0", started_at=NOW, alive_at=NOW, settings=FREE
    )
    service = a_service(registry, tmp_path, gpus=[], alive=alive)

    if refused:
        with pytest.raises(InvalidRequest, match="makes no sense here"):
            service.start_study(StudyRequest("s", cost_budget_usd=0.5))
    else:
        assert service.start_study(StudyRequest("s", cost_budget_usd=0.5)).created


# --- owners ------------------------------------------------------------------------------------


def test_the_owner_is_the_user_of_the_process_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")

    assert os_user() == pwd.getpwuid(os.getuid()).pw_name


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getuid", lambda: 987_654_321)

    assert os_user() == "uid 987654321"
