"""Whether somebody works in the workspace: made sure of, and told where a reader should know."""

from collections.abc import Callable, Mapping

from mcp_automl.domain.study import Study, StudyState
from mcp_automl.domain.tracking import without_passwords
from mcp_automl.launcher import Launcher, Life
from mcp_automl.ports import OrchestratorSign, StudyRegistry
from mcp_automl.settings import Settings

SILENCE_SECONDS = 15.0
"""How long an orchestrator may give no sign of life before a reader is told."""


class Liveness:
    """Wakes orchestrators and looks after those that live."""

    def __init__(
        self,
        registry: StudyRegistry,
        launcher: Launcher,
        settings: Settings,
        now: Callable[[], float],
    ) -> None:
        self._registry = registry
        self._launcher = launcher
        self._settings = settings
        self._now = now

    def ensure(self, study: Study, *, asked_now: bool = False) -> tuple[str, ...]:
        """Makes sure that an orchestrator lives; returns what a reader should know about it.

        Args:
            study: one that should run.
            asked_now: this call asked for it, so that nobody need have lived before.
        """
        life = self._launcher.ensure()
        sign = self._registry.orchestrator()
        silent_for = self._now() - (study.created_at if sign is None else sign.alive_at)
        if life is Life.ALIVE:
            notes = self._silence(silent_for)
            return (*notes, *self._other_settings(sign))
        if asked_now or (study.state is StudyState.QUEUED and silent_for < SILENCE_SECONDS):
            return ()
        return (f"the orchestrator was not running and has been started again; {self._words()}",)

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
