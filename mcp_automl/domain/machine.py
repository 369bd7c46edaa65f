"""What a machine has, and whether that is ever enough for what a trainer declares of its jobs.

A job of which nothing is declared takes whatever a slot has; it fits everywhere.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

WHERE = "where the trainer is declared, in mcp_automl.toml or its SPEC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine with nothing on it."""

    gpus: int
    cores: int

    @classmethod
    def seen(cls, gpus: Callable[[], Collection[str]], cores: Callable[[], int]) -> "Machine":
        """As these say now, which name its GPUs and count its cores."""
        return cls(gpus=len(gpus()), cores=cores())

    def misfit(self, trainer: str, gpus: float | None, cpu_cores: int | None) -> str:
        """Why no job of the trainer could ever start here, and what to change; empty if one can.

        Args:
            gpus: how many, or which part of one, a job takes; None where that is not declared.
            cpu_cores: how many it takes.
        """
        if gpus is not None and gpus > self.gpus:
            there = f"{self.gpus or 'no'} GPU"
            return _sentence(trainer, f"gpus = {gpus:g}", there, _gpus_up_to(self.gpus))
        if cpu_cores is not None and cpu_cores > self.cores:
            there = f"{self.cores} CPU core{'s' if self.cores > 1 else ''}"
            ways = f"set cpu_cores to {self.cores} or less, or leave it out,"
            return _sentence(trainer, f"cpu_cores = {cpu_cores}", there, ways)
        return ""

    def parallel(self, most: int, gpus: float | None, cpu_cores: int | None) -> int:
        """How many jobs that declare this can run at once, at least 1.

        Args:
            most: how many of any trainer can.
        """
        if gpus:
            # Half a GPU is free on each of two that are half in use: that makes no whole one.
            most = min(most, int(2 * self.gpus) if gpus < 1 else int(self.gpus // gpus))
        if cpu_cores:
            most = min(most, self.cores // cpu_cores)
        return max(1, most)


def _gpus_up_to(there: int) -> str:
    if not there:
        return "make a GPU visible to the server, or set gpus to 0, or leave it out,"
    return "make more of them visible to the server, or set gpus to 0, 0.5 or 1, or leave it out,"


def _sentence(trainer: str, declared: str, there: str, ways: str) -> str:
    return (
        f"no job of {trainer!r} can ever start here: it declares {declared}, and this machine has "
        f"{there}; {ways} {WHERE}"
    )
