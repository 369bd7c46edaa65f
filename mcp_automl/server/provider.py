"""A value that is made when it is first wanted."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Once(Generic[T]):
    """Makes a value at the first call and keeps it; any thread may call.

    A failure is not kept: somebody may have made room on the disk meanwhile.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: tuple[T] | None = None

    @property
    def made(self) -> bool:
        return self._made is not None

    def __call__(self) -> T:
        with self._lock:
            if self._made is None:
                self._made = (self._make(),)
            return self._made[0]
