"""What jobs get whose trainers declare GPUs or cores, alone and beside others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_automl.domain.jobs import Need, NoSlot, Slot
from mcp_automl.domain.prices import Prices
from mcp_automl.executors.devices import Device
from mcp_automl.executors.slots import Free, SlotTable

PRICES = Prices(gpu_usd_per_hour=1.0, cpu_usd_per_core_hour=0.1)
CPU = Device(label="cpu", kind="cpu", name="CPU")


def machine(gpus: int, *, cores: int = 12, max_parallel: int = 3) -> SlotTable:
    found = [
        Device(label=f"cuda:{n}", kind="cuda", name="G", uuid=f"GPU-{n}", total_gb=80.0)
        for n in range(gpus)
    ]
    return SlotTable(devices=found or [CPU], cores=cores, max_parallel=max_parallel, prices=PRICES)


def asked(gpus: float | None = None, cpu_cores: int | None = None, *, alone: bool = False) -> Need:
    return Need(gpus=gpus, cpu_cores=cpu_cores, alone=alone, trainer="mine")


def given_out(slots: SlotTable, *needs: Need) -> list[str]:
    """For each need in turn the slot's id, or `-`."""
    answers = [slots.acquire(need, {}) for need in needs]
    return [it.id if isinstance(it, Slot) else "-" for it in answers]


def refusal(slots: SlotTable, need: Need) -> NoSlot:
    answer = slots.acquire(need, {})
    assert isinstance(answer, NoSlot)
    return answer


ANY, CPU_ONLY, HALF, ONE, TWO = asked(), asked(0), asked(0.5), asked(1), asked(2)


@pytest.mark.parametrize(
    ("gpus", "needs", "slots"),
    [
        # Half a GPU is shared by two, whole ones by nobody.
        (1, [HALF, HALF, HALF], ["cuda:0/0", "cuda:0/1", "-"]),
        (1, [ONE, HALF, ANY], ["cuda:0/0", "-", "-"]),
        (1, [ANY, ONE, HALF], ["cuda:0/0", "-", "cuda:0/1"]),
        # Beside half of it there is room for one third, not for two.
        (1, [HALF, ANY, ANY], ["cuda:0/0", "cuda:0/1", "-"]),
        (1, [ANY, ANY, HALF], ["cuda:0/0", "cuda:0/1", "-"]),
        # The CPU is free whatever the GPU does.
        (1, [ONE, CPU_ONLY, CPU_ONLY], ["cuda:0/0", "cpu/0", "cpu/1"]),
        (1, [CPU_ONLY, CPU_ONLY, ANY], ["cpu/0", "cpu/1", "cuda:0/0"]),
        (0, [CPU_ONLY, ANY, CPU_ONLY, ANY], ["cpu/0", "cpu/1", "cpu/2", "-"]),
        # Two at once, and only if nothing is on either.
        (2, [TWO, ANY, CPU_ONLY], ["cuda:0+cuda:1/0", "-", "cpu/0"]),
        (2, [ANY, TWO, ONE], ["cuda:0/0", "-", "cuda:1/0"]),
        (3, [HALF, TWO, HALF], ["cuda:0/0", "cuda:1+cuda:2/0", "cuda:0/1"]),
        (3, [ONE, ONE, ONE], ["cuda:0/0", "cuda:1/0", "cuda:2/0"]),
        # With more GPUs than slots, the slots are what is scarce.
        (8, [TWO, TWO, HALF, HALF], ["cuda:0+cuda:1/0", "cuda:2+cuda:3/0", "cuda:4/0", "-"]),
    ],
)
def test_jobs_get_what_their_trainers_declare(
    gpus: int, needs: list[Need], slots: list[str]
) -> None:
    assert given_out(machine(gpus), *needs) == slots


