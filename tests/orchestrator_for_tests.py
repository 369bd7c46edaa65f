"""Stands in for an orchestrator that is about to be killed: `python -m` this, behaviours, a folder.

Runs one job per behaviour and prints, once each has measured something, the process ids of all.
"""

import json
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import anyio

from mcp_automl.domain.study import Measurement
from mcp_automl.executors.local import LocalExecutor
from tests.jobs_for_tests import fake_job, launched


async def main(behaviours: list[str], folder: Path) -> None:
    executor = LocalExecutor(max_parallel=len(behaviours))
    async with executor, AsyncExitStack() as stack:
        pids: list[float] = []
        for number, behaviour in enumerate(behaviours):
            job = fake_job(folder / str(number), epochs=0, behaviour=behaviour)
            attempt = await stack.enter_async_context(launched(executor, job))
            first = await anext(attempt.words())
            assert isinstance(first, Measurement)
            pids += first.metrics.values()
            await attempt.go_on()
        sys.stdout.write(json.dumps(pids) + "\n")
        sys.stdout.flush()
        await anyio.sleep_forever()


if __name__ == "__main__":
    *names, where = sys.argv[1:]
    anyio.run(main, names, Path(where))
