"""When a job that goes on without measuring must be ended: it has stalled, or had all its time.

An executor keeps a `Vigil` over each job, tells it what comes from the job, and lets it look at the
clock every `LOOK_SECONDS`. The rule is here because it is a decision, with a reason, that can be
tried out over a list of moments. It is asked by the executor and not by `StudyRun`, for only the
executor knows what came on the wire and whose turn it is, and because the answer is *how a job
ended*, like being killed or out of memory; what follows for the trial is decided in `flight.py`.

A long epoch is no stall. Whoever computes is left alone, however long it measures nothing; stalled
is a job from which nothing at all comes (stopped, or hung with the interpreter locked), or whose
signs of life show that it uses no processor (waiting for ever for a lock, a download, a dead GPU).
Time in which the job waits for our answer is not held against it.

Time is what passed between two looks, and of a gap between them (the orchestrator was stopped, the
laptop asleep) no more than one look's worth counts: after waking, nobody looks stalled.
"""

from dataclasses import dataclass, field

from mcp_automl.domain.events import Outcome
from mcp_automl.domain.jobs import Ended, Limits

LOOK_SECONDS = 1.0
"""How often a job is looked at, at least."""

IDLE_SHARE = 0.001
"""The share of a processor below which a job does nothing: saying `I live` takes some, too."""


@dataclass(slots=True)
class Vigil:
    """What is known of one job's signs of life; see the top of this file.

    Args:
        trained_s: how long earlier attempts at the same trial have trained.
        began_at: monotonic seconds, like every `at` here.
    """

    limits: Limits
    trained_s: float
    began_at: float
    _looked_at: float = field(init=False)
    _silent: float = field(default=0.0, init=False)
    """Seconds since anything came."""
    _idle: float = field(default=0.0, init=False)
    """Seconds since the job was last seen to do something; never less than `_silent`."""
    _cpu_seconds: float = field(default=0.0, init=False)
    """What it had used when it was last seen to do something."""

    def __post_init__(self) -> None:
        self._looked_at = self.began_at

    @property
    def look_seconds(self) -> float:
        """How long to wait between two looks: a short limit wants short ones."""
        shortest = min(self.limits.stall_s, self.limits.trial_s or self.limits.stall_s)
        return min(LOOK_SECONDS, shortest / 4)

    def did_something(self) -> None:
        """It measured, or was answered."""
        self._silent = self._idle = 0.0

    def showed_life(self, cpu_seconds: float) -> None:
        """It said how much processor time it has used."""
        self._silent = 0.0
        used = cpu_seconds - self._cpu_seconds
        # Less than before is life too: a child that counted is gone.
        if used < 0 or used > self.limits.stall_s * IDLE_SHARE:
            self._idle = 0.0
            self._cpu_seconds = cpu_seconds

    def look(self, at: float, *, waits: bool) -> Ended | None:
        """How the job must end now, if it must.

        Args:
            waits: whether it has measured and waits for our answer.
        """
        passed = min(max(0.0, at - self._looked_at), self.look_seconds)
        self._looked_at = at
        self.trained_s += passed
        if waits:
            self.did_something()
        else:
            self._silent += passed
            self._idle += passed
        return self._verdict()

    def _verdict(self) -> Ended | None:
        timeout, stall = self.limits.trial_s, self.limits.stall_s
        if timeout is not None and self.trained_s >= timeout:
            return Ended(outcome=Outcome.TIMED_OUT, reason=f"timed out after {timeout:g} s")
        if self._silent >= stall:
            return Ended(outcome=Outcome.STALLED, reason=f"sent nothing for {stall:g} s")
        if self._idle >= stall:
            reason = f"did nothing for {stall:g} s: it lives, but uses no processor"
            return Ended(outcome=Outcome.STALLED, reason=reason)
        return None
