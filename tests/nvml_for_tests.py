"""NVML as the executor uses it, over GPUs that are plain data."""

from collections.abc import Sequence
from dataclasses import dataclass


class FakeNvmlError(Exception):
    pass


class FakeNotSupported(FakeNvmlError):
    pass


@dataclass
class FakeGpu:
    uuid: str
    total: int = 80 * 2**30
    free: int = 79 * 2**30
    name: str = "NVIDIA Test"
    error: FakeNvmlError | None = None
    """What asking for its memory raises."""


def gpu(handle: object) -> FakeGpu:
    assert isinstance(handle, FakeGpu)
    return handle


class FakeNvml:
    NVMLError = FakeNvmlError
    NVMLError_NotSupported = FakeNotSupported

    def __init__(self, gpus: Sequence[FakeGpu]) -> None:
        self.gpus = list(gpus)

    def nvmlInit(self) -> None:
        pass

    def nvmlDeviceGetCount(self) -> int:
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> FakeGpu:
        return self.gpus[index]

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> FakeGpu:
        return next(it for it in self.gpus if it.uuid == uuid)

    def nvmlDeviceGetUUID(self, handle: object) -> str:
        return gpu(handle).uuid

    def nvmlDeviceGetName(self, handle: object) -> str:
        return gpu(handle).name

    def nvmlDeviceGetMemoryInfo(self, handle: object) -> FakeGpu:
        asked = gpu(handle)
        if asked.error is not None:
            raise asked.error
        return asked
