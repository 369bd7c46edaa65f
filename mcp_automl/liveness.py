"""Whether somebody works in the workspace: made sure of, and told where a reader should know.

Of two versions on one workspace the newer one's server asks the older one's orchestrator to make
way: a word in the database, which the orchestrator reads with its next sign of life. It interrupts
what runs and leaves; the successor, started at once, waits for the workspace's lock and resumes.
An older server never asks, so that two servers cannot keep replacing each other's orchestrator.
"""

import logging
import math
import subprocess
from collections.abc import Callable, Mapping

from mcp_automl import __version__
from mcp_automl.domain.outlook import Progress
from mcp_automl.domain.prices import Prices
from mcp_automl.domain.study import Study, StudyState, TrialState
from mcp_automl.domain.tracking import without_passwords
from mcp_automl.domain.workspace import OrchestratorSign
from mcp_automl.launcher import Launcher, Life
from mcp_automl.ports import StudyRegistry
from mcp_automl.settings import Settings

SILENCE_SECONDS = 15.0
"""How long an orchestrator may give no sign of life before a reader is told."""

TRACKING_SECONDS = 30.0
"""How long entries may wait for MLflow before a reader is told; usually they wait for a second."""

logger = logging.getLogger(__name__)


class Liveness:
    """Wakes orchestrators and looks after those that live.

    Args:
        version: of the mcp-automl that calls.
    """

    def __init__(
        self,
        registry: StudyRegistry,
        launcher: Launcher,
        settings: Settings,
        now: Callable[[], float],
        version: str = __version__,
    ) -> None:
        self._registry = registry
        self._launcher = launcher
        self._settings = settings
        self._now = now
        self._version = version

    def ensure(self, study: Study, *, asked_now: bool = False) -> tuple[str, ...]:
        """Makes sure that an orchestrator lives; returns what a reader should know about it.

        Args:
            study: what the reader asks about. If it need not run, others may have to.
            asked_now: this call asked for it, so that nobody need have lived before.
        """
        if not study.state.should_run:
            self.rouse()
            return ()
        life = self._launcher.ensure(asked_now=asked_now)
        sign = self._registry.orchestrator()
        silent_for = self._now() - (study.created_at if sign is None else sign.alive_at)
        if life is Life.ALIVE:
            notes = self._silence(silent_for) or self._hand_over(sign)
            return (*notes, *self._other_settings(sign))
        if asked_now or (study.state is StudyState.QUEUED and silent_for < SILENCE_SECONDS):
            return ()
        again = "the orchestrator was not running and has been started again"
        interrupted = "what ran was interrupted, and goes on from its last checkpoint if it has one"
        return (f"{again}; {interrupted}; {self._words()}",)

    def rouse(self) -> None:
        """Makes sure that somebody lives if anything waits: a study, or entries for the tracker.

        The last orchestrator may have been killed, perhaps right after its study's end. Whoever
        reads the results gets them also where none can be started.
        """
        if not self._registry.work_waits():
            return
        try:
            self._launcher.ensure()
        except (OSError, subprocess.SubprocessError):
            logger.exception("no orchestrator could be started")

    def takeover(self, study: Study, progress: Progress) -> tuple[str, ...]:
        """Why nothing runs of what was interrupted: a new orchestrator first loads its trainers."""
        sign = self._registry.orchestrator()
        runs = progress.counts.get(TrialState.RUNNING, 0)
        if sign is None or runs or not progress.interrupted:
            return ()
        age = self._now() - sign.started_at
        begun = math.inf if study.started_at is None else study.started_at
        wanted = study.state is StudyState.RUNNING and not study.stop_requested
        if not wanted or begun >= sign.started_at or age >= SILENCE_SECONDS:
            return ()
        goes_on = "what was interrupted goes on from its last checkpoint as soon as it is ready"
        return (f"a new orchestrator took over {age:.0f} s ago; {goes_on}",)

    def tracking(self) -> tuple[str, ...]:
        """How many entries wait for the tracker, where some have for longer than a moment."""
        backlog = self._registry.backlog()
        if backlog.since is None or self._now() - backlog.since < TRACKING_SECONDS:
            return ()
        sign = self._registry.orchestrator()
        why = f": {without_passwords(sign.tracking)}" if sign is not None and sign.tracking else ""
        entries = "1 entry waits" if backlog.entries == 1 else f"{backlog.entries} entries wait"
        return (f"{entries} on disk for MLflow and will be sent in order{why}",)

    def prices(self) -> Prices:
        """What jobs cost: the running orchestrator's prices hold, and ours where there is none."""
        sign = self._registry.orchestrator() if self._launcher.is_alive() else None
        return self._settings.prices_under({} if sign is None else sign.settings)

    def _hand_over(self, sign: OrchestratorSign | None) -> list[str]:
        if sign is None or not is_newer(self._version, sign.version):
            return []
        if self._registry.ask_to_leave(sign, self._version):
            self._launcher.succeed()
        versions = f"mcp-automl {sign.version} makes way for one of {self._version}"
        return [f"the orchestrator of {versions}; what runs goes on from its last checkpoint"]

    def _silence(self, seconds: float) -> list[str]:
        if seconds < SILENCE_SECONDS:
            return []
        return [f"the orchestrator has given no sign of life for {seconds:.0f} s; {self._words()}"]

    def _words(self) -> str:
        words = self._launcher.last_words() or "(nothing)"
        return f"the last line of {self._settings.orchestrator_log}: {words}"

    def _other_settings(self, sign: OrchestratorSign | None) -> list[str]:
        holding: Mapping[str, str] = {} if sign is None else sign.settings
        ours = self._settings.as_environment()
        differing = [k for k in ours if k in holding and holding[k] != ours[k]]
        if not differing:
            return []
        held = ", ".join(f"{k}={without_passwords(holding[k])}" for k in differing)
        return [f"the running orchestrator was started with other settings, which hold: {held}"]


def is_newer(version: str, other: str) -> bool:
    """Whether a version is certainly newer than another; False for what is no version."""
    if version == other:
        return False
    # Not worth its import where the versions are the same, as they nearly always are.
    from packaging.version import InvalidVersion, Version

    try:
        return Version(version) > Version(other)
    except InvalidVersion:
        return False
