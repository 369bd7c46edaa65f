"""Metrics that a training logs, each at a step, made into epochs.

A step is whatever the training counts by: epochs from 0 or from 1, or thousands of batches. The
objective at a later step than any before is a new epoch, and with it go the metrics last logged for
that very step. What comes again for a step that has been is left out: most of all, it comes from a
command that begins anew after an interruption.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter

SHOWN = 10
"""Metrics that are named where the objective is missing."""

logger = logging.getLogger(__name__)


class Steps:
    """See the top of this file.

    Args:
        objective: the metric whose steps are epochs.
        step: the last one that an earlier attempt has measured.
    """

    def __init__(self, objective: str, step: int | None = None) -> None:
        self.step = step
        """The last one at which the objective was measured."""
        self._objective = objective
        self._logged: list[tuple[int, str, float]] = []
        self._latest: dict[str, tuple[int, float]] = {}
        self._has_warned = False

    @property
    def latest(self) -> Mapping[str, tuple[int, float]]:
        """For each metric the step and the value that were logged last."""
        return self._latest

    def log(self, metrics: Iterable[tuple[int, str, float]]) -> None:
        """Takes metrics, each as its step, name and value."""
        self._logged += metrics

    def epochs(self) -> Iterator[dict[str, float]]:
        """The metrics of each epoch that has ended since this was last asked for."""
        # A framework may log many epochs at once, metric by metric.
        logged, self._logged = sorted(self._logged, key=itemgetter(0)), []
        for step, metrics in groupby(logged, key=itemgetter(0)):
            named = {name: value for _, name, value in metrics}
            self._latest |= {name: (step, value) for name, value in named.items()}
            if self._objective in named and self._is_new(step):
                self.step = step
                yield {name: value for name, (at, value) in self._latest.items() if at == step}

    def silence(self) -> str:
        """What there was in place of the objective."""
        names = sorted(self._latest)
        heard = ", ".join(repr(name) for name in names[:SHOWN]) or "nothing"
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        return f"logged no metric {self._objective!r} to its run of MLflow, but {heard}{more}"

    def _is_new(self, step: int) -> bool:
        if self.step is None or step > self.step:
            return True
        if not self._has_warned:
            self._has_warned = True
            logger.warning(
                "%s was logged at step %d, but is known at step %d: such values are left out; "
                "where they are no repetition, log each epoch's with a greater `step`",
                *(self._objective, step, self.step),
            )
        return False
