"""Putting in order what a dead orchestrator left.

Optuna's tables and ours are written one after the other, so a kill may fall between any two writes.
Where it fell shows in what is stored, and needs no mark of its own:

    an attempt is open                    its process may live: kill it, charge it, close it as lost
    trial RUNNING, attempt decided        Optuna was not told: tell it now
    trial RUNNING, attempt interrupted    set it back to WAITING
    trial RUNNING, no attempt             killed between `ask` and the start: WAITING
    trial WAITING, attempt decided        it was given up, and Optuna not told: tell it now
    epoch ours, but not Optuna's          report it now
    Optuna's study, but ours deleted      it was opened at that very moment: delete it

Every step leaves one of these states or none, so recovery may be killed and repeated too.
"""

from collections.abc import Callable

from mcp_automl.domain.budget import ORPHAN_SECONDS
from mcp_automl.domain.jobs import ProcessRef
from mcp_automl.stores.engine import Engine
from mcp_automl.stores.ledger import Ledger

LOST_REASON = "interrupted: its orchestrator vanished"


def recover(ledger: Ledger, engine: Engine, kill: Callable[[ProcessRef], object]) -> None:
    """Ends what still runs and brings both halves of the database together.

    Args:
        kill: ends what is left of a worker, and returns when it is gone.
    """
    ledger.clear_deleted()
    for attempt in ledger.open_attempts():
        kill(attempt.process)
        # The worker ended itself soon after its orchestrator's last sign of life, if not just now.
        # A clock that was set back forgets no money.
        until = max(attempt.alive_at, min(ledger.clock(), attempt.alive_at + ORPHAN_SECONDS))
        ledger.lost(attempt, until, LOST_REASON)
    for study, numbers in ledger.unsettled():
        for number in numbers:
            engine.tell(study, number, ledger.trial(study, number))
