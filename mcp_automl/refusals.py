"""What the use cases refuse, and in which words: what is wrong, what is valid, what to call."""

from collections.abc import Callable, Collection

from mcp_automl.domain.bounds import NAME_IN_WORDS, VALID_NAME
from mcp_automl.domain.budget import COST_BUDGET, dollars
from mcp_automl.domain.declared import DeclaredTrainer
from mcp_automl.domain.errors import (
    InvalidRequest,
    NameTaken,
    NothingToShow,
    StudyNotFound,
    StudyRuns,
    TrainerUnavailable,
)
from mcp_automl.domain.figures import shown
from mcp_automl.domain.machine import Machine
from mcp_automl.domain.prices import Prices
from mcp_automl.domain.request import StudyRequest
from mcp_automl.domain.study import Study, StudyConfig
from mcp_automl.domain.training_job import is_job_name
from mcp_automl.repertoire import Trainers


def checked_name(name: str) -> str:
    if name in {".", ".."}:
        raise InvalidRequest(
            f"{name!r} is no name for a study, because it means a folder; use a name that is more "
            "than dots, such as mnist-opt-1"
        )
    if not VALID_NAME.fullmatch(name):
        raise InvalidRequest(
            f"{name[:80]!r} is no name for a study; use {NAME_IN_WORDS}, such as mnist-opt-1"
        )
    if is_job_name(name):
        raise InvalidRequest(
            f"{name!r} is the name of a training job; choose another study_name, or call "
            "get_queue_status to see the jobs"
        )
    return name


def checked_run_name(name: str | None) -> str:
    """What a tracker shall call a training; nothing for the job's own name."""
    if not name:
        return ""
    if len(name) > 128 or not name.isprintable():
        raise InvalidRequest(
            f"run_name is a text of up to 128 visible characters, not {name[:80]!r}"
        )
    return name


def refuse_foreign(study: Study) -> None:
    if study.id < 0:
        raise NameTaken(
            f"{study.config.name!r} is a study made by plain Optuna and can only be read here; "
            "choose another study_name"
        )


def refuse_running(study: Study) -> None:
    if study.state.should_run:
        named = f'study_name="{study.config.name}"'
        state = "stopping" if study.stop_requested else study.state.value
        advice = "" if study.stop_requested else f"call stop_automl_study({named}), and "
        raise StudyRuns(
            f"{study.config.name!r} is {state}, and only a study that has ended can be deleted; "
            f"{advice}wait until get_automl_study_status({named}) says STOPPED"
        )


def refuse_unconfirmed(study: Study, name: str, confirm: str) -> None:
    own = study.config.name
    if not name == confirm == own:
        raise InvalidRequest(
            "deleting cannot be undone, so the name is wanted twice, to the letter: if the user "
            f'wants that very study deleted, send study_name="{own}", confirm_name="{own}"'
        )


def refuse_foreign_script(study: Study) -> None:
    if study.id < 0:
        raise InvalidRequest(
            f"{study.config.name!r} is a study made by plain Optuna, with no trainer to run; "
            "choose format 'csv' or 'json'"
        )


def refuse_other_search(study: Study, request: StudyRequest, trainers: Trainers) -> None:
    """Lets pass only what the study searches already."""
    refuse_foreign(study)
    config, model, epochs_max = study.config, request.model, request.epochs_max
    if model is not None and model != config.model:
        raise NameTaken(
            f"{config.name!r} is a study of model {config.model!r}; choose another study_name for "
            f"{shown(model)}, or leave model_type out to go on with it"
        )
    if epochs_max is not None and epochs_max != config.epochs_max:
        raise InvalidRequest(
            f"{config.name!r} searches up to epochs_max={config.epochs_max}, and its trials could "
            f"not be compared with others; leave epochs_max out, or choose another study_name"
        )
    if request.search_space is not None:
        refuse_other_space(study, request.search_space, trainers)


def refuse_free_budget(prices: Prices, gpus: Collection[str]) -> None:
    """Refuses a budget where nothing is ever charged: it would be accepted and then ignored.

    Args:
        gpus: the names of this machine's.
    """
    if not prices.free(gpus):
        return
    of_gpus = "MCP_AUTOML_GPU_USD_PER_HOUR or " if gpus else ""
    raise InvalidRequest(
        "a budget makes no sense here: every slot of this workspace costs $0 an hour, so that no "
        f"budget would ever be reached; set {of_gpus}MCP_AUTOML_CPU_USD_PER_CORE_HOUR to what this "
        "machine costs and restart the server, or leave cost_budget_usd and "
        "max_cost_per_trial_usd out"
    )


def refuse_misfit(trainer: DeclaredTrainer, machine: Callable[[], Machine]) -> None:
    """Refuses a trainer that declares more than this machine has: its jobs would wait for ever."""
    if trainer.gpus is None and trainer.cpu_cores is None:
        return
    misfit = machine().misfit(trainer.name, trainer.gpus, trainer.cpu_cores)
    if misfit:
        raise TrainerUnavailable(misfit)


def refuse_other_space(study: Study, search_space: object, trainers: Trainers) -> None:
    """Lets pass only what the study searches already, however it is written this time."""
    config = study.config
    advice = "leave search_space out to go on with it, or choose another study_name"
    try:
        asked = trainers.search(config.model, search_space, config.epochs_max)
    except InvalidRequest as error:
        raise InvalidRequest(f"{error}; {config.name!r} exists already, so {advice}") from error
    if (asked.space, dict(asked.constants)) != (config.space, dict(config.constants)):
        raise InvalidRequest(
            f"{config.name!r} searches another space, and its trials could not be compared with "
            f"those of this one; {advice}"
        )


def budget_is_spent(study: Study, spent_usd: float) -> tuple[str, ...]:
    """What to tell who asks for a study whose budget is spent; nothing while it is not."""
    budget = study.config.cost_budget_usd
    if budget is None or spent_usd < budget:
        return ()
    spent = f"{dollars(spent_usd)} of the budget of {dollars(budget)} is spent"
    return (f"{spent}: nothing more will be launched; name a larger cost_budget_usd to go on",)


def search_stays(study: Study, wanted: StudyConfig) -> tuple[str, ...]:
    """What to tell who wants a study searched in another way that has nothing left to run."""
    if (wanted.sampler, wanted.pruner) == (study.config.sampler, study.config.pruner):
        return ()
    stays = "sampler and pruner stay as they were"
    return (f"{stays}: they change when there are trials left to run; ask for a larger n_trials",)


def no_such_study(name: str, names: list[str]) -> StudyNotFound:
    if is_job_name(name):
        return StudyNotFound(
            f"{name!r} is no study but the name of a training job; call "
            f'get_queue_status(job_id="{name}") to see it, or cancel_job to end it'
        )
    known = ", ".join(map(repr, names[:10])) or "there are none yet"
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return StudyNotFound(
        f"there is no study named {name[:80]!r}; studies: {known}{more}. "
        "Call list_automl_studies to see them, or start_automl_study to begin one"
    )


def nothing_to_show(study: Study) -> NothingToShow:
    name = study.config.name
    advice = f'call start_automl_study(study_name="{name}"{_more_money(study)}) to go on with it'
    if study.stop_requested:
        advice = f"it is stopping, and nothing more comes; once it is STOPPED, {advice}"
    elif study.state.should_run:
        advice = f'call get_automl_study_status(study_name="{name}") and look again later'
    return NothingToShow(f"study {name!r} has no finished trial with a value yet; {advice}")


def _more_money(study: Study) -> str:
    return ", cost_budget_usd=MORE" if study.reason.startswith(COST_BUDGET) else ""
