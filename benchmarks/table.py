"""The table of what was measured: a row for each question, and whether its goal is met.

A benchmark is a module of `benchmarks/` with `rows() -> list[Row]`, named in `BENCHMARKS` of
`benchmarks/__main__.py`. What is printed and what stands in `docs/benchmarks.md` are the same rows.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

HEADINGS = ("question", "ours", "beside", "ratio", "goal", "verdict")
NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One question and its answer."""

    question: str
    ours: str = NOT_MEASURED
    """What was measured, with its unit and spread: `12 ms (p95 31 ms)`."""
    beside: str = ""
    """What else was measured in the same run, with its figures; or stored ones with their date."""
    ratio: float | None = None
    """Of ours to the first figure beside it, where one travels better than either."""
    goal: str = ""
    met: bool | None = None
    """None where there is no goal, or nothing was measured."""
    reason: str = ""
    """Why the goal is not met, and by how much, or why nothing was measured."""
    failed: bool = False
    """The benchmark itself ended with an error or was too slow; the reason says which."""

    def verdict(self) -> str:
        """`met`, `**not met**`, `failed`, or nothing; and the reason."""
        words = {True: "met", False: "**not met**", None: ""}[self.met]
        parts = ("failed" if self.failed else words, self.reason)
        return ": ".join(part for part in parts if part)

    def cells(self) -> tuple[str, ...]:
        """In the order of `HEADINGS`."""
        ratio = "" if self.ratio is None else figure(self.ratio)
        return self.question, self.ours, self.beside, ratio, self.goal, self.verdict()


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A bound for one figure."""

    bound: float
    unit: str = ""
    least: bool = False
    """Whether the figure shall be the bound or more, in place of the bound or less."""

    def __str__(self) -> str:
        return f"{'≥' if self.least else '≤'} {self.bound:,g} {self.unit}".rstrip()

    def is_met(self, value: float) -> bool:
        """Whether a figure keeps the bound."""
        return value >= self.bound if self.least else value <= self.bound

    def distance(self, value: float, why: str = "") -> str:
        """How far a figure is from the bound, with the reason; empty if the bound is kept."""
        if self.is_met(value):
            return ""
        told = f"{value / self.bound:.2f} × the goal"
        return f"{told}; {why}" if why else told


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
    return [Row(**told) for told in json.loads(text)]


def show(rows: Sequence[Row], title: str) -> None:
    """Prints the table for a reader at a terminal."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*HEADINGS, title=title, show_lines=True)
    for row in rows:
        style = "red" if row.failed else "yellow" if row.met is False else None
        table.add_row(*(cell.replace("**", "") for cell in row.cells()), style=style)
    Console().print(table)


def markdown(rows: Sequence[Row]) -> str:
    """The table for `docs/benchmarks.md`."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|" + "---|" * len(HEADINGS)]
    for row in rows:
        cells = (cell.replace("|", "\\|").replace("\n", " ") or "–" for cell in row.cells())
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write_section(path: Path, name: str, text: str) -> None:
    """Puts a text between a page's markers for it, and leaves what people wrote around them.

    Raises:
        ValueError: the page has no such markers.
    """
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    before, found, rest = path.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{path} has no section {name}: write {begin} and {end} where it belongs")
    path.write_text(f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}", encoding="utf-8")
