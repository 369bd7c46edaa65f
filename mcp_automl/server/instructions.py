"""What a model is told of the server as a whole: of the tools that it has, and of no others."""

from collections.abc import Collection

HEAD = "mcp-automl tunes a model's hyperparameters with real trainings on this machine."
ONLY_SHOWS = "This server shows what is tuned; it starts, stops and changes nothing."
TAIL = "Errors say what would be valid."

STEPS = """\
start_automl_study(study_name="mnist-opt-1", n_trials=10) begins a study and returns at once.
    start_automl_study
It runs in the background, also when this chat closes: nothing has to be kept open.
    start_automl_study

get_automl_study_status says how far a study is; with wait_seconds=45 it returns when a trial ends.
    get_automl_study_status
Without wait_seconds, look again when it says so; meanwhile do something else.
    get_automl_study_status

When it is COMPLETE, compare_automl_trials shows the best trials side by side.
    compare_automl_trials
explain_automl_study says what mattered and what to try next, plot_automl_study draws it.
    explain_automl_study plot_automl_study

get_automl_best_params gives the winner.
    get_automl_best_params
It prints a trigger_training_job for the model to keep.
    get_automl_best_params trigger_training_job

trigger_training_job trains one model in the background, with given parameters or a study's best.
    trigger_training_job
get_queue_status(job_id=...) follows a training job, and without job_id shows all that runs.
    get_queue_status
cancel_job ends a training job.
    cancel_job

The same study_name with a larger n_trials (a total) resumes a study; omitted values are kept.
    start_automl_study
stop_automl_study stops one; starting the same name again goes on with it.
    stop_automl_study start_automl_study

search_space changes what is searched; automl://trainers/mnist lists what mnist can be tuned by.
    start_automl_study
cost_budget_usd is a hard ceiling in dollars on all that the study spends.
    start_automl_study

list_automl_studies finds names and earlier results.
    list_automl_studies
get_cost_report tells what all has cost.
    get_cost_report
export_automl_study writes a study to a file.
    export_automl_study
delete_automl_study deletes a study that has ended.
    delete_automl_study
"""
"""Steps, a paragraph each: sentences, each with the tools without which it is of no use."""


def instructions(offered: Collection[str], *, read_only: bool) -> str:
    """For a server with those tools; in ten lines, which is as many as are read."""
    steps = [it for it in map(" ".join, _useful(offered)) if it]
    numbered = [f"{number}. {step}" for number, step in enumerate(steps, start=1)]
    return "\n".join([HEAD, *([ONLY_SHOWS] if read_only else []), *numbered, TAIL, ""])


def sentences(step: str) -> list[tuple[str, set[str]]]:
    """A step's sentences, each with the tools that it needs."""
    lines = step.splitlines()
    return [(it, set(needs.split())) for it, needs in zip(lines[::2], lines[1::2], strict=True)]


def _useful(offered: Collection[str]) -> list[list[str]]:
    steps = STEPS.split("\n\n")
    return [[it for it, needs in sentences(step) if needs <= set(offered)] for step in steps]
