"""What a model, and the person reading over its shoulder, read: each text stands alone.

Texts begin as users of the product know them; what else is true follows beneath. Every text stays
under about 1,500 tokens whatever the study's size.
"""

from collections.abc import Iterable, Mapping

from mcp_automl.answers import JobLog, RunningTrial, Started, StudyStatus
from mcp_automl.domain.bounds import MAX_TRIALS
from mcp_automl.domain.figures import several
from mcp_automl.domain.space import Value
from mcp_automl.domain.study import Study, StudyState, Trial, TrialState
from mcp_automl.server import money, spaces
from mcp_automl.server.words import (
    assignments,
    dollars,
    duration,
    exact,
    note_lines,
    plain,
    quoted,
    score,
)

MAX_RUNNING = 10
MAX_PARAMS = 20
MAX_METRICS = 8


def started(answer: Started) -> str:
    """The reply to a study that was begun, or gone on with."""
    config = answer.study.config
    name = plain(config.name)
    if answer.nothing_to_run:
        return _nothing_to_run(answer)
    parallel = f"up to {answer.max_parallel} in parallel on {plain(answer.devices)}"
    if answer.created:
        head = [f"[OK] AutoML Study Started: {name}"]
        total = f"Trials: {config.n_trials} in total, {parallel}"
    else:
        head = [f"[OK] AutoML Study Resumed: {name}"]
        total = f"Trials: {answer.done} of {config.n_trials} done, {parallel}"
    says_epochs = config.has_epochs and not answer.created
    settings = [f"Up to {several(config.epochs_max, 'epoch')} a trial"] if says_epochs else []
    return _lines(
        head,
        [f"Model: {plain(config.model)} {_expected(answer)}", total, *settings],
        spaces.lines(config),
        _search(answer),
        money.budget(answer.study),
        note_lines(answer.notes),
        [f"Next: {status_call(answer.study)}"],
    )


def _nothing_to_run(answer: Started) -> str:
    config = answer.study.config
    more = min(answer.done + 10, MAX_TRIALS)
    advice = (
        f"For more, name a larger total: start_automl_study("
        f"study_name={quoted(config.name)}, n_trials={more})"
        if more > answer.done
        else "It has as many trials as a study can have; choose another study_name for more"
    )
    return _lines(
        [f"[OK] AutoML Study Already Complete: {plain(config.name)}"],
        [f"Model: {plain(config.model)} {_expected(answer)}"],
        [f"Trials: {answer.done} of {config.n_trials} done; nothing was left to run"],
        money.budget(answer.study),
        note_lines(answer.notes),
        [advice, f"Next: {best_call(answer.study)}"],
    )


def _search(answer: Started | StudyStatus) -> list[str]:
    return [f"Search: {plain(answer.search, 300)}"] if answer.search else []


def _expected(answer: Started) -> str:
    if answer.study.data:
        return f"({plain(answer.study.data)})"
    if answer.expected_data:
        return f"(expected: {plain(answer.expected_data)})"
    return "(the data set is chosen when the study begins; the status names it)"


def status(answer: StudyStatus) -> str:
    """Where a study stands, whatever its state."""
    if answer.study.state is StudyState.COMPLETE:
        return _complete(answer)
    return _going(answer) if answer.study.state.should_run else _ended_early(answer)


def _complete(answer: StudyStatus) -> str:
    study, config = answer.study, answer.study.config
    budgeted = config.cost_budget_usd is not None
    cost = f"Total cost: {dollars(answer.cost_usd)}"
    return _lines(
        [f"[OK] AutoML Study Complete: {plain(config.name)}"],
        [f"Model: {plain(config.model)}", money.completed(answer), _best(answer)],
        [cost] if budgeted else [],
        _hyperparameters(answer),
        [""],
        _other_metrics(answer),
        [f"Data: {plain(study.data)}"] if study.data else [],
        [
            f"Trials: {_counts(answer)}",
            *_search(answer),
            *money.saved(answer),
            f"Elapsed: {duration(answer.elapsed_s)}",
        ],
        money.budget(study) if budgeted else [cost],
        [f"Reason: {plain(study.reason)}"] if study.reason else [],
        _mlflow(study),
        note_lines(answer.notes),
        money.more(study),
        [f"Next: {compare_call(study)} or {best_call(study)}"] if answer.best else [],
    )


