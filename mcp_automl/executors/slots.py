"""Which job gets which slot: pure decisions over devices, what is held, and what memory is free.

Theory of operation
-------------------
Slots are dealt out to devices like cards, one each in turn, so three slots share one GPU and each
has one of three. A slot's price and threads follow from that layout alone: the prices of all slots
that can be held at once add up to the price of what they can occupy.

A job that is launched has not taken its memory yet. What it needs is therefore set aside until its
first measurement (`settle`); from then on it is part of what the device no longer has free.

A job that must be alone waits for a device with nothing of ours on it, holds the whole of it, and
is charged for the whole of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from mcp_automl.domain.jobs import Need, NoSlot, Slot
from mcp_automl.domain.prices import Prices
from mcp_automl.executors.devices import Device

USABLE = 0.9
"""The part of a GPU that an empty one is sure to offer; a larger need is taken to be that much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Free:
    """A device's memory at the moment of asking."""

    gb: float | None = None
    """GiB; None where memory is no limit."""
    lost: str = ""
    """Why the device cannot be used at all, if so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    device: str
    index: int
    need_gb: float
    alone: bool
    settled: bool = False


@dataclass(slots=True, kw_only=True)
class SlotTable:
    """The slots of a machine and who holds them; see the top of this file."""

    devices: Sequence[Device]
    cores: int
    max_parallel: int
    prices: Prices
    _held: dict[str, _Held] = field(default_factory=dict, init=False)

    def acquire(self, need: Need, free: Mapping[str, Free]) -> Slot | NoSlot:
        """Takes a slot on the least loaded device that can have the job.

        Args:
            free: memory by the device's label; a device that is not in it has no limit.
        """
        if len(self._held) >= self.max_parallel:
            return NoSlot(reason=f"all {self.max_parallel} slots are in use")
        obstacles = []
        for device in sorted(self.devices, key=lambda it: self._load(it, free)):
            obstacle = self._obstacle(device, need, free.get(device.label, Free()))
            if obstacle is None:
                return self._take(device, need)
            obstacles.append(obstacle)
        return NoSlot(reason=obstacles[0])

    def settle(self, slot_id: str) -> None:
        """Says that the job has taken the memory it needs. Idempotent."""
        if held := self._held.get(slot_id):
            self._held[slot_id] = replace(held, settled=True)

    def release(self, slot_id: str) -> None:
        """Gives a slot back. Idempotent."""
        self._held.pop(slot_id, None)

    def _on(self, device: Device) -> list[_Held]:
        return [held for held in self._held.values() if held.device == device.label]

    def _load(self, device: Device, free: Mapping[str, Free]) -> tuple[int, float]:
        return len(self._on(device)), -(free.get(device.label, Free()).gb or 0.0)

    def _places(self, device: Device) -> int:
        """How many jobs may share the device."""
        dealt = max(self.max_parallel, len(self.devices))
        position = self.devices.index(device)
        return len(range(position, dealt, len(self.devices)))

    def _obstacle(self, device: Device, need: Need, free: Free) -> str | None:
        """Why the device cannot have the job now."""
        held = self._on(device)
        if free.lost:
            return free.lost
        if any(it.alone for it in held):
            return f"waiting for {device.label}: a job has it to itself"
        if need.alone and held:
            return f"waiting for a device of its own: {device.label} is in use"
        if len(held) >= self._places(device):
            return f"waiting for {device.label}: all its slots are in use"
        return self._memory_obstacle(device, need, free)

    def _memory_obstacle(self, device: Device, need: Need, free: Free) -> str | None:
        if free.gb is None or device.total_gb is None:
            return None
        set_aside = sum(it.need_gb for it in self._on(device) if not it.settled)
        available = max(0.0, free.gb - set_aside)
        wanted = min(need.gpu_memory_gb, USABLE * device.total_gb)
        if wanted <= available:
            return None
        return (
            f"waiting for GPU memory: {device.label} has {available:.1f} of the {wanted:.1f} GiB "
            f"that {need.trainer or 'the job'} needs"
        )

    def _take(self, device: Device, need: Need) -> Slot:
        places = self._places(device)
        taken = {it.index for it in self._on(device)}
        index = min(set(range(places)) - taken)
        part = places if need.alone else 1
        cores = self.cores / self.max_parallel * part
        slot = Slot(
            id=f"{device.label}/{index}",
            device=device.kind,
            label=device.label,
            threads=max(1, int(cores)),
            usd_per_hour=self._price(device, part / places, cores),
            shared=places > 1 and not need.alone,
            visible_device=device.uuid,
        )
        self._held[slot.id] = _Held(
            device=device.label, index=index, need_gb=need.gpu_memory_gb, alone=need.alone
        )
        return slot

    def _price(self, device: Device, share: float, cores: float) -> float:
        gpu_share = share if device.is_gpu else 0.0
        return self.prices.slot(device=device.name, gpu_share=gpu_share, cores=cores)
