"""A study's best parameters as something to run: a tool call and a terminal command."""

import shlex
from collections.abc import Mapping

from mcp_automl.answers import BestParams
from mcp_automl.domain import script
from mcp_automl.domain.space import Value
from mcp_automl.domain.study import Study, Trial
from mcp_automl.domain.tracking import TrackedRun
from mcp_automl.server.job_text import verdict
from mcp_automl.server.text import MAX_PARAMS, is_foreign, ordered, standing, status_call
from mcp_automl.server.words import literal, plain, quoted, score

FIRST = ("epochs", "lr", "batch_size")
"""Parameters that stand first in a command; others follow in the space's order."""

ARGUMENTS = (*FIRST, "weight_decay")
"""Parameters that trigger_training_job has arguments for; it takes all others in `params`."""

MAX_COMMAND = 1_500


def best(answer: BestParams) -> str:
    """The best parameters, ready to be used."""
    study = answer.study
    lines = [f"[Info] Best Hyperparameters for {plain(study.config.name)}:", ""]
    params = _in_order(answer)
    if is_foreign(study):
        lines += [*_listed(params), "", _origin(study, answer.trial), plain(study.reason)]
        return "\n".join(lines)
    lines += ["Use with trigger_training_job():", *_listed(params), ""]
    lines += ["Full command:", _whole(command(answer)), ""]
    if again := terminal(answer):
        lines += [f"The same training now, from a terminal: {_whole(again)}"]
    lines += [_origin(study, answer.trial), *_kept(answer), *_verified(answer)]
    if study.state.should_run:
        lines.append(f"The study still runs and may find better; see {status_call(study)}")
    return "\n".join(lines)


def command(answer: BestParams) -> str:
    """The tool call that trains with these parameters; empty for a study that is not ours."""
    if is_foreign(answer.study):
        return ""
    model, params = answer.study.config.model, _in_order(answer)
    named: dict[str, Value] = {} if model == "mnist" else {"model_type": model}
    named |= {name: params[name] for name in ARGUMENTS if name in params}
    others = ", ".join(f"{quoted(k)}: {literal(v)}" for k, v in params.items() if k not in named)
    words = [f"{name}={literal(value)}" for name, value in named.items()]
    words += [f"params={{{others}}}"] if others else []
    return f"trigger_training_job({', '.join(words)})"


def terminal(answer: BestParams) -> str:
    """The shell command that repeats the trial's training; empty where there is none of ours."""
    study = answer.study
    if is_foreign(study) or not answer.runs_alone:
        return ""
    values = script.arguments(study, _in_order(answer))
    flags = (f"--{k.replace('_', '-')} {shlex.quote(str(v))}" for k, v in values.items())
    return f"python -m trainers.{study.config.model} {' '.join(flags)}"


def verified(answer: BestParams) -> str | None:
    """Whether the win is real, in one sentence."""
    found = answer.verification
    return None if found is None else verdict(found, answer.study.config.objective.name)[1]


def _verified(answer: BestParams) -> list[str]:
    """Whether the win is real, or how to find out."""
    if answer.verification is not None:
        return verdict(answer.verification, answer.study.config.objective.name)
    name = quoted(answer.study.config.name)
    call = f"trigger_training_job(study_name={name}, verify_seeds=3)"
    return [f"Whether it beats the second best by more than luck: {call}"]


def _kept(answer: BestParams) -> list[str]:
    """Where the model and its run are."""
    file = plain(str(answer.model_file), 400) if answer.model_file else "none is kept here"
    run = [] if answer.run is None else [_run(answer.run)]
    return [f"Model file: {file}", *run]


def _run(run: TrackedRun) -> str:
    return f"MLflow run: experiment {plain(run.experiment)}, search {plain(run.search, 400)}"


def _whole(command: str) -> str:
    """The command, or where it is: cut, it would be another one."""
    return command if len(command) <= MAX_COMMAND else "(long; it is in the structured result)"


def _in_order(answer: BestParams) -> dict[str, Value]:
    return ordered(answer.params, (*FIRST, *answer.study.config.space.parameters))


def _listed(params: Mapping[str, Value]) -> list[str]:
    more = [f"  and {len(params) - MAX_PARAMS} more"] if len(params) > MAX_PARAMS else []
    shown = list(params.items())[:MAX_PARAMS]
    return [f"  {plain(name, 40)}={plain(literal(value), 80)}" for name, value in shown] + more


def _origin(study: Study, trial: Trial) -> str:
    reached = f"{plain(study.config.objective.name, 40)} {score(trial.value)}"
    data = f" on {plain(study.data)}" if study.data else ""
    return f"Trial #{trial.number} reached {reached}{data}{standing(trial)}"