def _going(answer: StudyStatus) -> str:
    study = answer.study
    return _lines(
        [f"[{study.state.value}] AutoML Study: {plain(study.config.name)}"],
        [f"Model: {plain(study.config.model)} ({plain(study.data) or 'data set not chosen yet'})"],
        _waited_for(answer),
        [f"Trials: {_counts_of_total(answer)}"],
        _search(answer),
        [_best(answer, so_far=True)] if answer.best else [],
        _running(answer),
        [f"Elapsed: {duration(answer.elapsed_s)}; {_remaining(answer)}"],
        [f"Cost so far: {dollars(answer.cost_usd)}{money.of_budget(study)}"],
        money.warning(answer),
        note_lines(answer.notes),
        [f"Next: {_wait_call(study)}, or without waiting in about {answer.next_look_s} s"],
    )


def _wait_call(study: Study) -> str:
    return f"get_automl_study_status(study_name={quoted(study.config.name)}, wait_seconds=45)"


def _ended_early(answer: StudyStatus) -> str:
    study = answer.study
    advice = (
        f"Next: correct the cause, then start_automl_study(study_name={quoted(study.config.name)}) "
        "goes on with it"
        if study.state is StudyState.FAILED
        else f"Next: start_automl_study(study_name={quoted(study.config.name)}) goes on with it"
    )
    return _lines(
        [f"[{study.state.value}] AutoML Study: {plain(study.config.name)}"],
        [f"Reason: {plain(study.reason, 400) or 'not recorded'}"],
        [f"Model: {plain(study.config.model)}" + (f" ({plain(study.data)})" if study.data else "")],
        [f"Trials: {_counts_of_total(answer)}"],
        [_best(answer, so_far=True)] if answer.best else [],
        money.saved(answer),
        [f"Elapsed: {duration(answer.elapsed_s)}"],
        [f"Total cost: {dollars(answer.cost_usd)}{money.of_budget(study)}"],
        note_lines(answer.notes),
        [advice],
    )


def _waited_for(answer: StudyStatus) -> list[str]:
    study = answer.study
    if study.stop_requested:
        return ["Stopping: no new trials; what runs is interrupted and keeps its number"]
    if study.reason:
        return [f"Waiting for: {plain(study.reason)}"]
    if study.state is StudyState.QUEUED:
        return ["Waiting for: the background process, which starts within seconds and fetches data"]
    return []


def _best(answer: StudyStatus, *, so_far: bool = False) -> str:
    label = f"Best {plain(answer.study.config.objective.name, 40)}{' so far' if so_far else ''}"
    if answer.best is None:
        return f"{label}: none; no trial has a value"
    value = f"{label}: {score(answer.best.value)}"
    if so_far:
        value += f" in trial #{answer.best.number} ({assignments(_ordered(answer))})"
    return value + standing(answer.best)


def _other_metrics(answer: StudyStatus) -> list[str]:
    """What else is known of the best trial's last epoch, such as how much it improved."""
    metrics = list(answer.other_metrics.items())[:MAX_METRICS]
    shown = [f"{plain(name, 40)} {score(value)}" for name, value in metrics]
    return [f"Best trial's other metrics: {', '.join(shown)}"] if shown else []


def standing(best: Trial) -> str:
    """What must be said of a best trial that was pruned."""
    pruned = best.state is TrialState.PRUNED
    return " (the best PRUNED trial; none is COMPLETE)" if pruned else ""


def _ordered(answer: StudyStatus) -> dict[str, Value]:
    return ordered(answer.best.params, answer.study.config.space.parameters) if answer.best else {}


