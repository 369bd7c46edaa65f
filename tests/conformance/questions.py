"""Tools and a prompt of the suite that ask the client back, each era in its own way."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.types import (
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequest,
    InputRequiredResult,
    ListRootsRequest,
    ListRootsResult,
    SamplingMessage,
    TextContent,
)

Schema = dict[str, Any]
Answer = str | InputRequiredResult

NAME = "What is your name?"


# --- 2025: the server asks while the call is in flight -------------------------------------------


async def test_sampling(prompt: str, ctx: Context) -> str:
    """Lets the client's model answer."""
    with warnings.catch_warnings():
        # Deprecated since 2026-07-28, and still a part of the suite.
        warnings.simplefilter("ignore")
        result = await ctx.session.create_message([_message(prompt)], max_tokens=100)
    return f"LLM response: {getattr(result.content, 'text', '')}"


async def test_elicitation(message: str, ctx: Context) -> str:
    """Asks for a user's name and address."""
    properties = {
        "username": {"type": "string", "description": "User's response"},
        "email": {"type": "string", "description": "User's email address"},
    }
    return f"User response: {await _elicited(ctx, message, _form(properties))}"


async def test_elicitation_sep1034_defaults(ctx: Context) -> str:
    """Asks for one value of each kind, with defaults."""
    properties: dict[str, Schema] = {
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {
            "type": "string",
            "enum": ["active", "inactive", "pending"],
            "default": "active",
        },
        "verified": {"type": "boolean", "default": True},
    }
    told = await _elicited(ctx, "Who are you?", _form(properties, required=()))
    return f"Elicitation completed: {told}"


async def test_elicitation_sep1330_enums(ctx: Context) -> str:
    """Asks for a choice in all five ways."""
    plain = ["option1", "option2", "option3"]
    titled = [{"const": f"value{n}", "title": f"Option {n}"} for n in (1, 2, 3)]
    properties: dict[str, Schema] = {
        "untitledSingle": {"type": "string", "enum": plain},
        "titledSingle": {"type": "string", "oneOf": titled},
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": plain}},
        "titledMulti": {"type": "array", "items": {"anyOf": titled}},
    }
    told = await _elicited(ctx, "Which ones?", _form(properties, required=()))
    return f"Elicitation completed: {told}"


# --- 2026: the answer is a question, and the call comes once more with what was answered ---------


async def test_input_required_result_elicitation(ctx: Context) -> Answer:
    """Greets whoever says who they are."""
    name = _filled_in(ctx, "user_name", "name")
    return f"Hello, {name}!" if name else _asking({"user_name": _text_wanted(NAME, "name")})


async def test_input_required_result_sampling(ctx: Context) -> Answer:
    """Lets the client's model name a capital."""
    found = _answer(ctx, "capital_question")
    if isinstance(found, CreateMessageResult):
        return str(getattr(found.content, "text", ""))
    return _asking({"capital_question": _sampled("What is the capital of France?", 100)})


async def test_input_required_result_list_roots(ctx: Context) -> Answer:
    """Tells the client's roots."""
    found = _answer(ctx, "client_roots")
    if isinstance(found, ListRootsResult):
        return ", ".join(str(root.uri) for root in found.roots)
    return _asking({"client_roots": ListRootsRequest()})


async def test_input_required_result_request_state(ctx: Context) -> Answer:
    """Remembers that it has asked."""
    if ctx.request_state == "asked" and _answer(ctx, "confirm") is not None:
        return "state-ok"
    confirm = _elicit("Please confirm", _form({"ok": {"type": "boolean"}}))
    return _asking({"confirm": confirm}, "asked")


async def test_input_required_result_multiple_inputs(ctx: Context) -> Answer:
    """Asks for three things at once."""
    questions: dict[str, InputRequest] = {
        "user_name": _text_wanted(NAME, "name"),
        "greeting": _sampled("Generate a greeting", 50),
        "client_roots": ListRootsRequest(),
    }
    if all(_answer(ctx, key) is not None for key in questions):
        return "All there"
    return _asking(questions, "asked")


