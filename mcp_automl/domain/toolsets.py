"""What a server offers its client: all tools, or only some of them."""

from dataclasses import dataclass
from enum import Enum
from typing import Self

from mcp_automl.domain.errors import InvalidRequest


class Toolset(Enum):
    """Tools that belong together, by the name that an operator gives them."""

    STUDIES = "studies"
    DELETION = "deletion"
    JOBS = "jobs"
    COSTS = "costs"
    EXPORTS = "exports"
    PICTURES = "pictures"

    @property
    def shows(self) -> bool:
        """Whether it has a tool that only reads."""
        return self not in (Toolset.DELETION, Toolset.EXPORTS)


VALID = ", ".join(toolset.value for toolset in Toolset)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Which tools a client gets to see, and may call.

    Raises:
        InvalidRequest: that would be none at all.
    """

    toolsets: frozenset[Toolset] = frozenset(Toolset)
    read_only: bool = False

    def __post_init__(self) -> None:
        if not self.toolsets:
            raise InvalidRequest(f"no toolset is named; name some of {VALID}, parted by commas")
        if self.read_only and not any(toolset.shows for toolset in self.toolsets):
            readers = ", ".join(toolset.value for toolset in Toolset if toolset.shows)
            raise InvalidRequest(
                f"all tools of {_named(self.toolsets)} write, so that a read-only server has none "
                f"to offer; name some of {readers}, too"
            )

    @classmethod
    def of(cls, toolsets: str | None = None, *, read_only: bool = False) -> Self:
        """As an operator writes it.

        Args:
            toolsets: names, parted by commas; all when not given.

        Raises:
            InvalidRequest: there is no such toolset, or no tool would be left.
        """
        if toolsets is None:
            return cls(read_only=read_only)
        names = map(str.strip, toolsets.split(","))
        return cls(toolsets=frozenset(map(_toolset, names)), read_only=read_only)

    @property
    def flags(self) -> tuple[str, ...]:
        """What makes `serve` offer this."""
        some = self.toolsets != frozenset(Toolset)
        chosen = ("--toolsets", _named(self.toolsets, ",")) if some else ()
        return (*chosen, *(("--read-only",) if self.read_only else ()))

    def why_not(self, toolset: Toolset, *, writes: bool) -> str | None:
        """Why a tool is not offered; None if it is."""
        if toolset not in self.toolsets:
            return f"this server offers the toolsets {_named(self.toolsets)} alone"
        if writes and self.read_only:
            return "this server is read-only"
        return None


def _toolset(name: str) -> Toolset:
    try:
        return Toolset(name.lower())
    except ValueError:
        if not name:
            raise InvalidRequest(
                f"a toolset has no name; name some of {VALID}, parted by single commas"
            ) from None
        raise InvalidRequest(f"there is no toolset {name!r}; there are {VALID}") from None


def _named(toolsets: frozenset[Toolset], comma: str = ", ") -> str:
    return comma.join(toolset.value for toolset in Toolset if toolset in toolsets)
