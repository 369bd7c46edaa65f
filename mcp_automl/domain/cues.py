"""Which resources are no longer what they were, from what has changed in the workspace."""

import re
from collections.abc import Collection, Mapping
from urllib.parse import unquote

Marks = Mapping[str, object]
"""Of every study and training job by name: something that changes whenever anything of it does."""

OF_ALL = ("automl://studies", "automl://queue", "automl://costs")

_SUBJECT = re.compile(r"automl://(?:studies/([^/]+)|jobs/([^/]+?)(?:\.[0-9]+)?)(?:/.*)?")
"""The study or job that an address is about; STUDY.NUMBER is a trial's job, and so the study's."""


def renewed(before: Marks, now: Marks) -> list[str]:
    """The studies and jobs of which anything has changed."""
    return [name for name in {**before, **now} if before.get(name) != now.get(name)]


def is_about(uri: str, names: Collection[str]) -> bool:
    """Whether what is read there may have changed with these: one trial, say, or a page of them.

    As when it is read, the case of the name does not matter.
    """
    address = unquote(uri.partition("?")[0]).casefold()
    if address in OF_ALL:
        return bool(names)
    found = _SUBJECT.fullmatch(address)
    return found is not None and (found[1] or found[2]) in {name.casefold() for name in names}
