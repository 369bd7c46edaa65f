"""Which job gets which slot: pure decisions over devices, what is held, and what memory is free.

Theory of operation
-------------------
A slot is a share of one device, or two whole devices, and a number of cores. What is held is never
more than there is: the shares of a device come to 1 at most, and all cores to those of the machine.

Where nothing is declared, slots are dealt out to devices like cards, one each in turn, so three
slots share one GPU and each has one of three, and each has one of three parts of the cores. Where
no job declares anything, the prices of all slots that can be held at once thus add up to the price
of what they can occupy; they never add up to more.

What a trainer declares goes before that: half a device, a whole one or two, none but the CPU, a
number of cores. Such a job waits until so much is free, and whoever has to share with it gets a
slot if the usual share fits into the rest. The CPU of a machine with GPUs has room for as many jobs
as may run at all; what they share are the cores.

A job that is launched has not taken its memory yet. What it needs, on each of its devices, is
therefore set aside until its first measurement (`settle`); from then on it is part of what the
device no longer has free.

A job that must be alone waits for a device with nothing of ours on it, holds the whole of it, and
is charged for the whole of it: with the cores of all the slots that it keeps out, as far as others
have left them.

A refusal says whether it is `ours`, so that it can be waited for: all that is in the way are jobs
that end. Memory may be somebody else's, and a lost device may stay lost. For those who wait like
this and whose turn it is (`ahead`), the devices that will be free soonest are kept, and the cores
that the jobs on these will not give back; all the rest is still handed out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import count

from mcp_automl.domain.jobs import Need, NoSlot, Slot
from mcp_automl.domain.machine import Machine
from mcp_automl.domain.prices import Prices
from mcp_automl.executors.devices import Device

USABLE = 0.9
"""The part of a GPU that an empty one is sure to offer; a larger need is taken to be that much."""

HOST = Device(label="cpu", kind="cpu", name="CPU")
"""The CPU of a machine whose devices are GPUs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Free:
    """A device's memory at the moment of asking."""

    gb: float | None = None
    """GiB; None where memory is no limit."""
    lost: str = ""
    """Why the device cannot be used at all, if so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    label: str
    devices: Sequence[Device]
    index: int
    """Tells it from others with the same label."""
    share: Fraction
    """Of each device."""
    whole: bool
    """Whether nobody may join it there."""
    cores: Fraction
    need_gb: float
    """On each device."""
    settled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """What is not handed out, because others wait for it."""

    devices: frozenset[str]
    cores: Fraction


@dataclass(slots=True, kw_only=True)
class SlotTable:
    """The slots of a machine and who holds them; see the top of this file."""

    devices: Sequence[Device]
    cores: int
    max_parallel: int
    prices: Prices
    _held: dict[str, _Held] = field(default_factory=dict, init=False)

    def misfit(self, need: Need) -> str:
        """Why there can never be a slot for the need; empty if there can."""
        gpus = sum(device.is_gpu for device in self.devices)
        machine = Machine(gpus=gpus, cores=self.cores)
        return machine.misfit(need.trainer, need.gpus, need.cpu_cores)

    def acquire(
        self, need: Need, free: Mapping[str, Free], ahead: Sequence[Need] = ()
    ) -> Slot | NoSlot:
        """Takes a slot on the least loaded device, or two of them, that can have the job.

        Args:
            free: memory by the device's label; a device that is not in it has no limit.
            ahead: needs that wait for jobs of ours to end, and come before this one.
        """
        if misfit := self.misfit(need):
            return NoSlot(reason=misfit)
        if len(self._held) >= self.max_parallel:
            return NoSlot(reason=f"all {self.max_parallel} slots are in use", ours=True)
        wanted, kept = _wanted(need), self._kept(ahead, free)
        chosen: list[Device] = []
        obstacles: list[NoSlot] = []
        for device in sorted(self._candidates(need), key=lambda it: self._load(it, free)):
            obstacle = self._obstacle(device, need, free.get(device.label, Free()), kept)
            if obstacle is None:
                chosen.append(device)
            else:
                obstacles.append(obstacle)
            if len(chosen) == wanted:
                return self._cores_obstacle(need, kept) or self._take(chosen, need, kept)
        to_come = len(chosen) + sum(it.ours for it in obstacles)
        return replace(obstacles[0], ours=to_come >= wanted)

    def settle(self, slot_id: str) -> None:
        """Says that the job has taken the memory it needs. Idempotent."""
        if held := self._held.get(slot_id):
            self._held[slot_id] = replace(held, settled=True)

    def release(self, slot_id: str) -> None:
        """Gives a slot back. Idempotent."""
        self._held.pop(slot_id, None)

    # --- what there is -------------------------------------------------------------------------

    def _candidates(self, need: Need) -> Sequence[Device]:
        if need.gpus is None:
            return self.devices
        if need.gpus > 0:
            return [device for device in self.devices if device.is_gpu]
        return [next((device for device in self.devices if not device.is_gpu), HOST)]

    def _on(self, device: Device) -> list[_Held]:
        return [held for held in self._held.values() if device in held.devices]

    def _load(self, device: Device, free: Mapping[str, Free]) -> tuple[int, float]:
        return len(self._on(device)), -(free.get(device.label, Free()).gb or 0.0)

    def _places(self, device: Device) -> int:
        """How many jobs may share the device, of which nothing is declared."""
        if device not in self.devices:
            return self.max_parallel
        dealt = max(self.max_parallel, len(self.devices))
        position = self.devices.index(device)
        return len(range(position, dealt, len(self.devices)))

    def _share(self, device: Device, need: Need) -> Fraction:
        if _is_whole(need):
            return Fraction(1)
        return Fraction(1, 2) if need.gpus else Fraction(1, self._places(device))

    @property
    def _usual_cores(self) -> Fraction:
        return Fraction(self.cores, self.max_parallel)

    @property
    def _free_cores(self) -> Fraction:
        return self.cores - sum((it.cores for it in self._held.values()), Fraction(0))

    def _least_cores(self, need: Need) -> Fraction:
        return self._usual_cores if need.cpu_cores is None else Fraction(need.cpu_cores)

    def _cores_for(self, need: Need, devices: Sequence[Device], kept: "_Kept") -> Fraction:
        least = self._least_cores(need)
        if not need.alone:
            return least
        kept_out = sum(self._places(device) for device in devices if device in self.devices)
        return max(least, min(self._usual_cores * kept_out, self._free_cores - kept.cores))

    # --- what is in the way --------------------------------------------------------------------

    def _kept(self, ahead: Sequence[Need], free: Mapping[str, Free]) -> "_Kept":
        devices: set[str] = set()
        cores = Fraction(0)
        for need in ahead:
            able = [
                it
                for it in self._candidates(need)
                if it.label not in devices and not free.get(it.label, Free()).lost
            ]
            soonest = sorted(able, key=lambda it: self._load(it, free))[: _wanted(need)]
            # On the CPU one waits for cores, unless for the whole of it.
            named = {it.label for it in soonest if it.is_gpu or need.alone}
            coming = {id(it): it.cores for d in soonest if d.label in named for it in self._on(d)}
            devices |= named
            cores += max(Fraction(0), self._least_cores(need) - sum(coming.values()))
        return _Kept(devices=frozenset(devices), cores=cores)

    def _obstacle(self, device: Device, need: Need, free: Free, kept: "_Kept") -> NoSlot | None:
        """Why the device cannot have the job now."""
        held = self._on(device)
        if device.label in kept.devices:
            return NoSlot(reason=f"waiting for {device.label}: others wait longer", ours=True)
        if free.lost:
            return NoSlot(reason=free.lost)
        if any(it.whole for it in held):
            reason = f"waiting for {device.label}: a job has it to itself"
        elif _is_whole(need) and held:
            reason = f"waiting for a device of its own: {device.label} is in use"
        elif sum(it.share for it in held) + self._share(device, need) > 1:
            reason = f"waiting for {device.label}: too much of it is in use"
        else:
            return self._memory_obstacle(device, need, free)
        return NoSlot(reason=reason, ours=True)

    def _memory_obstacle(self, device: Device, need: Need, free: Free) -> NoSlot | None:
        if free.gb is None or device.total_gb is None:
            return None
        set_aside = sum(it.need_gb for it in self._on(device) if not it.settled)
        available = max(0.0, free.gb - set_aside)
        wanted = min(need.gpu_memory_gb, USABLE * device.total_gb)
        if wanted <= available:
            return None
        return NoSlot(
            reason=f"waiting for GPU memory: {device.label} has {available:.1f} of the "
            f"{wanted:.1f} GiB that {need.trainer or 'the job'} needs"
        )

    def _cores_obstacle(self, need: Need, kept: "_Kept") -> NoSlot | None:
        least, free = self._least_cores(need), max(Fraction(0), self._free_cores - kept.cores)
        if least <= free:
            return None
        return NoSlot(
            reason=f"waiting for CPU cores: {float(free):.3g} of the {float(least):.3g} that "
            f"{need.trainer or 'the job'} needs are free",
            ours=True,
        )

    # --- what is handed out --------------------------------------------------------------------

    def _take(self, devices: Sequence[Device], need: Need, kept: "_Kept") -> Slot:
        label = "+".join(sorted(device.label for device in devices))
        held = _Held(
            label=label,
            devices=devices,
            index=self._index(label),
            share=self._share(devices[0], need),
            whole=_is_whole(need),
            cores=self._cores_for(need, devices, kept),
            need_gb=need.gpu_memory_gb,
        )
        slot = Slot(
            id=f"{label}/{held.index}",
            device=devices[0].kind,
            label=label,
            threads=need.cpu_cores or max(1, int(held.cores)),
            usd_per_hour=self._price(held),
            shared=held.share < 1 and self.max_parallel > 1,
            visible_device=_visible(devices),
        )
        self._held[slot.id] = held
        return slot

    def _index(self, label: str) -> int:
        taken = {it.index for it in self._held.values() if it.label == label}
        return next(index for index in count() if index not in taken)

    def _price(self, held: _Held) -> float:
        of_gpus = sum(
            self.prices.slot(device=it.name, gpu_share=float(held.share), cores=0)
            for it in held.devices
            if it.is_gpu
        )
        return of_gpus + self.prices.slot(device="", gpu_share=0, cores=float(held.cores))


def _wanted(need: Need) -> int:
    return 2 if need.gpus == 2 else 1


def _is_whole(need: Need) -> bool:
    return need.alone or (need.gpus or 0) >= 1


def _visible(devices: Sequence[Device]) -> str | None:
    """What `CUDA_VISIBLE_DEVICES` shall be, in the order of the devices' labels."""
    uuids = [it.uuid for it in sorted(devices, key=lambda it: it.label) if it.uuid is not None]
    return ",".join(uuids) or None
