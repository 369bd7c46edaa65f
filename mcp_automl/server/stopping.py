"""What is said to whoever asked a study to stop."""

from mcp_automl.answers import Stopped
from mcp_automl.domain.study import Study, TrialState
from mcp_automl.server.text import status_call
from mcp_automl.server.words import note_lines, plain, quoted


def stopped(answer: Stopped) -> str:
    """The reply to a request to stop, whatever there was to be stopped."""
    study, config = answer.study, answer.study.config
    name = plain(config.name)
    resume = f"start_automl_study(study_name={quoted(config.name)}) goes on with it"
    done = f"Trials: {answer.done} of {config.n_trials} done"
    if not answer.ran:
        head = [f"[Info] AutoML Study Not Running: {name}", _ended(study)]
        next_line = f"Next: {status_call(study)}"
    elif study.state.should_run:
        running = answer.counts.get(TrialState.RUNNING, 0)
        head = [f"[OK] AutoML Study Stopping: {name}"]
        keep = "; they end now, keep their numbers and their last checkpoint" if running else ""
        done += f", {running or 'none'} running{keep}"
        next_line = f"Next: {status_call(study)} until it is STOPPED; {resume}"
    else:
        head = [f"[OK] AutoML Study Stopped: {name}"]
        next_line = f"Next: {resume}"
    return "\n".join([*head, done, *note_lines(answer.notes), next_line])


def _ended(study: Study) -> str:
    why = f" ({plain(study.reason)})" if study.reason else ""
    return f"It is {study.state.value}{why}; nothing was changed"
