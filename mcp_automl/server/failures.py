"""What a caller reads when a call did not do what it was meant to."""

import logging
import re
from collections.abc import Mapping

from mcp.types import CallToolResult, TextContent
from pydantic import ValidationError

from mcp_automl.domain.errors import AutomlError
from mcp_automl.server.words import plain

logger = logging.getLogger(__name__)

MAX_MESSAGE = 1_500


def refused(kind: str, message: str) -> CallToolResult:
    """A tool error that a model can read and act on; nothing was changed."""
    text = plain(message, MAX_MESSAGE)
    return CallToolResult(
        is_error=True,
        content=[TextContent(type="text", text=text)],
        structured_content={"error": {"kind": kind, "message": text}},
    )


def not_here(text: str, why: Mapping[str, str]) -> str:
    """What to say of the tools that a text names and this server does not offer; or nothing.

    Args:
        why: these tools, each with the reason.
    """
    named = [name for name in why if re.search(rf"\b{name}\b", text)]
    reasons = dict.fromkeys(why[name] for name in named)
    return f"Not callable here: {', '.join(named)}; {', and '.join(reasons)}" if named else ""


def again(wrong: str, tool: str) -> str:
    """What is wrong with a call, and what to do next."""
    return f"{wrong.rstrip('.')}. Nothing was changed: correct this and call {tool} again"


def failed(tool: str, error: Exception) -> CallToolResult:
    """The answer to a call that raised."""
    if isinstance(error, AutomlError):
        logger.info("%s refused: %s", tool, error)
        said = sentence(error)
        # What is not there may not come by calling again; such errors name another tool themselves.
        named = isinstance(error, LookupError)
        return refused(type(error).__name__, said if named else again(said, tool))
    logger.error("%s failed", tool, exc_info=error)
    if isinstance(error, ValidationError) and error.title == "Settings":
        return refused("InvalidSettings", of_settings(error))
    return refused(
        "Unexpected",
        f"{tool} failed unexpectedly; the traceback is in this server's log, which your client "
        "keeps (its stderr). `mcp-automl doctor` in a terminal checks the installation; then call "
        "again",
    )


def sentence(error: AutomlError) -> str:
    return str(error) or (type(error).__doc__ or "")


def of_settings(error: ValidationError) -> str:
    """What is wrong with the settings, and where to correct it."""
    wrong = ", ".join(
        f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}, not {plain(repr(e['input']), 60)}"
        for e in error.errors(include_url=False)
    )
    return (
        f"mcp-automl's settings are not valid ({wrong}); correct the variable MCP_AUTOML_... in "
        "your client's configuration, or mcp_automl.toml, and restart the server"
    )