@pytest.mark.parametrize(
    ("need", "price", "threads", "sees", "shared"),
    [
        (ANY, 1 / 3 + 0.4, 4, "GPU-0", True),
        (CPU_ONLY, 0.4, 4, None, True),
        (HALF, 0.5 + 0.4, 4, "GPU-0", True),
        (ONE, 1.0 + 0.4, 4, "GPU-0", False),
        (asked(0.5, 1), 0.5 + 0.1, 1, "GPU-0", True),
        (asked(0, 12), 1.2, 12, None, True),
        (asked(None, 2), 1 / 3 + 0.2, 2, "GPU-0", True),
        (asked(0.5, alone=True), 1.0 + 1.2, 12, "GPU-0", False),
        (asked(0.5, 2, alone=True), 1.0 + 1.2, 2, "GPU-0", False),
        (asked(0, alone=True), 0.4, 4, None, False),
    ],
)
def test_price_and_threads_follow_from_what_is_declared(
    need: Need, price: float, threads: int, sees: str | None, shared: bool
) -> None:
    slot = machine(1).acquire(need, {})

    assert isinstance(slot, Slot)
    assert slot.usd_per_hour == pytest.approx(price)
    assert (slot.threads, slot.visible_device, slot.shared) == (threads, sees, shared)
    assert slot.device == ("cuda" if sees else "cpu")


def test_two_gpus_are_seen_and_paid_at_once_each_at_its_own_price() -> None:
    slots = machine(2)
    slots.prices = Prices(gpu_usd_per_hour=1.0, cpu_usd_per_core_hour=0.1, gpu_prices={"H": 3.0})
    slots.devices = [
        slots.devices[0],
        Device(label="cuda:1", kind="cuda", name="H", uuid="GPU-1", total_gb=80.0),
    ]

    # The emptier one is chosen first, and named where it always is.
    slot = slots.acquire(TWO, {"cuda:0": Free(gb=10.0), "cuda:1": Free(gb=80.0)})

    assert isinstance(slot, Slot)
    assert (slot.label, slot.visible_device) == ("cuda:0+cuda:1", "GPU-0,GPU-1")
    assert slot.usd_per_hour == pytest.approx(1.0 + 3.0 + 4 * 0.1)


def test_memory_is_asked_and_set_aside_on_both_of_two_gpus() -> None:
    slots = machine(3)
    need = Need(gpus=2, gpu_memory_gb=30.0)
    low = {"cuda:0": Free(gb=80.0), "cuda:1": Free(gb=20.0), "cuda:2": Free(gb=20.0)}

    refused = slots.acquire(need, low)

    assert isinstance(refused, NoSlot) and "cuda:1 has 20.0 of the 30.0 GiB" in refused.reason
    assert not refused.ours
    assert given_out(slots, need) == ["cuda:0+cuda:1/0"]


@pytest.mark.parametrize(
    ("gpus", "need", "problem"),
    [
        (0, HALF, "declares gpus = 0.5, and this machine has no GPU"),
        (1, TWO, "declares gpus = 2, and this machine has 1 GPU"),
        (1, asked(0, 13), "declares cpu_cores = 13, and this machine has 12 CPU cores"),
    ],
)
def test_what_can_never_be_had_is_not_waited_for(gpus: int, need: Need, problem: str) -> None:
    slots = machine(gpus)

    assert problem in slots.misfit(need)
    refused = refusal(slots, need)
    assert problem in refused.reason and not refused.ours


def test_what_jobs_of_ours_keep_back_comes_and_what_is_lost_may_not() -> None:
    slots = machine(2)
    assert given_out(slots, ANY) == ["cuda:0/0"]

    ours = refusal(slots, TWO)
    lost = slots.acquire(TWO, {"cuda:1": Free(lost="cuda:1 does not answer")})

    assert ours == NoSlot(reason="waiting for a device of its own: cuda:0 is in use")
    assert ours.ours
    assert isinstance(lost, NoSlot) and not lost.ours


def test_cores_that_others_hold_are_waited_for() -> None:
    slots = machine(0, cores=2)
    (first,) = given_out(slots, asked(None, 1))

    refused = refusal(slots, asked(None, 2))
    assert refused == NoSlot(reason="waiting for CPU cores: 1 of the 2 that mine needs are free")
    assert refused.ours
    assert given_out(slots, ANY, ANY) == ["cpu/1", "-"]
    slots.release(first)
    assert given_out(slots, ANY, ANY) == ["cpu/0", "cpu/2"]


