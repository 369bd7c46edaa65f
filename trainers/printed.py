"""What a command prints, heard: lines of JSON on its stdout that are measurements."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from trainers.following import Follower, log


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """Hears what a command prints."""

    objective: str
    """The metric that makes a line a measurement."""

    step: None = None
    """An epoch is all that a line tells."""

    @property
    def environment(self) -> Mapping[str, str]:
        return {}

    def heard(self, follower: Follower) -> Iterator[dict[str, float]]:
        """The numbers of each measurement, until the command exits; the rest goes to the log."""
        for line in follower.lines():
            assert isinstance(line, bytes)
            metrics = self._metrics(line)
            if metrics is None:
                log(line)
            else:
                yield metrics

    def silence(self) -> str:
        """Why there was no measurement."""
        example = json.dumps({"epoch": 1, self.objective: 0.31})
        return f"printed no measurement; a line such as {example} is one"

    def close(self) -> None:
        """There is nothing to be closed."""

    def _metrics(self, line: bytes) -> dict[str, float] | None:
        """The numbers of a line, if it is a measurement."""
        if not line.lstrip().startswith(b"{"):
            return None
        try:
            told = json.loads(line)
        except (ValueError, RecursionError):
            return None
        if self.objective not in told:
            return None
        # JavaScript, for one, writes a number that is none as null.
        objective = told[self.objective]
        told[self.objective] = math.nan if objective is None else objective
        return {name: _number(value) for name, value in told.items() if _is_number(value)}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf
