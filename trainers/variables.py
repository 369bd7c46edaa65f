"""By which environment variables a command gets its parameters."""

import re
from collections.abc import Iterable


def variable(parameter: str) -> str:
    """A name that any shell can read, such as `MCP_AUTOML_PARAM_MY_LR` for `my-lr`."""
    return "MCP_AUTOML_PARAM_" + re.sub(r"[^A-Z0-9_]", "_", parameter.upper())


def check_distinct(parameters: Iterable[str]) -> None:
    """Raises ValueError if two parameters would come in one variable."""
    known: dict[str, str] = {}
    for parameter in parameters:
        other = known.setdefault(variable(parameter), parameter)
        if other != parameter:
            raise ValueError(
                f"{other} and {parameter} would both come as {variable(parameter)}; rename one"
            )
