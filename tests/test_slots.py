"""Which devices there are, and which job gets which slot of them, over plain data."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from mcp_automl.domain.jobs import Need, NoSlot, Slot
from mcp_automl.domain.prices import Prices
from mcp_automl.executors import devices
from mcp_automl.executors.devices import Device, DeviceLost, discover, free_memory_gb, visible
from mcp_automl.executors.slots import Free, SlotTable
from tests.nvml_for_tests import FakeGpu, FakeNotSupported, FakeNvml, FakeNvmlError

GIB = 2**30
PRICES = Prices(gpu_usd_per_hour=1.0, cpu_usd_per_core_hour=0.1)
CPU = Device(label="cpu", kind="cpu", name="CPU")


def gpus(count: int, total_gb: float = 80.0) -> list[Device]:
    return [
        Device(label=f"cuda:{n}", kind="cuda", name="G", uuid=f"GPU-{n}", total_gb=total_gb)
        for n in range(count)
    ]


def table(
    found: list[Device], *, cores: int = 12, max_parallel: int = 3, prices: Prices = PRICES
) -> SlotTable:
    return SlotTable(devices=found, cores=cores, max_parallel=max_parallel, prices=prices)


def take(slots: SlotTable, *free_gb: float, need: Need | None = None) -> Slot:
    """A slot, where one is free; the numbers are the free memory of `cuda:0`, `cuda:1`, ..."""
    slot = slots.acquire(need or Need(), memory(*free_gb))
    assert isinstance(slot, Slot)
    return slot


def memory(*free_gb: float) -> dict[str, Free]:
    return {f"cuda:{number}": Free(gb=gb) for number, gb in enumerate(free_gb)}


# --- devices -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "seen"),
    [
        (None, [0, 1, 2]),
        ("", []),
        ("-1", []),
        ("2,0", [2, 0]),
        (" 1 , 2 ", [1, 2]),
        ("0,-1,2", [0]),
        ("0,7,1", [0]),
        ("1,1", [1]),
        ("GPU-bb1", [1]),
        ("GPU-c,0", [2, 0]),
        ("GPU-b", []),
        ("nonsense", []),
    ],
)
def test_cuda_visible_devices_means_what_it_means_to_cuda(
    setting: str | None, seen: list[int]
) -> None:
    # GPU-b begins two UUIDs and so names neither.
    assert visible(setting, ["GPU-bb0", "GPU-bb1", "GPU-cc2"]) == seen


def test_gpus_are_labelled_by_their_place_among_the_visible_ones() -> None:
    nvml = FakeNvml([FakeGpu(uuid="GPU-a"), FakeGpu(uuid="GPU-b", total=24 * GIB)])

    found = discover({"CUDA_VISIBLE_DEVICES": "1"}, nvml)

    assert found == (
        Device(label="cuda:0", kind="cuda", name="NVIDIA Test", uuid="GPU-b", total_gb=24.0),
    )


@pytest.mark.parametrize(
    "nvml", [None, FakeNvml([])], ids=["no NVML on this machine", "NVML finds no GPU"]
)
def test_without_a_gpu_jobs_run_on_the_cpu(
    nvml: FakeNvml | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.system", lambda: "Linux")

    assert [device.kind for device in discover({}, nvml)] == ["cpu"]


def test_hidden_gpus_are_not_used() -> None:
    found = discover({"CUDA_VISIBLE_DEVICES": ""}, FakeNvml([FakeGpu(uuid="GPU-a")]))

    assert [device.kind for device in found if device.kind == "cuda"] == []


def test_apple_machines_offer_their_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    monkeypatch.setattr("platform.machine", lambda: "arm64")

    assert [device.kind for device in discover({}, None)] == ["mps"]


def test_a_gpu_without_memory_of_its_own_has_no_limit() -> None:
    nvml = FakeNvml([FakeGpu(uuid="GPU-a", error=FakeNotSupported())])

    (device,) = discover({}, nvml)

    assert device.total_gb is None
    assert free_memory_gb(device, nvml) is None


def test_a_gpu_that_no_longer_answers_is_lost() -> None:
    gpu = FakeGpu(uuid="GPU-a", free=3 * GIB)
    nvml = FakeNvml([gpu])
    (device,) = discover({}, nvml)
    assert free_memory_gb(device, nvml) == 3.0

    gpu.error = FakeNvmlError("GPU is lost")

    with pytest.raises(DeviceLost, match=r"cuda:0 does not answer \(GPU is lost\)"):
        free_memory_gb(device, nvml)


def test_a_containers_share_of_the_cores_is_respected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "CPU_QUOTA", tmp_path / "cpu.max")
    unlimited = devices.usable_cores()

    (tmp_path / "cpu.max").write_text("100000 100000\n")
    assert devices.usable_cores() == 1
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert devices.usable_cores() == 1
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert devices.usable_cores() == unlimited


# --- slots -------------------------------------------------------------------------------------


def test_cores_are_divided_among_the_slots_and_nobody_gets_less_than_one_thread() -> None:
    assert take(table([CPU], cores=12)).threads == 4
    assert take(table([CPU], cores=8)).threads == 2
    assert take(table([CPU], cores=2)).threads == 1


def test_a_cpu_slot_costs_its_part_of_the_cores_and_no_gpu() -> None:
    slot = take(table([CPU], cores=2))

    assert (slot.id, slot.device, slot.label, slot.visible_device) == ("cpu/0", "cpu", "cpu", None)
    assert slot.usd_per_hour == pytest.approx(2 / 3 * 0.1)
    assert slot.shared


def test_with_a_gpu_for_each_job_no_gpu_is_shared() -> None:
    slots = table(gpus(8))

    taken = [take(slots, *range(8)) for _ in range(3)]

    # The ones with the most free memory.
    assert [slot.id for slot in taken] == ["cuda:7/0", "cuda:6/0", "cuda:5/0"]
    assert [slot.visible_device for slot in taken] == ["GPU-7", "GPU-6", "GPU-5"]
    assert not any(slot.shared for slot in taken)
    assert {slot.usd_per_hour for slot in taken} == {1.0 + 4 * 0.1}


def test_one_gpu_is_shared_by_all_jobs() -> None:
    slots = table(gpus(1))

    taken = [take(slots, 80.0) for _ in range(3)]

    assert [slot.id for slot in taken] == ["cuda:0/0", "cuda:0/1", "cuda:0/2"]
    assert all(slot.shared and slot.device == "cuda" for slot in taken)
    assert [slot.threads for slot in taken] == [4, 4, 4]


def test_the_least_loaded_gpu_goes_first() -> None:
    slots = table(gpus(2))

    taken = [take(slots, 10.0, 70.0) for _ in range(3)]

    assert [slot.id for slot in taken] == ["cuda:1/0", "cuda:0/0", "cuda:0/1"]
    assert [slot.shared for slot in taken] == [False, True, True]


@pytest.mark.parametrize("found", [[CPU], gpus(1), gpus(2), gpus(3)])
def test_the_prices_of_all_slots_add_up_to_the_price_of_the_machine(found: list[Device]) -> None:
    slots = table(found)
    machine = 12 * 0.1 + sum(device.kind == "cuda" for device in found) * 1.0

    assert math.isclose(sum(take(slots).usd_per_hour for _ in range(3)), machine)


def test_a_price_may_be_set_for_a_gpu_by_its_name() -> None:
    prices = replace(PRICES, gpu_prices={"G": 5.0, "another": 7.0})

    slots = table(gpus(1), prices=prices)

    assert take(slots).usd_per_hour == pytest.approx(5.0 / 3 + 4 * 0.1)


def test_a_price_set_for_a_gpu_does_not_reach_a_cpu_of_that_name() -> None:
    prices = replace(PRICES, gpu_prices={"CPU": 5.0})

    assert take(table([CPU], prices=prices)).usd_per_hour == pytest.approx(4 * 0.1)


def test_a_slot_given_back_is_given_out_again_under_the_same_id() -> None:
    slots = table([CPU])
    first, second, third = (take(slots) for _ in range(3))
    assert slots.acquire(Need(), {}) == NoSlot(reason="all 3 slots are in use")

    slots.release(second.id)
    slots.release(second.id)

    assert take(slots) == second
    assert {first.id, second.id, third.id} == {"cpu/0", "cpu/1", "cpu/2"}


# --- memory ------------------------------------------------------------------------------------


def test_a_job_waits_while_the_gpu_has_too_little_memory_and_the_reason_counts_it() -> None:
    slots = table(gpus(1))
    need = Need(gpu_memory_gb=3.0, trainer="mnist")

    refused = slots.acquire(need, memory(1.2))

    assert refused == NoSlot(
        reason="waiting for GPU memory: cuda:0 has 1.2 of the 3.0 GiB that mnist needs"
    )
    take(slots, 3.0, need=need)


def test_what_a_launched_job_has_not_taken_yet_is_set_aside_until_it_measures() -> None:
    slots = table(gpus(1))
    need = Need(gpu_memory_gb=30.0)
    first = take(slots, 79.0, need=need)
    take(slots, 79.0, need=need)

    # NVML sees nothing of the two yet, and then all of the first.
    assert isinstance(slots.acquire(need, memory(79.0)), NoSlot)
    slots.settle(first.id)
    assert isinstance(slots.acquire(need, memory(59.0)), NoSlot)
    take(slots, 60.0, need=need)


def test_the_other_gpu_is_taken_when_the_least_loaded_one_lacks_memory() -> None:
    slots = table(gpus(2))
    take(slots, 80.0, 80.0)

    slot = take(slots, 40.0, 5.0, need=Need(gpu_memory_gb=10.0))

    assert slot.id == "cuda:0/1"


def test_a_need_beyond_the_whole_gpu_is_tried_on_an_empty_one() -> None:
    slots = table(gpus(1, total_gb=8.0))

    assert take(slots, 7.5, need=Need(gpu_memory_gb=12.0)).id == "cuda:0/0"


def test_a_lost_gpu_gets_no_job_and_says_why() -> None:
    slots = table(gpus(2))
    free = {"cuda:0": Free(lost="cuda:0 does not answer (GPU is lost)"), "cuda:1": Free(gb=1.0)}

    first, second = slots.acquire(Need(), free), slots.acquire(Need(), free)

    assert isinstance(first, Slot) and first.label == "cuda:1"
    assert second == NoSlot(reason="cuda:0 does not answer (GPU is lost)")


# --- alone -------------------------------------------------------------------------------------


def test_a_job_that_must_be_alone_waits_for_a_gpu_with_nothing_on_it() -> None:
    slots = table(gpus(1))
    other = take(slots)

    refused = slots.acquire(Need(alone=True), {})
    slots.release(other.id)
    slot = take(slots, need=Need(alone=True))

    assert refused == NoSlot(reason="waiting for a device of its own: cuda:0 is in use")
    assert slot.id == "cuda:0/0"
    assert not slot.shared


def test_nobody_joins_a_job_that_must_be_alone() -> None:
    slots = table(gpus(1))
    alone = take(slots, need=Need(alone=True))

    assert slots.acquire(Need(), {}) == NoSlot(reason="waiting for cuda:0: a job has it to itself")
    slots.release(alone.id)
    assert take(slots).shared


def test_a_job_alone_on_a_device_pays_for_the_whole_of_it() -> None:
    assert take(table(gpus(1)), need=Need(alone=True)).usd_per_hour == pytest.approx(1.0 + 12 * 0.1)
    assert take(table([CPU]), need=Need(alone=True)).usd_per_hour == pytest.approx(12 * 0.1)
    assert take(table([CPU]), need=Need(alone=True)).threads == 12
