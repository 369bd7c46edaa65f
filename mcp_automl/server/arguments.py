"""Calls that cannot be carried out as written, told in words before anything is done."""

from collections.abc import Iterable, Mapping
from typing import Any

from mcp.server.mcpserver.tools import Tool
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mcp_automl.domain.figures import shown as in_words
from mcp_automl.server.failures import again
from mcp_automl.server.words import plain

WORDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "a text",
    "boolean": "true or false",
}

BOUNDS = {
    "minimum": " from {}",
    "maximum": " to {}",
    "exclusiveMinimum": " above {}",
    "pattern": " that matches {}",
}


def problem(tools: Mapping[str, Tool], name: str, arguments: Mapping[str, Any]) -> str | None:
    """What is wrong with a call and what would be right, or None if it can be made."""
    tool = tools.get(name)
    if tool is None:
        return f"there is no tool {shown(name)}; call one of these: {', '.join(tools)}"
    unknown = sorted(set(arguments) - set(_properties(tool)))
    if unknown:
        names = ", ".join(shown(argument) for argument in unknown[:5])
        return again(f"{name} has no argument {names}; {_takes(tool)}", name)
    try:
        tool.fn_metadata.validate_arguments(dict(arguments))
    except ValidationError as error:
        wrong = "; ".join(_wrong(tool, details) for details in _each_argument(error))
        return again(wrong, name)
    return None


def shown(value: object) -> str:
    return plain(in_words(value), 80)


def _properties(tool: Tool) -> Mapping[str, Any]:
    properties: Mapping[str, Any] = tool.parameters.get("properties", {})
    return properties


def _takes(tool: Tool) -> str:
    required = set(tool.parameters.get("required", ()))
    names = [name + ("" if name in required else " (optional)") for name in _properties(tool)]
    return f"it takes {', '.join(names)}" if names else "it takes no arguments"


def _each_argument(error: ValidationError) -> Iterable[ErrorDetails]:
    """One detail per argument: a union reports every member that did not fit."""
    return {d["loc"][0]: d for d in error.errors(include_url=False)}.values()


def _wrong(tool: Tool, details: ErrorDetails) -> str:
    name = str(details["loc"][0])
    optional = name not in tool.parameters.get("required", ())
    valid = _valid(_properties(tool)[name], optional=optional)
    if details["type"] == "missing":
        return f"{name} is missing: it must be {valid}"
    return f"{name} must be {valid}, not {shown(details['input'])}"


def _valid(parameter: Mapping[str, Any], *, optional: bool) -> str:
    words = WORDS.get(parameter.get("type", ""), "another value")
    example = next(iter(parameter.get("examples", ())), None)
    such_as = "" if example is None else f" such as {example!r}"
    bounds = "".join(word.format(parameter[k]) for k, word in BOUNDS.items() if k in parameter)
    return f"{words}{bounds}{such_as}{', or left out' if optional else ''}"
