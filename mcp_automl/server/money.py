"""What a study has spent, may spend and has saved, in words."""

from mcp_automl.answers import StudyStatus
from mcp_automl.domain.budget import COST_BUDGET
from mcp_automl.domain.figures import several
from mcp_automl.domain.study import Study
from mcp_automl.server.words import dollars, quoted


def completed(answer: StudyStatus) -> str:
    """How many trials came to an end, and what became of the others."""
    missing = {
        "pruned for cost": answer.pruned_for_cost,
        "interrupted": answer.interrupted,
        "never started": answer.never_started,
    }
    words = [f"{number} {word}" for word, number in missing.items() if number]
    completed = f"Trials completed: {answer.done - answer.pruned_for_cost}"
    return completed + (f" ({', '.join(words)})" if words else "")


def saved(answer: StudyStatus) -> list[str]:
    """What pruning has saved a study that has ended."""
    saved = answer.savings
    if saved is None or not saved.epochs:
        return []
    usd = dollars(saved.usd)
    about = usd if usd.startswith("under") else f"about {usd}"
    return [f"Pruning saved {about} ({several(saved.epochs, 'epoch')} not trained)"]


def warning(answer: StudyStatus) -> list[str]:
    """That the budget is coming to its end."""
    allowance = answer.allowance
    if allowance is None or not allowance.is_short:
        return []
    spent = f"Warning: {allowance.share:.0%} of the budget is spent"
    if allowance.trials is None:
        return [f"{spent} before the first trial was finished"]
    number = min(allowance.trials, answer.study.config.n_trials - answer.done)
    trials = {0: "no further trial", 1: "about 1 more trial"}
    paid = trials.get(number, f"about {number} more trials")
    return [f"{spent}; the rest pays for {paid}"]


def budget(study: Study) -> list[str]:
    """What may be spent."""
    budget, cap = study.config.cost_budget_usd, study.config.max_cost_per_trial_usd
    each = f"; each trial at most {dollars(cap)}" if cap is not None else ""
    if budget is None:
        return [f"Budget: none{each}"]
    return [f"Budget: {dollars(budget)} over the study's whole life{each}"]


def of_budget(study: Study) -> str:
    """The ceiling, behind a sum."""
    budget = study.config.cost_budget_usd
    return "" if budget is None else f" of {dollars(budget)}"


def more(study: Study) -> list[str]:
    """How a study goes on that its budget has ended."""
    if not study.reason.startswith(COST_BUDGET):
        return []
    name = quoted(study.config.name)
    return [f"With more money: start_automl_study(study_name={name}, cost_budget_usd=...)"]
