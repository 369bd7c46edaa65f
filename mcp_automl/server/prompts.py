"""The product's three workflows as prompts, and completions for what they and resources ask for.

An argument of a prompt is a text that some person has typed into a form. It becomes part of what a
model reads as that person's words, so that only what an argument can be is put there.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from anyio import to_thread
from mcp import MCPError
from mcp.server.mcpserver import MCPServer
from mcp.types import (
    INVALID_PARAMS,
    Completion,
    CompletionArgument,
    CompletionContext,
    Prompt,
    PromptReference,
    ResourceTemplateReference,
)
from pydantic import ValidationError

from mcp_automl.domain.bounds import MAX_TRIALS, NAME_IN_WORDS, VALID_NAME
from mcp_automl.domain.errors import AutomlError
from mcp_automl.server.words import plain, quoted

if TYPE_CHECKING:
    from mcp_automl.service import Service

NAMED: "Mapping[str, Callable[[Service], Sequence[str]]]" = {
    # One whose table is wrong may be listed under a name that is none.
    "model": lambda service: [it for it in service.trainers.names if VALID_NAME.fullmatch(it)],
    "study": lambda service: service.names(read_only=False),
}
"""What a prompt's argument may name."""

MAX_LISTED = 5
"""Names in a refusal."""

MAX_VALUES = 100
"""What the protocol allows of one completion."""

FOLLOW = """\
Follow it with get_automl_study_status(study_name=..., wait_seconds=45) until it is COMPLETE, and
tell me in one line what is new whenever a trial ends. Then show compare_automl_trials, name the
winner with get_automl_best_params, and say on which data set it was measured."""

QUICK = """\
Optimize hyperparameters for {model} with {trials} trials: call start_automl_study with a study_name
that says what it is. {follow}"""

BUDGET = """\
Find the best {model} model that ${budget_usd} can buy. First call start_automl_study with
dry_run=true and cost_budget_usd={budget_usd}, and tell me what it will cost and take; then start it
for real with the same arguments. {follow} Close with get_cost_report."""

IMPROVE = """\
Improve on the study {study}: look at get_automl_study_status and compare_automl_trials, say in one
sentence what its best trials have in common, and go on with it: start_automl_study(
study_name={study}) with an n_trials of {more_trials} more than its total. {follow} If the best
value is new, call trigger_training_job(study_name={study}, verify_seeds=3) to see whether the win
is real, and then the printed trigger_training_job command for the model to keep."""


def quick_optimization(model: str = "mnist", trials: str = "10") -> str:
    """A study of so many trials, followed to its end."""
    return QUICK.format(
        model=_name("model", model), trials=_trials("trials", trials), follow=FOLLOW
    )


def best_within_budget(budget_usd: str, model: str = "mnist") -> str:
    """A quote first, then a study that cannot spend more."""
    return BUDGET.format(
        model=_name("model", model), budget_usd=_dollars("budget_usd", budget_usd), follow=FOLLOW
    )


def improve_model(study: str, more_trials: str = "10") -> str:
    """More trials where an earlier study left off, and a model to keep."""
    return IMPROVE.format(
        study=quoted(_name("study", study)),
        more_trials=_trials("more_trials", more_trials),
        follow=FOLLOW,
    )


PROMPTS = (
    (quick_optimization, "Tune a model", QUICK),
    (best_within_budget, "The best model for so many dollars", BUDGET),
    (improve_model, "Improve on an earlier study", IMPROVE),
)


def filled_in(arguments: Mapping[str, object] | None) -> dict[str, object]:
    """Without what was left empty: a form has a field for every argument, and sends all of them."""
    said = dict(arguments or {})
    return {name: value for name, value in said.items() if str(value).strip()}


def refuse_unusable(known: Sequence[Prompt], name: str, arguments: Mapping[str, object]) -> None:
    """Refuses what the SDK would call an internal error of ours; a wrong name also if it is empty.

    Raises:
        MCPError: there is no such prompt, or not with these arguments; the message has what is.
    """
    prompt = next((it for it in known if it.name == name), None)
    if prompt is None:
        there_is = ", ".join(it.name for it in known) or "none on this server"
        raise _invalid(f"there is no prompt {plain(repr(name), 80)}; there are: {there_is}")
    takes = {it.name: bool(it.required) for it in prompt.arguments or ()}
    unknown = sorted(arguments.keys() - takes.keys())
    missing = [it for it, required in takes.items() if required and it not in filled_in(arguments)]
    if unknown or missing:
        wrong = f"no argument {plain(repr(unknown[0]), 80)}" if unknown else f"no {missing[0]}"
        words = [it if required else f"{it} (optional)" for it, required in takes.items()]
        raise _invalid(f"{name} was given {wrong}; it takes {', '.join(words)}")


