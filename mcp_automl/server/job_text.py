"""What is said of training jobs and of the queue."""

from collections.abc import Sequence

from mcp_automl.domain.queue import Turn
from mcp_automl.domain.study import Study, StudyState
from mcp_automl.domain.verification import Sample, Verification
from mcp_automl.job_answers import Cancelled, Held, JobShown, JobStarted, Queue
from mcp_automl.server.words import assignments, dollars, duration, note_lines, plain, quoted, score

MAX_WAITING = 10
MAX_ENDED = 3
MAX_METRICS = 8


def started(answer: JobStarted) -> str:
    """The reply to a training that was put into the queue."""
    job = answer.job
    return "\n".join(
        [
            f"[OK] Training Job Started: {job.config.name}",
            f"Model: {plain(job.config.model)} ({plain(answer.data) or 'data set not chosen yet'})",
            _what(job),
            _judged(job),
            f"Priority: {job.config.priority.value}",
            *_registers(job),
            _expected(answer),
            *note_lines(answer.notes),
            f"Next: {job_call(job)}; nothing has to be kept open",
        ]
    )


def shown(answer: JobShown) -> str:
    """Where one training job stands."""
    job = answer.job
    data = f" ({plain(job.data)})" if job.data else ""
    reason = [f"Reason: {plain(job.reason, 400)}"] if job.reason and not _is_done(job) else []
    return "\n".join(
        [
            f"[{job.state.value}] Training Job: {job.config.name}",
            *reason,
            f"Model: {plain(job.config.model)}{data}",
            _what(job),
            _judged(job),
            *_results(answer),
            f"Time: {duration(answer.elapsed_s)}; cost: {dollars(answer.cost_usd)}",
            *_kept(answer),
            *note_lines(answer.notes),
            *_next(answer),
        ]
    )


def cancelled(answer: Cancelled) -> str:
    """The reply to a request to end a job, whatever there was to be ended."""
    job = answer.job
    if not answer.ran and not job.stop_requested:
        return (
            f"[Info] Training Job Not Running: {job.config.name}\n"
            f"It is {job.state.value}; nothing was changed\nNext: {job_call(job)}"
        )
    word = "Cancelling" if job.state.should_run else "Cancelled"
    last = f"Next: {job_call(job)}; it will be STOPPED"
    return f"[OK] Training Job {word}: {job.config.name}\n{last}"


def queue(answer: Queue) -> str:
    """Who holds slots, who waits, and what has ended."""
    free = max(0, answer.slots - len(answer.held))
    head = f"[Info] Queue: {len(answer.held)} of {answer.slots} slots in use"
    return "\n".join(
        [
            f"{head} on {plain(answer.devices)}",
            *(_held(it) for it in answer.held),
            *_waiting(answer.turns, free),
            *_pending(answer.turns),
            *_ended(answer.ended),
            *note_lines(answer.notes),
        ]
    )


def verdict(found: Verification, metric: str) -> list[str]:
    """Whether the best configuration is really better, in numbers and in words."""
    seeds = len(found.best.values)
    chance = f"chance alone makes up to {found.noise:.2g}"
    difference = f"{found.difference:+.3g}"
    if not found.seeds_matter:
        words = (
            f"Seeds change nothing here, so nothing can be told of luck; the values differ by "
            f"{difference}. (A trainer that has randomness of its own is given the seed.)"
        )
    elif found.is_better:
        words = f"The best one is better: its mean differs by {difference}, and {chance}"
    elif found.is_worse:
        words = f"The second best is better: the means differ by {difference}, and {chance}"
    else:
        words = f"The difference of {difference} is within the noise: {chance}"
    both = f"best {_sample(found.best)}, second best {_sample(found.second)}"
    over = f"{plain(metric, 40)} over {seeds} seeds, mean and standard deviation"
    return [f"{over}: {both}", words]


def job_call(job: Study) -> str:
    return f"get_queue_status(job_id={quoted(job.config.name)})"


def _sample(sample: Sample) -> str:
    return f"{score(sample.mean)} ± {sample.spread:.2g}"


def _what(job: Study) -> str:
    config = job.config
    it = config.job
    assert it is not None
    if it.verifies:
        seeds = len(it.points) // 2
        best, second = assignments(it.points[0]), assignments(it.points[1])
        return (
            f"Verifies {plain(it.of_study)}: its best ({best}) and second best ({second}), "
            f"{seeds} seeds each"
        )
    return f"Parameters: {assignments(it.points[0], 20)}"


def _judged(job: Study) -> str:
    metric = plain(job.config.objective.name, 40)
    it = job.config.job
    assert it is not None
    if it.final:
        return f"Trains on training and validation data together, judged by {metric}"
    return f"Trains on the training data as trials do, judged by {metric}"


