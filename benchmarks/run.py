"""Runs the benchmarks that the table is made of, each in a process of its own and bounded.

    python -m benchmarks.run [MODULE ...]

Prints the table. Without modules it runs all of them and writes `docs/benchmarks.md`, too. Ends
with an error if a benchmark failed; a goal that is not met is a finding, not an error.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from pathlib import Path

from benchmarks.machine import ROOT, machine, versions
from benchmarks.table import Row, from_json, markdown, show, to_json, write_section

PAGE = ROOT / "docs" / "benchmarks.md"
SECTION = "table"


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """A module of `benchmarks/` with `rows()`, and how long it may take."""

    module: str
    seconds: float


# A new benchmark is plugged in here; all limits together are to stay under half an hour on two
# cores as long as nothing hangs.
BENCHMARKS: tuple[Benchmark, ...] = (
    Benchmark(module="initialize", seconds=120),
    Benchmark(module="replies", seconds=240),
    Benchmark(module="utilization", seconds=420),
    Benchmark(module="handover", seconds=120),
    Benchmark(module="memory", seconds=120),
    Benchmark(module="search", seconds=600),
    Benchmark(module="curves", seconds=240),
    Benchmark(module="mnist_speed", seconds=240),
    # Without a GPU it only says so.
    Benchmark(module="mnist_gpu", seconds=300),
)


def measured(benchmark: Benchmark) -> list[Row]:
    """Rows of one benchmark, or one row that says how it failed."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "rows.json"
        command = [sys.executable, "-m", "benchmarks.run", "--rows", benchmark.module, str(answer)]
        # A session of its own, so that all that it started ends with it.
        process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
        try:
            code = process.wait(timeout=benchmark.seconds)
        except subprocess.TimeoutExpired:
            return [_failed(benchmark, f"not done after {benchmark.seconds:.0f} s")]
        finally:
            _end(process)
        if code != 0 or not answer.exists():
            return [_failed(benchmark, f"exit code {code}; its output stands above")]
        return from_json(answer.read_text(encoding="utf-8"))


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def _failed(benchmark: Benchmark, why: str) -> Row:
    return Row(question=f"python -m benchmarks.{benchmark.module}", reason=why, failed=True)


def write(module: str, answer: Path) -> None:
    """Runs one benchmark here and writes its rows for the process that started this one."""
    found = import_module(f"benchmarks.{module}")
    answer.write_text(to_json(found.rows()), encoding="utf-8")


def page(rows: Sequence[Row], seconds: float) -> str:
    """The section of the page: when, on what, and the table."""
    told = ", ".join(f"{name} {version}" for name, version in versions().items())
    met = [row.is_met for row in rows if row.is_met is not None]
    said = (
        f"Made by `make bench` on {date.today()} in {seconds / 60:.0f} minutes: {machine()}; "
        f"{told}. {sum(met)} of {len(met)} goals met."
    )
    return f"{said}\n\n{markdown(rows)}"


def main(chosen: Sequence[str]) -> int:
    """Runs them and tells how it went."""
    began = time.monotonic()
    rows: list[Row] = []
    for benchmark in BENCHMARKS:
        if chosen and benchmark.module not in chosen:
            continue
        print(f"{benchmark.module}: at most {benchmark.seconds:.0f} s ...", flush=True)
        rows += measured(benchmark)
    show(rows, f"{machine()}; {versions()['mcp-automl']}")
    if not chosen:
        write_section(PAGE, SECTION, page(rows, time.monotonic() - began))
        print(f"written to {PAGE.relative_to(ROOT)}")
    return 1 if any(row.failed for row in rows) else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--rows"]:
        write(sys.argv[2], Path(sys.argv[3]))
    else:
        sys.exit(main(sys.argv[1:]))
