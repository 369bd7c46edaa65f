"""Runs the benchmarks that the table is made of, each in a process of its own and bounded.

    python -m benchmarks [MODULE ...]

Prints the table. Without modules it runs all of them and writes `docs/benchmarks.md`, too. Ends
with an error if a benchmark failed; a goal that is not met is a finding, not an error.
"""

import compileall
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from importlib import import_module
from pathlib import Path

from benchmarks.table import Row, from_json, markdown, show, to_json, write_section

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "benchmarks.md"
SECTION = "table"

# A new benchmark is plugged in here: its module, and after how many seconds it is given up. All
# limits together are under half an hour.
BENCHMARKS: dict[str, float] = {
    "initialize": 90,
    "tool_calls": 180,
    "tokens": 60,
    "utilization": 210,
    "handover": 150,
    "measurement": 60,
    "memory": 150,
    "search": 300,
    "curves": 180,
    "mnist_speed": 180,
    "mnist_gpu": 240,
}


def main(chosen: Sequence[str]) -> int:
    """Runs them and tells how it went."""
    from benchmarks.machine import machine, versions

    # Otherwise who ends this process would leave the benchmark running that it waits for.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    began = time.monotonic()
    compiled()
    rows: list[Row] = []
    for module in chosen or BENCHMARKS:
        print(f"{module}: at most {BENCHMARKS[module]:.0f} s ...", flush=True)
        rows += measured(module, BENCHMARKS[module])
    show(rows, f"{machine()}; {versions()['mcp-automl']}")
    if not chosen:
        write_section(PAGE, SECTION, page(rows, time.monotonic() - began))
        print(f"written to {PAGE.relative_to(ROOT)}")
    return 1 if any(row.failed for row in rows) else 0


def compiled() -> None:
    """Compiles the package as `pip` does that installs it: Python may have been told not to."""
    for package in ("mcp_automl", "trainers"):
        compileall.compile_dir(ROOT / package, quiet=1)


def measured(module: str, limit: float) -> list[Row]:
    """Rows of one benchmark, or one row that says how it failed."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "rows.json"
        command = [sys.executable, "-m", "benchmarks", "--rows", module, str(answer)]
        # A session of its own, so that what it started ends with it.
        process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
        try:
            code = process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            return [failed(module, f"not done after {limit:.0f} s")]
        finally:
            end(process)
        if code != 0 or not answer.exists():
            return [failed(module, f"exit code {code}; its output says more")]
        return from_json(answer.read_text(encoding="utf-8"))


def end(process: subprocess.Popen[bytes]) -> None:
    # It may have ended by itself.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def failed(module: str, why: str) -> Row:
    return Row(question=f"`python -m benchmarks {module}`", reason=why, failed=True)


def page(rows: Sequence[Row], seconds: float) -> str:
    """The section of the page: when, on what, and the table."""
    from benchmarks.machine import machine, versions

    told = ", ".join(f"{name} {version}" for name, version in versions().items())
    judged = [row.met for row in rows if row.met is not None]
    made = (
        f"Made by `make bench` on {date.today()} in {seconds / 60:.0f} minutes: {machine()}; "
        f"{told}. {sum(judged)} of {len(judged)} goals met."
    )
    return f"{made}\n\n{markdown(rows)}"


def write(module: str, answer: Path) -> None:
    """Runs one benchmark here and writes its rows for the process that started this one."""
    found = import_module(f"benchmarks.{module}")
    answer.write_text(to_json(found.rows()), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--rows"]:
        write(sys.argv[2], Path(sys.argv[3]))
    elif unknown := set(sys.argv[1:]) - set(BENCHMARKS):
        sys.exit(f"no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(BENCHMARKS)}")
    else:
        sys.exit(main(sys.argv[1:]))
