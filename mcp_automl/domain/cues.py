"""Which resources are no longer what they were, from what has changed in the workspace."""

from collections.abc import Mapping

from mcp_automl.domain.training_job import is_job_name

Marks = Mapping[str, object]
"""Of every study and training job by name: something that changes whenever anything of it does."""

OF_ALL = ("automl://studies", "automl://queue", "automl://costs")


def changed(before: Marks, now: Marks) -> list[str]:
    """The URIs of resources that may read differently now."""
    names = [n for n in {**before, **now} if before.get(n) != now.get(n)]
    return [uri for name in names for uri in _of(name)] + (list(OF_ALL) if names else [])


def _of(name: str) -> list[str]:
    if is_job_name(name):
        return [f"automl://jobs/{name}"]
    study = f"automl://studies/{name}"
    parts = ("trials", "best", "importance", "report.md")
    return [study, *(f"{study}/{part}" for part in parts)]
