"""What a model is told of the server as a whole: of the tools that it has, and of no others."""

from collections.abc import Collection

HEAD = "mcp-automl tunes a model's hyperparameters with real trainings on this machine."
ONLY_SHOWS = "This server shows what is tuned; it starts, stops and changes nothing."
TAIL = "Errors say what would be valid."

STEPS = """\
start_automl_study(study_name="mnist-opt-1", n_trials=10) begins a study and returns at once.
    start_automl_study
It runs in the background, also when this chat closes. Nothing has to be kept open.
    start_automl_study
get_automl_study_status says how far it is; with wait_seconds=45 it returns when a trial ends.
    get_automl_study_status
Without wait_seconds, look again when it says so; meanwhile do something else.
    get_automl_study_status
When it is COMPLETE, compare_automl_trials shows the best trials side by side.
    compare_automl_trials
explain_automl_study says what mattered and what to try next, plot_automl_study draws it.
    explain_automl_study plot_automl_study
get_automl_best_params gives the winner.
    get_automl_best_params
It prints a trigger_training_job for the model to keep; get_queue_status(job_id=...) follows that.
    get_automl_best_params trigger_training_job get_queue_status
The same study_name with a larger n_trials (a total) resumes a study; omitted values are kept.
    start_automl_study
cost_budget_usd is a hard ceiling in dollars on all that the study spends.
    start_automl_study
stop_automl_study stops one; starting the same name again goes on with it.
    stop_automl_study start_automl_study
list_automl_studies finds names and earlier results.
    list_automl_studies
get_cost_report tells what all has cost.
    get_cost_report
search_space changes what is searched; automl://trainers/mnist lists what mnist can be tuned by.
    start_automl_study
""".splitlines()
"""Each with the tools without which it is of no use."""


def instructions(offered: Collection[str], *, read_only: bool) -> str:
    """For a server with those tools."""
    pairs = zip(STEPS[::2], STEPS[1::2], strict=True)
    steps = [step for step, needs in pairs if set(needs.split()) <= set(offered)]
    numbered = [f"{number}. {step}" for number, step in enumerate(steps, start=1)]
    return "\n".join([HEAD, *([ONLY_SHOWS] if read_only else []), *numbered, TAIL, ""])
