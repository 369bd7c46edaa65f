"""A study's whole search in memory: what is tried next, and what is hopeless.

Theory of operation
-------------------
The database keeps the truth, but is not asked for advice: reading a study back for each suggestion
costs ten times what the suggestion does. The shadow is built from it whenever a study is opened,
and told of everything that happens afterwards. It has up to two views, each an Optuna study in
memory with all trials under their true numbers:

    truth    what the pruner sees, and every sampler that ranks pruned trials by itself
    shown    what a sampler sees that would ignore pruned trials, such as a Gaussian process: they
             are COMPLETE at their last value, or FAIL where they have none

A sampler learns from all of Hyperband's brackets (`docs/search-quality.md` has what that is worth).
A view has a storage of its own, so that a trial's id in it is its number. Optuna's storage in
memory takes turns and replaces trials rather than change them, so a sampler may think about one
trial, in a thread of its own, while others are reported.
"""

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, Trial

from mcp_automl import packages
from mcp_automl.domain.sampling import (
    DEFAULT_SETTINGS,
    Choice,
    SearchSettings,
    choose,
    stood_in_words,
)
from mcp_automl.domain.space import Params, Value
from mcp_automl.domain.study import StudyConfig, TrialState
from mcp_automl.stores import pruning, sampling
from mcp_automl.stores.views import View, frozen

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastTrial:
    """A trial as it is remembered."""

    number: int
    state: TrialState
    params: Params
    """Those of the space; none where it waits to be suggested."""
    value: float | None = None
    """A COMPLETE trial's objective."""
    values: Mapping[int, float] = field(default_factory=dict)
    """The objective by epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A point to train."""

    point: Params
    stand_in: str = ""
    """Which other sampler has suggested it instead of the one that works, and why, if any has."""


