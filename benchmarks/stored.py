"""What was measured of others by `make bench-peers`, and when: read by the benchmarks beside them.

They need an environment of their own, and some a newer Python, so they are not measured each time.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = Path(__file__).parent / "peers.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One figure of one peer."""

    question: str
    """As the benchmark's module is called."""
    peer: str
    version: str
    told: str
    """In words, with units: `2.31 s, 2.4 × the empty server`."""
    ratio: float | None = None
    """To what was measured in the same run beside it."""
    date: str
    machine: str


def load() -> list[Stored]:
    """All that is stored."""
    if not FILE.exists():
        return []
    return [Stored(**told) for told in json.loads(FILE.read_text(encoding="utf-8"))]


def save(figures: list[Stored]) -> None:
    """Puts figures in the place of what was stored of the same peers and questions."""
    new = {(it.question, it.peer): it for it in (*load(), *figures)}
    text = json.dumps([asdict(it) for it in new.values()], ensure_ascii=False, indent=1)
    FILE.write_text(f"{text}\n", encoding="utf-8")


def beside(question: str) -> str:
    """What stands in a row behind its own figures, each with version and date; may be empty."""
    found = [it for it in load() if it.question == question]
    return "".join(f"; {it.peer} {it.version}: {it.told} ({it.date})" for it in found)


def ratio(question: str, peer: str) -> float | None:
    """A peer's ratio, if there is one."""
    found = [it.ratio for it in load() if (it.question, it.peer) == (question, peer)]
    return found[0] if found else None
