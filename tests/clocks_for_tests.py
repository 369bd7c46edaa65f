"""A clock on which sleeping takes no time, for what is told how long it shall rest."""

import anyio
import pytest


class Clock:
    """Counts the seconds that are slept from now on; none of them passes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(anyio, "sleep", self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.now += seconds
        await anyio.lowlevel.checkpoint()
