"""The table of what was measured: a row for each question, and whether its goal is met.

A benchmark is a module with `rows() -> list[Row]`, named in `benchmarks/run.py`. What is printed
and what stands in `docs/benchmarks.md` are the same rows.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

NOT_MEASURED = "not measured"
HEADINGS = ("question", "measured", "beside", "goal", "verdict")


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What a figure shall be: exactly one of the two bounds is given."""

    most: float | None = None
    least: float | None = None
    words: str = ""
    """In place of the bound, where that alone would not be understood."""

    def __post_init__(self) -> None:
        if (self.most is None) == (self.least is None):
            raise ValueError("a goal has one bound: most or least")

    @property
    def bound(self) -> float:
        bound = self.least if self.most is None else self.most
        assert bound is not None
        return bound

    def text(self, unit: str) -> str:
        """`≤ 20 ms`, say."""
        return self.words or f"{'≥' if self.most is None else '≤'} {figure(self.bound, unit)}"

    def is_met(self, value: float) -> bool:
        """Whether a figure is within the bound."""
        return value >= self.bound if self.most is None else value <= self.bound

    def distance(self, value: float) -> str:
        """How far a figure is from the bound, as a ratio where there is one."""
        if self.bound > 0:
            return f"{value / self.bound:.2f} × the goal"
        return f"off by {figure(abs(value - self.bound))}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One question and its answer."""

    question: str
    measured: float | None = None
    """The figure that is held against the goal; None if it was not measured."""
    unit: str = ""
    """As it stands behind the figure: `ms`, `×`, `tokens`; empty for a plain number."""
    detail: str = ""
    """What belongs to the figure: `p95 31 ms`, `± 0.010, 30 seeds`."""
    beside: str = ""
    """What else was measured in the same run, with its figures; or stored ones with their date."""
    goal: Goal | None = None
    """None where a figure stands for the record."""
    reason: str = ""
    """Why the goal is not met, or why nothing was measured."""
    failed: bool = False
    """Whether the benchmark itself has failed; its row says why and the run ends with an error."""

    def __post_init__(self) -> None:
        if self.measured is None and not self.reason:
            raise ValueError(f"{self.question}: what was not measured needs a reason")

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is met; None without a figure or a goal."""
        if self.measured is None or self.goal is None:
            return None
        return self.goal.is_met(self.measured)

    @property
    def verdict(self) -> str:
        """`met`, or the distance to the goal, with the reason."""
        if self.measured is None:
            return f"{'failed' if self.failed else NOT_MEASURED}: {self.reason}"
        if self.goal is None:
            return self.reason or "for the record"
        if self.is_met:
            return f"met; {self.reason}" if self.reason else "met"
        distance = self.goal.distance(self.measured)
        return f"**not met**, {distance}" + (f": {self.reason}" if self.reason else "")

    def cells(self) -> tuple[str, ...]:
        """In the order of `HEADINGS`."""
        shown = "–" if self.measured is None else figure(self.measured, self.unit)
        measured = f"{shown} ({self.detail})" if self.detail else shown
        goal = self.goal.text(self.unit) if self.goal else "–"
        return self.question, measured, self.beside or "–", goal, self.verdict


def figure(value: float, unit: str = "") -> str:
    """Three digits that count, and the unit: `0.945`, `12.3 ms`, `3,912 tokens`."""
    size = abs(value)
    places = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{value:,.{places}f} {unit}".rstrip()


def to_json(rows: Sequence[Row]) -> str:
    """What `from_json` reads."""
    return json.dumps([asdict(row) for row in rows], ensure_ascii=False, indent=1)


def from_json(text: str) -> list[Row]:
    """Rows that another process wrote."""
    return [_row(told) for told in json.loads(text)]


def _row(told: Mapping[str, Any]) -> Row:
    goal = told.get("goal")
    return Row(**{**told, "goal": None if goal is None else Goal(**goal)})


def show(rows: Sequence[Row], title: str) -> None:
    """Prints the table for a reader at a terminal."""
    table = Table(*HEADINGS, title=title, show_lines=True)
    for row in rows:
        style = "red" if row.failed else "yellow" if row.is_met is False else None
        table.add_row(*(cell.replace("**", "") for cell in row.cells()), style=style)
    Console().print(table)


def markdown(rows: Sequence[Row]) -> str:
    """The table for `docs/benchmarks.md`."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|" + "---|" * len(HEADINGS)]
    for row in rows:
        cells = (cell.replace("|", "\\|").replace("\n", " ") for cell in row.cells())
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write_section(path: Path, name: str, text: str) -> None:
    """Puts a text between a file's markers for it, and leaves what people wrote around them.

    Raises:
        ValueError: the file has no such markers.
    """
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    before, found, rest = path.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{path} has no section {name}: write {begin} and {end} where it belongs")
    path.write_text(f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}", encoding="utf-8")
