"""Every error a reader may see; each says what is wrong and what to do now.

Parents beside `AutomlError` are the nearest built-ins, so that callers may catch either.
"""


class AutomlError(Exception):
    """Something went wrong; look at the orchestrator's log in the workspace."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)


class InvalidRequest(AutomlError, ValueError):
    """The request cannot be carried out as written; correct it and call again."""


class StudyNotFound(AutomlError, LookupError):
    """There is no such study; call list_automl_studies to see the names there are."""


class JobNotFound(AutomlError, LookupError):
    """There is no such job; call get_queue_status to see the training jobs there are."""


class TrialNotFound(AutomlError, LookupError):
    """There is no such trial; read automl://studies/NAME/trials to see which there are."""


class ExportNotFound(AutomlError, LookupError):
    """There is no such export; call export_automl_study to write one."""


class NothingToShow(AutomlError, LookupError):
    """The study has no finished trial yet; call get_automl_study_status and look again later."""


class NameTaken(AutomlError, ValueError):
    """That name belongs to another study; choose another name."""


class StudyRuns(AutomlError, ValueError):
    """The study still runs; call stop_automl_study, and wait until its status is STOPPED."""


class TrainerUnavailable(AutomlError, RuntimeError):
    """The trainer's packages are missing; install its extra."""


class WorkspaceUnusable(AutomlError, OSError):
    """The workspace cannot be used; set MCP_AUTOML_HOME to a folder you can write to."""


class NewerDatabase(AutomlError, RuntimeError):
    """This database was written by a newer mcp-automl; upgrade with `pip install -U mcp-automl`."""


class InvalidSettings(AutomlError, ValueError):
    """The settings cannot be used; correct mcp_automl.toml, and start again."""


class ClientFileUnusable(AutomlError, ValueError):
    """The client's configuration cannot be changed; put the printed block into it by hand."""


class UnsupportedPlatform(AutomlError, RuntimeError):
    """Native Windows is not supported; run mcp-automl inside WSL2."""


class TrackerUnavailable(AutomlError, ConnectionError):
    """The tracking server cannot be reached; entries wait on disk and are sent later."""
