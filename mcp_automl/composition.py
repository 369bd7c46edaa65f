"""Where adapters are chosen and put together; the command line's, and nobody else's.

Imports are inside the functions: a server must not load what only an orchestrator needs.
"""

from typing import TYPE_CHECKING

from mcp_automl.catalog import Catalog
from mcp_automl.declarations import Declarations
from mcp_automl.permissions import Permissions
from mcp_automl.roster import own_trainers
from mcp_automl.service import Service
from mcp_automl.settings import Settings

if TYPE_CHECKING:
    from mcp_automl.domain.workspace import OrchestratorSign
    from mcp_automl.executors.devices import Device
    from mcp_automl.folders import Folders


def build_service(settings: Settings | None = None) -> Service:
    """The use cases over this user's workspace."""

    from mcp_automl.executors.devices import usable_cores
    from mcp_automl.launcher import Launcher
    from mcp_automl.stores.accounts import SqliteAccounts
    from mcp_automl.stores.archive import SqliteArchive
    from mcp_automl.stores.jobs import SqliteJobs
    from mcp_automl.stores.registry import SqliteRegistry

    settings = settings or Settings()
    return Service(
        registry=SqliteRegistry(settings.database),
        trainers=build_catalog(settings),
        launcher=Launcher(settings),
        settings=settings,
        accounts=SqliteAccounts(settings.database),
        archive=SqliteArchive(settings.database),
        jobs=SqliteJobs(settings.database),
        devices=describe_devices,
        gpus=lambda: [device.name for device in find_devices() if device.is_gpu],
        cores=usable_cores,
        owner=os_user(),
    )


def build_catalog(settings: Settings) -> Catalog:
    """The built-in trainers, and the operator's own."""
    declarations = Declarations(settings.workspace / "declarations")
    permitted = Permissions(settings.data_roots, settings.allowed_models)
    return Catalog(own=lambda: own_trainers(declarations), permitted=permitted)


def os_user() -> str:
    """Who runs this process, by the user id: the environment may name anybody."""
    import os
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        # As in a container that is run under a number.
        return f"uid {os.getuid()}"


def describe_devices() -> str:
    """This machine's devices in words."""
    from mcp_automl.executors.devices import describe, usable_cores

    return describe(find_devices(), usable_cores())


def find_devices() -> "tuple[Device, ...]":
    """This machine's devices, found without torch."""
    import os

    from mcp_automl.executors.devices import discover, load_nvml

    return discover(os.environ, load_nvml())


def run_orchestrator(
    settings: Settings, catalog: Catalog | None = None, wait: float | None = None
) -> None:
    """Runs the workspace's orchestrator in this process; returns when there is nothing to do.

    Args:
        wait: seconds to wait for one that leaves.
    """
    from mcp_automl.orchestrate import hold_workspace, log_to_file
    from mcp_automl.stores.database import Database
    from mcp_automl.stores.jobs import SqliteJobs

    # The workspace first, or an error that says what to do; logs and lock lie in it.
    Database(settings.database).prepare()
    log_to_file(settings)
    jobs = SqliteJobs(settings.database)
    hold_workspace(
        settings,
        live=lambda: _live(settings, catalog or build_catalog(settings)),
        work_waits=lambda: bool(jobs.unfinished()),
        announce=lambda: _announce(settings),
        wait=wait,
    )


def _announce(settings: Settings) -> None:
    """Signs before anything heavy is imported: readers must not judge by a dead one's sign."""
    import time

    from mcp_automl.stores.database import Database
    from mcp_automl.stores.ledger import Ledger

    Ledger(database=Database(settings.database), clock=time.time).announce(_sign(settings))


def _live(settings: Settings, catalog: Catalog) -> bool:
    import anyio

    from mcp_automl.deletion import Deletions
    from mcp_automl.stores.archive import SqliteArchive

    Deletions(archive=SqliteArchive(settings.database), folders=_folders(settings)).sweep()
    return anyio.run(_orchestrate, settings, catalog)


async def _orchestrate(settings: Settings, catalog: Catalog) -> bool:
    import os
    import time

    from mcp_automl.clocks import Clocks
    from mcp_automl.executors.local import LocalExecutor
    from mcp_automl.executors.processes import kill_leftover
    from mcp_automl.orchestrator import Orchestrator
    from mcp_automl.stores.optuna import OptunaStore
    from mcp_automl.stores.sqlite_changes import INTENTIONS, SqliteChanges
    from mcp_automl.trackers.mlflow import MlflowTracker

    executor = LocalExecutor(
        preload=catalog.preload(),
        max_parallel=settings.max_parallel_trials,
        prices=settings.prices,
        limits=settings.limits,
        environ=os.environ,
    )
    async with executor:
        orchestrator = Orchestrator(
            store=OptunaStore(settings.database, kill=kill_leftover),
            executor=executor,
            tracker=MlflowTracker(
                settings.tracking_uri,
                origin=settings.tracking_origin,
                process_lock=settings.workspace / "tracking.lock",
            ),
            changes=SqliteChanges(settings.database, watch=INTENTIONS),
            trainer_of=catalog.reference,
            folders=_folders(settings),
            clocks=Clocks(monotonic=time.monotonic, wall=time.time),
            sign=_sign(settings),
            max_parallel=settings.max_parallel_trials,
            models=settings.models,
            idle_seconds=settings.idle_seconds,
        )
        return await orchestrator.run()


def _folders(settings: Settings) -> "Folders":
    from mcp_automl.folders import Folders

    return Folders(studies=settings.studies_dir, data=settings.data_path)


def _sign(settings: Settings) -> "OrchestratorSign":
    import os
    import socket
    import time

    from mcp_automl import __version__
    from mcp_automl.domain.workspace import OrchestratorSign

    now = time.time()
    return OrchestratorSign(
        host=socket.gethostname(),
        pid=os.getpid(),
        version=__version__,
        started_at=now,
        alive_at=now,
        settings=settings.as_environment(),
    )