def _registers(job: Study) -> list[str]:
    it = job.config.job
    if it is None or not it.register:
        return []
    name = plain(job.config.model)
    but = "unless its trainer offers only files and no `package`"
    return [f"Registers: as {name} in MLflow, soon after it is COMPLETE, {but}"]


def _expected(answer: JobStarted) -> str:
    usd, seconds = answer.quote.usd, answer.quote.seconds
    if usd is None or seconds is None:
        return "Expected: unknown, as no trial of this model has finished yet"
    return (
        f"Expected: about {duration(seconds.expected)} and {dollars(usd.expected)}, from "
        f"{answer.quote.measured} finished trials"
    )


def _results(answer: JobShown) -> list[str]:
    objective = answer.job.config.objective.name
    if answer.verification is not None:
        return verdict(answer.verification, objective)
    if answer.last is None:
        done = sum(run.state.is_finished for run in answer.runs)
        several = len(answer.job.config.first) > 1
        return [f"Trainings: {done} of {len(answer.job.config.first)} done"] if several else []
    metrics = answer.last.metrics
    first = {objective: metrics[objective]} if objective in metrics else {}
    ordered = list({**first, **metrics}.items())[:MAX_METRICS]
    values = ", ".join(f"{plain(name, 40)} {score(value)}" for name, value in ordered)
    epochs = answer.job.config.known.get("epochs")
    of = f" of {epochs}" if epochs is not None else ""
    return [f"After epoch {answer.last.epoch}{of}: {values}"]


def _kept(answer: JobShown) -> list[str]:
    """Where model and run are."""
    file = [f"Model file: {plain(str(answer.model_file), 400)}"] if answer.model_file else []
    run = answer.run
    return [
        *file,
        f"MLflow run: experiment {plain(run.experiment)}, search {plain(run.search, 400)}",
    ]


def _next(answer: JobShown) -> list[str]:
    if not answer.job.state.should_run:
        return []
    if answer.job.stop_requested:
        return ["It is being cancelled, and STOPPED within seconds"]
    name = quoted(answer.job.config.name)
    return [f"Next: {job_call(answer.job)} again later; cancel_job(job_id={name}) ends it"]


def _is_done(job: Study) -> bool:
    return job.state is StudyState.COMPLETE


def _held(held: Held) -> str:
    it = held.holding
    name = it.study.config.name if it.study.config.job else f"{it.study.config.name} #{it.trial}"
    of = f" of {it.epochs}" if it.epochs is not None else ""
    metric = plain(it.study.config.objective.name, 40)
    value = f", {metric} {score(it.value)}" if it.value is not None else ""
    left = f", about {duration(held.remaining_s)} left" if held.remaining_s is not None else ""
    return (
        f"  {plain(it.slot, 40)}: {plain(name, 80)}, epoch {it.epoch}{of} done{value}, "
        f"{duration(held.elapsed_s)} so far{left}"
    )


def _waiting(turns: Sequence[Turn], free: int) -> list[str]:
    if not turns:
        return ["Nothing waits"]
    shown = [f"  {n}. {_turn(it)}" for n, it in enumerate(turns[:MAX_WAITING], start=1)]
    more = len(turns) - MAX_WAITING
    head = "Waiting, the next one first:" if not free else "Waiting (slots are free and fill now):"
    return [head, *shown, *([f"  and {more} more"] if more > 0 else [])]


def _turn(turn: Turn) -> str:
    it = turn.waiting
    config = it.study.config
    trainings = "1 training" if it.missing == 1 else f"{it.missing} trainings"
    if turn.starts_in_s is None:
        when = "expected wait unknown"
    else:
        when = f"next one in about {duration(turn.starts_in_s)}"
    return f"{plain(config.name)} ({config.priority.value}): {trainings}, {when}"


def _pending(turns: Sequence[Turn]) -> list[str]:
    if not turns:
        return []
    known = [it.waiting.pending_usd for it in turns if it.waiting.pending_usd is not None]
    unknown = len(turns) - len(known)
    more = f", and {unknown} of unknown cost" if unknown else ""
    usd = dollars(sum(known))
    return [f"Cost pending: {usd if usd.startswith('under') else f'about {usd}'}{more}"]


def _ended(ended: Sequence[JobShown]) -> list[str]:
    if not ended:
        return []
    return ["Training jobs that have ended:", *(f"  {_line(it)}" for it in ended[:MAX_ENDED])]


def _line(answer: JobShown) -> str:
    job = answer.job
    if answer.verification is not None:
        return f"{job.config.name}: {verdict(answer.verification, job.config.objective.name)[1]}"
    value = answer.value
    metric = f", {plain(job.config.objective.name, 40)} {score(value)}" if value is not None else ""
    return f"{job.config.name}: {job.state.value}{metric}, {dollars(answer.cost_usd)}"
