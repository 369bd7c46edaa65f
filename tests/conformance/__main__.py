"""Runs the suite's server scenarios in each version of the protocol: `make conformance`.

A scenario that is named in the file of exceptions has to fail, and every other one to pass: the
suite's own rule, which counts warnings as failures.
"""

import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from subprocess import DEVNULL
from tempfile import TemporaryDirectory

import anyio
from anyio.abc import Process

from tests.conformance.mounted import extended, live_in, mounted

SUITE = "@modelcontextprotocol/conformance@0.2.0-alpha.12"
NODE = "node@22"
VERSIONS = ("2025-11-25", "2026-07-28")

FETCH_SECONDS = 240
"""Once, for npm to bring the suite and its Node."""
SUITE_SECONDS = 240
"""For one version; it takes seven here."""

ENVIRONMENT = {**os.environ, "npm_config_loglevel": "error"}
"""Spares us npm's warnings that it is itself run by another Node."""

HERE = Path(__file__).parent
RESULTS = HERE / "results"

NO_NPX = (
    "The conformance suite comes from npm, and there is no npx in PATH; install Node.js 20 or "
    "newer with npm (https://nodejs.org), and run `make conformance` again."
)
NOT_FETCHED = (
    f"npm could not bring {SUITE} with {NODE} (its own words are above); it needs the npm "
    "registry, or a cache that has both."
)


def exceptions(version: str) -> Path:
    """What is known to fail in that version, with the reasons."""
    return HERE / f"exceptions-{version}.yml"


async def run(npx: str) -> list[str]:
    """The versions in which something is not as it should be, in words."""
    if await ended([*suite(npx), "--version"], FETCH_SECONDS) != 0:
        return [NOT_FETCHED]
    shutil.rmtree(RESULTS, ignore_errors=True)
    wrong = []
    with TemporaryDirectory(prefix="mcp-automl-conformance-") as home:
        live_in(Path(home))
        for version in VERSIONS:
            async with mounted(extended()) as url:
                status = await ended([*suite(npx), *scenarios(url, version)], SUITE_SECONDS)
            if status != 0:
                wrong.append(_told(version, status))
    return wrong


def suite(npx: str) -> list[str]:
    return [npx, "-y", "-p", NODE, "-p", SUITE, "conformance"]


def scenarios(url: str, version: str) -> list[str]:
    """All server scenarios that the version has."""
    chosen = ["server", "--url", url, "--suite", "all", "--spec-version", version]
    kept = ["--output-dir", str(RESULTS / version)]
    return [*chosen, *kept, "--expected-failures", str(exceptions(version))]


async def ended(command: list[str], seconds: float) -> int | None:
    """The exit status; None if it had to be ended."""
    with anyio.move_on_after(seconds):
        async with _running(command) as process:
            return await process.wait()
    return None


@asynccontextmanager
async def _running(command: list[str]) -> AsyncIterator[Process]:
    """A command with all that it starts, which is gone afterwards."""
    process = await anyio.open_process(
        command, stdin=DEVNULL, stdout=None, stderr=None, env=ENVIRONMENT, start_new_session=True
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with anyio.move_on_after(5, shield=True):
            await process.wait()


def _told(version: str, status: int | None) -> str:
    if status is None:
        return f"{version}: the suite was not done after {SUITE_SECONDS} s, and was ended."
    return (
        f"{version}: not as {exceptions(version).name} says (status {status}); "
        f"what was sent and answered is in {RESULTS / version}."
    )


def main() -> None:
    npx = shutil.which("npx")
    wrong = [NO_NPX] if npx is None else anyio.run(run, npx)
    good = f"All server scenarios of {' and '.join(VERSIONS)} are as expected."
    sys.stdout.write("\n".join(["", *(wrong or [good]), ""]))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    # Whichever signal ends this run, nothing of it is left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    main()
