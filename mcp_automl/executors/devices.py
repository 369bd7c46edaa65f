"""What this machine can train on, found without torch: GPUs through NVML, else Apple's, else cores.

`CUDA_VISIBLE_DEVICES` means here what it means to CUDA: indices, UUIDs or beginnings of UUIDs, of
which the first unknown one hides itself and all that follow. Indices count GPUs in the order of the
bus; workers are told UUIDs, about which no two libraries can disagree.
"""

import contextlib
import importlib
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, cast

GIB = 2**30

Kind: TypeAlias = Literal["cuda", "mps", "cpu"]

CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""Where a container's share of the cores is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Something that jobs run on."""

    label: str
    """As people name it: `cuda:0`, `mps`, `cpu`."""
    kind: Kind
    """As torch names it in a process that sees no other."""
    name: str
    """The product: `NVIDIA H100 80GB HBM3`."""
    uuid: str | None = None
    total_gb: float | None = None
    """Its memory in GiB; None where that is not a limit of its own."""

    @property
    def is_gpu(self) -> bool:
        return self.kind != "cpu"


class DeviceLost(OSError):
    """The device does not answer; see what `nvidia-smi` says."""


class MemoryInfo(Protocol):
    """NVML's answer, in bytes."""

    @property
    def free(self) -> int: ...
    @property
    def total(self) -> int: ...


class Nvml(Protocol):
    """What is used of the module `pynvml`."""

    @property
    def NVMLError(self) -> type[Exception]: ...
    @property
    def NVMLError_NotSupported(self) -> type[Exception]: ...
    def nvmlInit(self) -> None: ...
    def nvmlDeviceGetCount(self) -> int: ...
    def nvmlDeviceGetHandleByIndex(self, index: int) -> object: ...
    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> object: ...
    def nvmlDeviceGetUUID(self, handle: object) -> str: ...
    def nvmlDeviceGetName(self, handle: object) -> str: ...
    def nvmlDeviceGetMemoryInfo(self, handle: object) -> MemoryInfo: ...


def load_nvml() -> Nvml | None:
    """NVML, initialized; None on a machine without NVIDIA's driver."""
    nvml = cast(Nvml, importlib.import_module("pynvml"))
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return None
    return nvml


def discover(environ: Mapping[str, str], nvml: Nvml | None) -> tuple[Device, ...]:
    """The devices that jobs may use; never none."""
    if nvml is not None and (gpus := _gpus(environ.get("CUDA_VISIBLE_DEVICES"), nvml)):
        return gpus
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return (Device(label="mps", kind="mps", name="Apple GPU"),)
    return (Device(label="cpu", kind="cpu", name=platform.processor() or "CPU"),)


def describe(devices: Sequence[Device], cores: int) -> str:
    """The devices in words, such as `cuda:0, cuda:1` or `2 CPU cores`."""
    if all(device.kind == "cpu" for device in devices):
        return f"{cores} CPU core{'s' if cores > 1 else ''}"
    return ", ".join(device.label for device in devices)


def free_memory_gb(device: Device, nvml: Nvml | None) -> float | None:
    """The device's free memory in GiB now, whoever uses the rest; None if nobody can say.

    Raises:
        DeviceLost: its driver does not answer for it.
    """
    if nvml is None or device.uuid is None or device.total_gb is None:
        return None
    try:
        handle = nvml.nvmlDeviceGetHandleByUUID(device.uuid)
        return nvml.nvmlDeviceGetMemoryInfo(handle).free / GIB
    except nvml.NVMLError as error:
        raise DeviceLost(f"{device.label} does not answer ({error})") from error


def visible(setting: str | None, uuids: Sequence[str]) -> list[int]:
    """Which of the GPUs with these UUIDs a value of `CUDA_VISIBLE_DEVICES` leaves visible."""
    if setting is None:
        return list(range(len(uuids)))
    chosen: list[int] = []
    for entry in setting.split(","):
        index = _index(entry.strip(), uuids)
        if index is None or index in chosen:
            break
        chosen.append(index)
    return chosen


def usable_cores() -> int:
    """How many cores this process may keep busy, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):
        quota, period = CPU_QUOTA.read_text().split()
        if quota != "max":
            cores = min(cores, int(quota) // int(period))
    return max(1, cores)


def _index(entry: str, uuids: Sequence[str]) -> int | None:
    if entry.isdecimal():
        return int(entry) if int(entry) < len(uuids) else None
    matches = [index for index, uuid in enumerate(uuids) if entry and uuid.startswith(entry)]
    return matches[0] if len(matches) == 1 else None


def _gpus(setting: str | None, nvml: Nvml) -> tuple[Device, ...]:
    try:
        handles = [
            nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())
        ]
        chosen = visible(setting, [nvml.nvmlDeviceGetUUID(handle) for handle in handles])
        return tuple(_gpu(label, handles[index], nvml) for label, index in enumerate(chosen))
    except nvml.NVMLError:
        return ()


def _gpu(number: int, handle: object, nvml: Nvml) -> Device:
    total: float | None = None
    # GPUs that share the host's memory have none of their own to tell.
    with contextlib.suppress(nvml.NVMLError_NotSupported):
        total = nvml.nvmlDeviceGetMemoryInfo(handle).total / GIB
    return Device(
        label=f"cuda:{number}",
        kind="cuda",
        name=nvml.nvmlDeviceGetName(handle),
        uuid=nvml.nvmlDeviceGetUUID(handle),
        total_gb=total,
    )
