"""The use cases about training jobs and the queue, put together."""

from collections.abc import Callable

from mcp_automl.accounts import Accounts
from mcp_automl.domain.machine import Machine
from mcp_automl.folders import Folders
from mcp_automl.forecasts import Forecasts
from mcp_automl.job_requests import JobRequests
from mcp_automl.joblogs import JobLogs
from mcp_automl.jobstore import JobStore
from mcp_automl.liveness import Liveness
from mcp_automl.ports import StudyRegistry
from mcp_automl.queueing import Queueing
from mcp_automl.repertoire import Trainers
from mcp_automl.settings import Settings
from mcp_automl.training_jobs import TrainingJobs


class JobDesk:
    """What can be asked about jobs: `jobs` for a single one, `queue` for all that hold or wait.

    Args:
        machine: what the machine has.
        devices: describes its devices.
        owner: who is asking; stored with every job.
        now: wall clock seconds.
    """

    def __init__(
        self,
        store: JobStore,
        registry: StudyRegistry,
        trainers: Trainers,
        machine: Callable[[], Machine],
        *,
        accounts: Accounts,
        liveness: Liveness,
        forecasts: Forecasts,
        folders: Folders,
        logs: JobLogs,
        settings: Settings,
        devices: Callable[[], str],
        owner: str,
        now: Callable[[], float],
    ) -> None:
        self.jobs = TrainingJobs(
            store,
            registry,
            JobRequests(registry, trainers, machine=machine, owner=owner),
            liveness=liveness,
            accounts=accounts,
            folders=folders,
            logs=logs,
            settings=settings,
            now=now,
        )
        self.queue = Queueing(
            store,
            registry,
            self.jobs,
            accounts=accounts,
            forecasts=forecasts,
            liveness=liveness,
            parallel=settings.max_parallel_trials,
            devices=devices,
            now=now,
        )
