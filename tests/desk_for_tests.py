"""The use cases over a real database in which nothing is trained, with what tests ask of them."""

from pathlib import Path

from anyio import to_thread

from mcp_automl.catalog import Catalog
from mcp_automl.domain.job_request import JobRequest
from mcp_automl.domain.study import Study
from mcp_automl.launcher import Launcher
from mcp_automl.server import job_text
from mcp_automl.service import Service
from mcp_automl.settings import Settings
from mcp_automl.stores.accounts import SqliteAccounts
from mcp_automl.stores.archive import SqliteArchive
from mcp_automl.stores.jobs import SqliteJobs
from mcp_automl.stores.registry import SqliteRegistry
from tests.stores_for_tests import Pair, real_pair


class Desk:
    """A workspace with a study of three finished trials, and its use cases."""

    def __init__(self, home: Path) -> None:
        self.home = home
        settings = Settings(home=home)
        self.pair: Pair = real_pair(settings.database)
        self.woken: list[Settings] = []
        self.service = Service(
            registry=SqliteRegistry(settings.database),
            trainers=Catalog(),
            launcher=Launcher(settings, start=self.woken.append),
            settings=settings,
            accounts=SqliteAccounts(settings.database),
            archive=SqliteArchive(settings.database),
            jobs=SqliteJobs(settings.database),
            devices=lambda: "2 CPU cores",
            gpus=list,
            cores=lambda: 2,
            owner="ada",
        )

    async def finished_study(self, *values: float) -> Study:
        study = await self.pair.started()
        for value in values:
            await self.pair.completed(study, value)
        return study

    async def start(self, **asked: object) -> Study:
        request = JobRequest(**asked)  # type: ignore[arg-type]
        return (await to_thread.run_sync(self.service.desk.jobs.start, request)).job

    async def cancel(self, name: str) -> bool:
        return (await to_thread.run_sync(self.service.desk.jobs.cancel, name)).ran

    async def told(self, name: str) -> str:
        return job_text.shown(await to_thread.run_sync(self.service.desk.jobs.show, name))

    async def queue(self) -> str:
        return job_text.queue(await to_thread.run_sync(self.service.desk.queue.show))