async def test_input_required_result_multi_round(ctx: Context) -> Answer:
    """Asks for one thing after another."""
    if ctx.request_state is None:
        return _asking({"step1": _text_wanted(f"Step 1: {NAME}", "name")}, "first")
    name = _filled_in(ctx, "step1", "name")
    if ctx.request_state == "first" and name:
        question = _text_wanted("Step 2: What is your favorite color?", "color")
        return _asking({"step2": question}, f"second: {name}")
    return f"{ctx.request_state}, {_filled_in(ctx, 'step2', 'color')}"


async def test_input_required_result_tampered_state(ctx: Context) -> Answer:
    """Believes only the state that it has given."""
    if ctx.request_state == "asked":
        return "Untouched"
    return _asking(
        {"confirm": _elicit("Please confirm", _form({"ok": {"type": "boolean"}}))}, "asked"
    )


async def test_input_required_result_capabilities(ctx: Context) -> Answer:
    """Asks only for what the client can do."""
    able = ctx.client_capabilities
    questions: dict[str, InputRequest] = {}
    if able is not None and able.sampling is not None:
        questions["greeting"] = _sampled("Generate a greeting", 50)
    if able is not None and able.elicitation is not None:
        questions["user_name"] = _text_wanted(NAME, "name")
    if questions and not ctx.input_responses:
        return _asking(questions)
    return "Nothing to ask"


async def test_streaming_elicitation(ctx: Context) -> Answer:
    """Asks in its answer, never beside it."""
    return await test_input_required_result_elicitation(ctx)


TOOLS: tuple[Callable[..., Any], ...] = (
    test_sampling,
    test_elicitation,
    test_elicitation_sep1034_defaults,
    test_elicitation_sep1330_enums,
    test_input_required_result_elicitation,
    test_input_required_result_sampling,
    test_input_required_result_list_roots,
    test_input_required_result_request_state,
    test_input_required_result_multiple_inputs,
    test_input_required_result_multi_round,
    test_input_required_result_tampered_state,
    test_input_required_result_capabilities,
    test_streaming_elicitation,
)


def add_prompt(server: MCPServer[Any]) -> None:
    """Gives the server a prompt that asks back."""

    @server.prompt(description="A sentence about what the user names.")
    async def test_input_required_result_prompt(ctx: Context) -> Answer:
        named = _filled_in(ctx, "user_context", "context")
        question = _text_wanted("What context should the prompt use?", "context")
        return f"Use this: {named}" if named else _asking({"user_context": question})


def _form(properties: Mapping[str, Schema], required: tuple[str, ...] | None = None) -> Schema:
    wanted = list(properties) if required is None else list(required)
    return {"type": "object", "properties": dict(properties), "required": wanted}


def _text_wanted(message: str, name: str) -> ElicitRequest:
    return _elicit(message, _form({name: {"type": "string"}}))


def _elicit(message: str, schema: Schema) -> ElicitRequest:
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def _sampled(text: str, max_tokens: int) -> CreateMessageRequest:
    params = CreateMessageRequestParams(messages=[_message(text)], max_tokens=max_tokens)
    return CreateMessageRequest(params=params)


def _message(text: str) -> SamplingMessage:
    return SamplingMessage(role="user", content=TextContent(type="text", text=text))


def _asking(questions: dict[str, InputRequest], state: str | None = None) -> InputRequiredResult:
    return InputRequiredResult(input_requests=questions, request_state=state)


def _answer(ctx: Context, key: str) -> object | None:
    return (ctx.input_responses or {}).get(key)


def _filled_in(ctx: Context, key: str, field: str) -> str | None:
    found = _answer(ctx, key)
    if not isinstance(found, ElicitResult) or found.action != "accept" or not found.content:
        return None
    value = found.content.get(field)
    return value if isinstance(value, str) else None


async def _elicited(ctx: Context, message: str, schema: Schema) -> str:
    result = await ctx.session.elicit_form(message, schema, ctx.request_id)
    return f"action={result.action}, content={result.content}"
