"""Sees to it that an orchestrator lives, of this version or a newer one, and says how it is.

Of two versions on one workspace the newer one's server asks the older one's orchestrator to make
way: a word in the database, which the orchestrator reads with its next sign of life. It interrupts
what runs and leaves; the successor, started at once, waits for the workspace's lock and resumes.
An older server never asks, so that two servers cannot keep replacing each other's orchestrator.
"""

from collections.abc import Callable, Mapping

from mcp_automl.domain.study import Study, StudyState
from mcp_automl.launcher import Launcher, Life
from mcp_automl.ports import OrchestratorSign, StudyRegistry
from mcp_automl.settings import Settings

SILENCE_SECONDS = 15.0
"""How long an orchestrator may give no sign of life before a reader is told."""

TRACKING_SECONDS = 30.0
"""How long entries may wait for MLflow before a reader is told; usually they wait for a second."""


class Upkeep:
    """One workspace's orchestrator, seen to from a tool call.

    Args:
        version: of the mcp-automl that calls.
    """

    def __init__(
        self,
        *,
        registry: StudyRegistry,
        launcher: Launcher,
        settings: Settings,
        version: str,
        now: Callable[[], float],
    ) -> None:
        self._registry = registry
        self._launcher = launcher
        self._settings = settings
        self._version = version
        self._now = now

    def wake(self, study: Study) -> tuple[str, ...]:
        """Makes sure that an orchestrator lives; returns what a reader should know about it."""
        life = self._launcher.ensure()
        sign = self._registry.orchestrator()
        notes = []
        if life is Life.STARTED and study.state is StudyState.RUNNING:
            notes.append("the orchestrator was not running and has been started again")
        if life is Life.ALIVE and sign is not None:
            silent = self._silence(self._now() - sign.alive_at)
            notes += silent or self._hand_over(sign)
            notes += self._other_settings(sign.settings)
        return tuple(notes)

    def tracking(self) -> tuple[str, ...]:
        """How many entries wait for the tracker, where some have for longer than a moment."""
        backlog = self._registry.backlog()
        if backlog.since is None or self._now() - backlog.since < TRACKING_SECONDS:
            return ()
        sign = self._registry.orchestrator()
        why = f": {sign.tracking}" if sign is not None and sign.tracking else ""
        entries = "1 entry waits" if backlog.entries == 1 else f"{backlog.entries} entries wait"
        return (f"{entries} on disk for MLflow and will be sent in order{why}",)

    def _silence(self, seconds: float) -> list[str]:
        if seconds < SILENCE_SECONDS:
            return []
        words = self._launcher.last_words() or "(nothing)"
        log = self._settings.orchestrator_log
        silence = f"the orchestrator has given no sign of life for {seconds:.0f} s"
        return [f"{silence}; the last line of {log}: {words}"]

    def _hand_over(self, sign: OrchestratorSign) -> list[str]:
        if not is_newer(self._version, sign.version):
            return []
        if self._registry.ask_to_leave(sign, self._version):
            self._launcher.succeed()
        versions = f"mcp-automl {sign.version} makes way for one of {self._version}"
        return [f"the orchestrator of {versions}; what runs goes on from its last checkpoint"]

    def _other_settings(self, holding: Mapping[str, str]) -> list[str]:
        ours = self._settings.as_environment()
        differing = [k for k in ours if k in holding and holding[k] != ours[k]]
        if not differing:
            return []
        held = ", ".join(f"{k}={holding[k]}" for k in differing)
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
