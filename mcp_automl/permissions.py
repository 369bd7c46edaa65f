"""Which paths and names an agent may pass: none but what the operator's configuration allows."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from mcp_automl.domain.errors import InvalidRequest

HUB_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?(:[\w.-]+)?")
"""What can be no path that leads elsewhere."""


@dataclass(frozen=True, slots=True)
class Permissions:
    """What is allowed beside a parameter's default.

    Args:
        roots: folders; what lies in them is allowed, links followed.
        names: patterns such as `openai-community/*`, upper and lower case told apart.
    """

    roots: tuple[Path, ...] = ()
    names: tuple[str, ...] = ()

    def __call__(self, wanted: str) -> str:
        """The path or name that a trainer gets.

        Raises:
            InvalidRequest: it is not allowed; the message says what the operator may set.
        """
        if HUB_NAME.fullmatch(wanted) and any(fnmatchcase(wanted, it) for it in self.names):
            return wanted
        found = self._below_a_root(wanted)
        if found is None:
            raise InvalidRequest(
                f"it is neither in one of the operator's data_roots ({_listed(self.roots)}) nor "
                f"among the allowed_models ({_listed(self.names)}), as mcp_automl.toml sets them"
            )
        return str(found)

    def _below_a_root(self, wanted: str) -> Path | None:
        try:
            path = Path(wanted).expanduser()
            # A relative path would mean another place to every process.
            found = path.resolve() if path.is_absolute() else None
        except (OSError, RuntimeError, ValueError):
            return None
        roots = (root.resolve() for root in self.roots)
        return found if found and any(found.is_relative_to(root) for root in roots) else None


def _listed(allowed: Iterable[object]) -> str:
    return ", ".join(map(str, allowed)) or "none"