def known_by_name(
    service: "Callable[[], Service]", arguments: Mapping[str, object]
) -> dict[str, object]:
    """The same arguments, models and studies as they are spelled; looks into the database.

    Raises:
        MCPError: one is named that there is not; the message has those there are.
    """
    looked_up: dict[str, object] = {}
    for argument in NAMED.keys() & arguments.keys():
        name = _name(argument, str(arguments[argument]))
        try:
            known = NAMED[argument](service())
        # What is wrong with the workspace is told by the tools that the prompt names.
        except (AutomlError, ValidationError):
            continue
        looked_up[argument] = _spelled(argument, name, known)
    return {**arguments, **looked_up}


def _spelled(argument: str, name: str, known: Sequence[str]) -> str:
    spelled = {it.lower(): it for it in known}.get(name.lower())
    if spelled is not None:
        return spelled
    if not known:
        raise _invalid(f"there is no {argument} yet; begin one with quick_optimization")
    more = f" and {len(known) - MAX_LISTED} more" if len(known) > MAX_LISTED else ""
    there_are = f"{', '.join(known[:MAX_LISTED])}{more}"
    raise _invalid(f"there is no {argument} {name!r}; there are: {there_are}")


def _invalid(message: str) -> MCPError:
    return MCPError(INVALID_PARAMS, message)


def _name(argument: str, text: str) -> str:
    if VALID_NAME.fullmatch(text.strip()) is None:
        wrong = plain(repr(text), 80)
        raise _invalid(f"{argument} must be a name of {NAME_IN_WORDS}, not {wrong}")
    return text.strip()


def _trials(argument: str, text: str) -> int:
    # Of at most nine digits: Python takes very long ones for an attack.
    number = int(text) if re.fullmatch(r"\s*[0-9]{1,9}\s*", text, re.ASCII) else 0
    if not 1 <= number <= MAX_TRIALS:
        valid = f"a whole number from 1 to {MAX_TRIALS} such as 10"
        raise _invalid(f"{argument} must be {valid}, not {plain(repr(text), 80)}")
    return number


def _dollars(argument: str, text: str) -> str:
    amount = text.strip().removeprefix("$").strip()
    is_number = re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?|\.[0-9]{1,9}", amount, re.ASCII)
    if is_number is None or float(amount) == 0:
        valid = "a number of dollars above 0 such as 0.50"
        raise _invalid(f"{argument} must be {valid}, not {plain(repr(text), 80)}")
    return amount


def add_prompts(
    server: "MCPServer[object]", service: "Callable[[], Service]", missing: Collection[str]
) -> None:
    """Gives the server its prompts, and completes their arguments.

    Args:
        missing: tools that are not offered here; a prompt that names one is not, either.
    """
    for prompt, title, text in PROMPTS:
        if not any(name in text + FOLLOW for name in missing):
            server.prompt(title=title, description=prompt.__doc__)(prompt)
    _add_completion(server, service)


def _add_completion(server: "MCPServer[object]", service: "Callable[[], Service]") -> None:
    # Not annotated in the SDK.
    @server.completion()  # type: ignore[no-untyped-call,untyped-decorator]
    async def complete(
        reference: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        context: CompletionContext | None,
    ) -> Completion | None:
        try:
            known = await to_thread.run_sync(lambda: _known(service(), reference, argument.name))
        # Whoever goes on without a suggestion is told what is wrong by what it asks for then.
        except (AutomlError, ValidationError):
            return None
        return None if known is None else _completion(known, argument.value)


def _known(
    service: "Service", reference: PromptReference | ResourceTemplateReference, argument: str
) -> list[str] | None:
    """All values of that argument, the likeliest first; None where there is nothing to choose."""
    if isinstance(reference, PromptReference):
        return list(NAMED[argument](service)) if argument in NAMED else None
    if argument == "name" and reference.uri.startswith("automl://trainers/"):
        return list(service.trainers.names)
    if argument == "name":
        return service.names()
    if argument == "id":
        return [job.config.name for job in service.desk.jobs.latest()]
    return None


def _completion(known: Iterable[str], begun: str) -> Completion:
    found = [value for value in known if value.lower().startswith(begun.lower())]
    return Completion(values=found[:MAX_VALUES], total=len(found), has_more=len(found) > MAX_VALUES)
