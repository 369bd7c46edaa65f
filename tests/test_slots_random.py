"""Any mixture of trainers on any machine: nothing is handed out twice, nobody is passed over."""

import math
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from mcp_automl.domain.jobs import Need, Slot
from mcp_automl.domain.machine import Machine
from mcp_automl.domain.prices import Prices
from mcp_automl.executors.devices import Device
from mcp_automl.executors.slots import SlotTable

GPU_ONLY = Prices(gpu_usd_per_hour=1.0, cpu_usd_per_core_hour=0.0)
CORES_ONLY = Prices(gpu_usd_per_hour=0.0, cpu_usd_per_core_hour=1.0)
SLACK = 1e-9

needs = st.builds(
    Need,
    alone=st.booleans(),
    gpus=st.sampled_from([None, 0, 0.5, 1, 2]),
    cpu_cores=st.sampled_from([None, 1, 2, 3, 5]),
)
steps = st.lists(st.one_of(needs, st.integers(0, 5)), min_size=1, max_size=40)
"""A need is asked for; a number gives back the slot that is so many places down the list."""


def devices(count: int) -> list[Device]:
    if not count:
        return [Device(label="cpu", kind="cpu", name="CPU")]
    return [Device(label=f"cuda:{n}", kind="cuda", name="G", uuid=f"U{n}") for n in range(count)]


@dataclass
class Holding:
    """One machine, as two price lists see it: what its slots cost is what they hold."""

    gpus: int
    cores: int
    most: int
    held: dict[str, tuple[Need, Slot, float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.by_gpu, self.by_cores = (
            SlotTable(
                devices=devices(self.gpus), cores=self.cores, max_parallel=self.most, prices=prices
            )
            for prices in (GPU_ONLY, CORES_ONLY)
        )

    def ask(self, need: Need, *ahead: Need) -> bool:
        one, other = (it.acquire(need, {}, ahead) for it in (self.by_gpu, self.by_cores))
        assert type(one) is type(other)
        if not (isinstance(one, Slot) and isinstance(other, Slot)):
            return False
        assert one.id == other.id and one.id not in self.held
        self.held[one.id] = (need, one, one.usd_per_hour, other.usd_per_hour)
        return True

    def give_back(self, place: int) -> None:
        if self.held:
            slot = list(self.held)[place % len(self.held)]
            del self.held[slot]
            self.by_gpu.release(slot)
            self.by_cores.release(slot)

    def check(self) -> None:
        assert len(self.held) <= self.most
        assert sum(cores for *_, cores in self.held.values()) <= self.cores + SLACK
        on_gpu = dict.fromkeys(range(self.gpus), 0.0)
        for need, slot, share, cores in self.held.values():
            seen = [int(it[1:]) for it in (slot.visible_device or "").split(",") if it]
            assert len(set(seen)) == len(seen)
            assert (slot.device == "cpu") == (not seen)
            self._check_declared(need, slot, share, cores, len(seen))
            for number in seen:
                on_gpu[number] += share / len(seen)
            if not slot.shared and seen and self.most > 1:
                assert math.isclose(share, len(seen))
        assert all(share <= 1 + SLACK for share in on_gpu.values())

    def _check_declared(
        self, need: Need, slot: Slot, share: float, cores: float, seen: int
    ) -> None:
        if need.gpus is not None:
            assert seen == math.ceil(need.gpus)
            if not need.alone:
                assert math.isclose(share, need.gpus)
        if need.cpu_cores is not None:
            assert slot.threads == need.cpu_cores
            assert cores >= need.cpu_cores - SLACK
        if need.alone and self.most > 1:
            assert not slot.shared


@given(gpus=st.integers(0, 4), cores=st.integers(1, 8), most=st.integers(1, 6), steps=steps)
def test_no_mixture_of_jobs_ever_holds_more_than_the_machine_has(
    gpus: int, cores: int, most: int, steps: list[Need | int]
) -> None:
    machine = Holding(gpus, cores, most)
    for step in steps:
        if isinstance(step, Need):
            machine.ask(step)
        else:
            machine.give_back(step)
        machine.check()


@given(gpus=st.integers(0, 4), cores=st.integers(1, 8), most=st.integers(1, 6), need=needs)
def test_as_many_jobs_of_one_trainer_run_at_once_as_is_said(
    gpus: int, cores: int, most: int, need: Need
) -> None:
    machine = Holding(gpus, cores, most)
    there = Machine(gpus=gpus, cores=cores)
    if need.alone or there.misfit("mine", need.gpus, need.cpu_cores):
        return
    run = 0
    while machine.ask(need):
        run += 1
    assert run == there.parallel(most, need.gpus, need.cpu_cores)


@given(
    gpus=st.integers(0, 4),
    cores=st.integers(1, 8),
    most=st.integers(1, 6),
    others=st.lists(needs, min_size=1, max_size=4),
    ends=st.lists(st.integers(0, 5), min_size=6, max_size=6),
    need=needs,
)
def test_who_comes_first_has_a_slot_when_all_that_ran_has_ended_however_many_others_ask(
    gpus: int, cores: int, most: int, others: list[Need], ends: list[int], need: Need
) -> None:
    machine = Holding(gpus, cores, most)
    if machine.by_gpu.misfit(need):
        return
    while any(machine.ask(other) for other in others):
        pass
    ran = set(machine.held)
    for end in ends:
        if machine.ask(need):
            return
        for other in others:
            machine.ask(other, need)
            machine.check()
        # What ran before ends first; what was let in beside it may go on.
        old = [n for n, slot in enumerate(machine.held) if slot in ran]
        if old:
            ran.discard(list(machine.held)[old[end % len(old)]])
            machine.give_back(old[end % len(old)])
    assert machine.ask(need)