@pytest.mark.parametrize(
    ("gpus", "ran", "ahead", "then"),
    [
        # The one GPU is kept; the CPU, and the cores that nobody waits for, are not.
        (1, [ANY], [ONE], {ANY: "-", HALF: "-", CPU_ONLY: "cpu/0"}),
        # It needs no cores but those that come with the GPU.
        (1, [asked(1, 8)], [asked(1, 8)], {CPU_ONLY: "cpu/0"}),
        (1, [asked(0, 8)], [asked(1, 8)], {CPU_ONLY: "-"}),
        # One GPU is waited for, the one that will be free first; the other is handed out.
        (2, [HALF, HALF], [ONE], {HALF: "cuda:1/1", ONE: "-"}),
        (2, [HALF, HALF], [ONE, ONE], {HALF: "-"}),
        (2, [HALF, HALF], [TWO], {HALF: "-", CPU_ONLY: "cpu/0"}),
    ],
)
def test_what_those_ahead_wait_for_is_kept_and_the_rest_handed_out(
    gpus: int, ran: list[Need], ahead: list[Need], then: dict[Need, str]
) -> None:
    for need, slot in then.items():
        slots = machine(gpus)
        given_out(slots, *ran)
        answer = slots.acquire(need, {}, ahead)
        assert (answer.id if isinstance(answer, Slot) else "-") == slot


def test_a_job_alone_on_a_gpu_takes_the_cores_that_others_leave_it() -> None:
    slots = machine(1)
    assert given_out(slots, asked(0, 5)) == ["cpu/0"]

    slot = slots.acquire(asked(alone=True), {})

    assert isinstance(slot, Slot)
    assert slot.threads == 7
    assert slot.usd_per_hour == pytest.approx(1.0 + 0.7)


NEEDS = st.builds(
    asked,
    st.sampled_from([None, 0, 0.5, 1, 2]),
    st.sampled_from([None, 1, 2, 3]),
    alone=st.booleans(),
)


@given(
    gpus=st.integers(0, 4),
    cores=st.integers(1, 7),
    max_parallel=st.integers(1, 6),
    steps=st.lists(st.one_of(NEEDS, st.integers(0, 5)), max_size=25),
)
def test_no_more_is_ever_handed_out_than_the_machine_has(
    gpus: int, cores: int, max_parallel: int, steps: list[Need | int]
) -> None:
    slots = machine(gpus, cores=cores, max_parallel=max_parallel)
    whole = gpus * 1.0 + cores * 0.1
    held: dict[str, tuple[Slot, Need]] = {}
    for step in steps:
        if isinstance(step, int):
            if step < len(held):
                slots.release(list(held)[step])
                del held[list(held)[step]]
            continue
        slot = slots.acquire(step, {})
        # An empty machine has a slot for every need that it can ever satisfy.
        assert isinstance(slot, Slot) or held or slots.misfit(step)
        if isinstance(slot, Slot):
            assert slot.id not in held
            held[slot.id] = (slot, step)
        check(held, cores=cores, max_parallel=max_parallel, usd_per_hour=whole)


def check(
    held: dict[str, tuple[Slot, Need]], *, cores: int, max_parallel: int, usd_per_hour: float
) -> None:
    assert len(held) <= max_parallel
    assert sum(slot.usd_per_hour for slot, _ in held.values()) <= usd_per_hour + 1e-9
    assert sum(need.cpu_cores or 0 for _, need in held.values()) <= cores
    for device in {label for slot, _ in held.values() for label in slot.label.split("+")}:
        on_it = [it for it in held.values() if device in it[0].label.split("+")]
        halves = sum(need.gpus == 0.5 for _, need in on_it)
        assert halves <= 2
        if any(not slot.shared for slot, _ in on_it) and max_parallel > 1:
            assert len(on_it) == 1