class ShadowStudy:
    """The search of one study, whose trials are numbered from 0.

    One call of `suggest` at a time. Meanwhile others may be made, but not about its trial.

    Args:
        settings: the figures behind samplers and pruners.
        has_torch: whether there can be a Gaussian process; None to look.
    """

    def __init__(
        self,
        config: StudyConfig,
        settings: SearchSettings = DEFAULT_SETTINGS,
        *,
        has_torch: bool | None = None,
    ) -> None:
        self._config, self._settings, self._has_torch = config, settings, has_torch
        self._space = sampling.distributions(config.space)
        self._truth = View(config, self._space)
        self._shown: View | None = None
        self._judged = self._truth.pruned(pruning.make_pruner(config, settings))
        self._working: tuple[Choice, BaseSampler] | None = None
        self._finished = 0
        self._turn = threading.Lock()

    @property
    def choice(self) -> Choice:
        """The sampler that suggests the next trial, and why."""
        config = self._config
        known = self._has_torch
        has_torch = packages.has_torch if known is None else lambda: known
        return choose(config.sampler, config.space, self._finished, has_torch, self._settings)

    @property
    def next_number(self) -> int:
        """The number of the next new trial."""
        return len(self._truth.trials())

    def knows(self, number: int, epoch: int) -> bool:
        """Whether a value was reported for that epoch."""
        return epoch in self._truth.trial(number).intermediate_values

    def restore(self, trials: Sequence[PastTrial]) -> None:
        """Takes over all trials that there are, by number; once, and before anything else."""
        for past in trials:
            self._truth.add(self._remembered(past))
        self._finished = sum(past.state.counts for past in trials)

    def suggest(self, number: int, *, fixed: Params | None = None) -> Proposal:
        """The point of the next trial, or of one that waits; it is RUNNING from then on.

        Args:
            fixed: parameters that are given; what the point lacks is suggested. Without any, the
                study's first trials are those that its configuration begins with.

        Raises:
            ValueError: no trial of that number waits, and it is not the next one's.
        """
        first = self._config.first
        given = fixed or (first[number] if number < len(first) else {})
        proposal = Proposal(point=sampling.given(self._config.space, given))
        if sampling.lacks(self._config.space, proposal.point):
            with self._turn:
                view, choice = self._view(), self.choice
                sampler = self._sampler(view)
                view.begin(number, proposal.point)
            proposal = self._suggested(number, view, choice, sampler)
        with self._turn:
            for view in self._views():
                view.begin(number, proposal.point)
        return proposal

    def _suggested(self, number: int, view: View, choice: Choice, sampler: BaseSampler) -> Proposal:
        try:
            return Proposal(point=self._asked(number, view, sampler))
        except sampling.MAYBE_NUMERICAL as error:
            if not sampling.is_numerical(error):
                raise
            why = stood_in_words(choice, error)
            logger.warning("trial #%d comes from %s: %s", number, why, error)
            with self._turn:
                # What it has learned may be what is wrong, and CMA-ES keeps that in its view.
                self._working = self._shown = None
            point = self._asked(number, view, self._made(choice.stand_in, view))
            return Proposal(point=point, stand_in=why)

    def _asked(self, number: int, view: View, sampler: BaseSampler) -> dict[str, Value]:
        # The sampler thinks about all parameters at once when the trial is made.
        trial = Trial(view.sampled(sampler), number)
        return sampling.suggest(trial, self._config.space, self._space)

    def report(self, number: int, epoch: int, value: float) -> str | None:
        """Takes note of a finite value; the pruner's reason to stop the trial, if any.

        An epoch that was reported is not looked at again.
        """
        with self._turn:
            if self.knows(number, epoch):
                return None
            self._truth.report(number, epoch, value)
        trial = self._truth.trial(number)
        return pruning.verdict(self._judged, trial, self._config, self._settings)

    def ended(self, number: int, state: TrialState, value: float | None = None) -> None:
        """Takes note of what became of a trial, WAITING among it; harmless if it has ended.

        Args:
            value: a COMPLETE trial's objective.
        """
        with self._turn:
            trial = self._truth.trial(number)
            if trial.state.is_finished():
                return
            if state is not TrialState.COMPLETE:
                value = _last(trial.intermediate_values)
            self._truth.end(number, state, value)
            if self._shown is not None:
                self._shown.end(number, *_as_shown(state, value))
            self._finished += state.counts

    def _remembered(self, past: PastTrial) -> FrozenTrial:
        params = {name: value for name, value in past.params.items() if self._knows(name, value)}
        value = past.value if past.state is TrialState.COMPLETE else _last(past.values)
        trial = frozen(
            past.number, past.state, params, self._space, values=past.values, value=value
        )
        trial.system_attrs.update(pruning.rungs(self._judged, trial, self._settings))
        return trial

    def _knows(self, name: str, value: Value) -> bool:
        parameter = self._config.space.parameters.get(name)
        return parameter is not None and parameter.contains(value)

    def _views(self) -> list[View]:
        return [self._truth] if self._shown is None else [self._truth, self._shown]

    def _view(self) -> View:
        """What the sampler sees that suggests the next trial."""
        if self.choice.ranks_pruned:
            self._shown = None
            return self._truth
        if self._shown is None:
            self._shown = View(self._config, self._space)
            for trial in self._truth.trials():
                state, value = _as_shown(TrialState[trial.state.name], trial.value)
                self._shown.add(frozen(trial.number, state, trial.params, self._space, value=value))
        return self._shown

    def _sampler(self, view: View) -> BaseSampler:
        """The sampler that suggests the next trial; its random state lives as long as it works."""
        choice = self.choice
        if self._working is None or self._working[0] != choice:
            self._working = choice, self._made(choice, view)
        return self._working[1]

    def _made(self, choice: Choice, view: View) -> BaseSampler:
        return sampling.make_sampler(choice, self._config.seed, view.trials(), self._settings)


def _last(values: Mapping[int, float]) -> float | None:
    return values[max(values)] if values else None


def _as_shown(state: TrialState, value: float | None) -> tuple[TrialState, float | None]:
    """What a trial looks like to a sampler that would ignore pruned ones."""
    if state is not TrialState.PRUNED:
        return state, value
    return (TrialState.FAIL, None) if value is None else (TrialState.COMPLETE, value)