def ordered(params: Mapping[str, Value], names: Iterable[str]) -> dict[str, Value]:
    """These parameters, those named first in that order."""
    first = {name: params[name] for name in names if name in params}
    return first | dict(params)


def _hyperparameters(answer: StudyStatus) -> list[str]:
    if answer.best is None:
        return []
    params = list(_ordered(answer).items())
    more = [f"  and {len(params) - MAX_PARAMS} more"] if len(params) > MAX_PARAMS else []
    first = params[:MAX_PARAMS]
    shown = [f"  {plain(name, 40)}: {plain(exact(value), 80)}" for name, value in first]
    return ["", "Best hyperparameters:", *shown, *more]


def _running(answer: StudyStatus) -> list[str]:
    if not answer.running:
        return []
    metric = plain(answer.study.config.objective.name, 40)
    shown = [f"  {_running_trial(trial, metric)}" for trial in answer.running[:MAX_RUNNING]]
    more = len(answer.running) - MAX_RUNNING
    return ["Running:", *shown, *([f"  and {more} more"] if more > 0 else [])]


def _running_trial(running: RunningTrial, metric: str) -> str:
    trial, of = running.trial, f" of {running.epochs}" if running.epochs is not None else ""
    params = {name: value for name, value in trial.params.items() if name != "epochs"}
    epoch = running.last.epoch if running.last else trial.epoch
    value = f", {metric} {score(trial.value)}" if epoch and trial.value is not None else ""
    return f"#{trial.number}: epoch {epoch}{of} done{value} ({assignments(params, 5)})"


def _counts(answer: StudyStatus) -> str:
    counts, failed = answer.counts, answer.counts.get(TrialState.FAIL, 0)
    words = (
        f"{counts.get(TrialState.COMPLETE, 0)} complete, {counts.get(TrialState.PRUNED, 0)} pruned"
    )
    return words + (f", {failed} failed" if failed else "")


def _counts_of_total(answer: StudyStatus) -> str:
    counts = answer.counts
    return (
        f"{answer.done} of {answer.study.config.n_trials} done "
        f"({counts.get(TrialState.COMPLETE, 0)} complete, "
        f"{counts.get(TrialState.PRUNED, 0)} pruned), {counts.get(TrialState.RUNNING, 0)} running, "
        f"{counts.get(TrialState.FAIL, 0)} failed, {counts.get(TrialState.WAITING, 0)} waiting"
    )


def _remaining(answer: StudyStatus) -> str:
    if answer.remaining_s is None:
        return "remaining time unknown until a trial has finished"
    return f"about {duration(answer.remaining_s)} remaining"


def job_log(answer: JobLog) -> str:
    """The end of a training's log, under a line that says which and how much there is."""
    lines = "line" if len(answer.lines) == 1 else f"{len(answer.lines)} lines"
    head = f"[{answer.path}: {answer.size} bytes; the last {lines}]"
    return "\n".join([head, *map(_logged, answer.lines)])


def _logged(line: str) -> str:
    indent = len(line) - len(line.lstrip(" "))
    return " " * min(indent, 20) + plain(line)


def _mlflow(study: Study) -> list[str]:
    if is_foreign(study):
        return []
    return [f"MLflow: experiment {plain(study.config.model)}-training, tag study_name"]


def is_foreign(study: Study) -> bool:
    """Whether plain Optuna made it: nothing of ours can train it."""
    return study.id < 0


def status_call(study: Study) -> str:
    return f"get_automl_study_status(study_name={quoted(study.config.name)})"


def best_call(study: Study) -> str:
    return f"get_automl_best_params(study_name={quoted(study.config.name)})"


def compare_call(study: Study) -> str:
    return f"compare_automl_trials(study_name={quoted(study.config.name)})"


def _lines(*groups: list[str]) -> str:
    return "\n".join(line for group in groups for line in group)
