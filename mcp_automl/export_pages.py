"""Exported tables a piece at a time: who reads a resource cannot hold ten thousand trials.

A piece of a table is a table again, and a piece of an object an object. Where it is not the last,
it ends with where the next one is, and where the file that has all of them: a table in a line that
begins with `#`, an object in its field `rest`. Who has a program read tables leaves that line out,
or reads the file.

A piece needs the whole file: of 10,000 trials, the most that a study of ours has, that takes a
fifth of a second.
"""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp_automl.domain.paging import check_page, how_many_fit

MAX_LIMIT = 1_000
USUAL_LIMIT = 100

MAX_CHARACTERS = 20_000
"""About 5,000 tokens: who reads an export wants to look at trials, and not at a few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Which rows of a table are asked for.

    Raises:
        InvalidRequest: no table has such rows.
    """

    limit: int = USUAL_LIMIT
    offset: int = 0

    def __post_init__(self) -> None:
        check_page(self.limit, self.offset, MAX_LIMIT)

    def of(self, rows: Sequence[str]) -> tuple[Sequence[str], int | None]:
        """The rows that fit, one at least, and where the next piece begins, if any does."""
        asked = rows[self.offset : self.offset + self.limit]
        shown = asked[: how_many_fit(map(len, asked), MAX_CHARACTERS)]
        end = self.offset + len(shown)
        return shown, end if end < len(rows) else None


FIRST_PIECE = Piece()


def csv_piece(path: Path, piece: Piece) -> str:
    """Rows of a table beneath its heading; behind them a line on the rest, as a comment.

    Raises:
        ValueError: it is empty, or no text.
        csv.Error: it is no table.
    """
    with path.open(encoding="utf-8", newline="") as file:
        heading, *rows = list(map(_csv_line, csv.reader(file, strict=True))) or [""]
    if not heading.strip("\n\0"):
        raise ValueError("it is empty")
    shown, following = piece.of(rows)
    rest = "" if following is None else f"# {_rest(path, piece, following, len(rows))}\n"
    return heading + "".join(shown) + rest


def json_piece(path: Path, piece: Piece) -> str:
    """The object with some of its trials; behind them, a field on the rest.

    Raises:
        ValueError: it is no JSON, or no study's.
        RecursionError: it is JSON without end.
    """
    whole: Any = json.loads(path.read_text(encoding="utf-8"))
    for part, kind in (("study", dict), ("trials", list)):
        if not isinstance(whole, dict) or not isinstance(whole.get(part), kind):
            raise ValueError(f"it has no {part}")
    rows = [json.dumps(trial, ensure_ascii=False) for trial in whole["trials"]]
    shown, following = piece.of(rows)
    head = json.dumps(whole["study"], ensure_ascii=False)
    tail = ""
    if following is not None:
        rest = _rest(path, piece, following, len(rows))
        tail = f',\n"rest": {json.dumps(rest, ensure_ascii=False)}'
    trials = ",\n".join(shown)
    return f'{{"study": {head},\n"trials": [\n{trials}\n]{tail}}}\n'


def _csv_line(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def _rest(path: Path, piece: Piece, following: int, total: int) -> str:
    more = "1 more trial" if total - following == 1 else f"{total - following} more trials"
    limit = "" if piece.limit == USUAL_LIMIT else f"limit={piece.limit}&"
    where = f"automl://exports/{path.name}?{limit}offset={following}"
    return f"{more}: read {where}; all {total}: {path}"
