"""What a store writes down for a tracker about a study of one trial, at fixed times."""

from pathlib import Path

from mcp_automl.domain.tracking import EntryKind, Publication, TrackingEntry

NEW_YEAR = 1_767_225_600.0


def study_started(study: str = "digits", *, at: float = NEW_YEAR) -> TrackingEntry:
    return TrackingEntry(
        kind=EntryKind.STUDY_STARTED,
        study=study,
        model="mnist",
        at=at,
        tags={"automl": "true", "study_name": study, "objective": "val_accuracy"},
    )


def trial_started(trial: int = 0, study: str = "digits", *, at: float = NEW_YEAR) -> TrackingEntry:
    return TrackingEntry(
        kind=EntryKind.TRIAL_STARTED,
        study=study,
        model="mnist",
        at=at + 1,
        trial=trial,
        params={"lr": 0.001, "batch_size": 64, "augment": None},
        tags={"automl": "true", "study_name": study, "trial_number": str(trial), "data": "digits"},
    )


def measured(epoch: int, trial: int = 0, value: float | None = None) -> TrackingEntry:
    return TrackingEntry(
        kind=EntryKind.MEASURED,
        study="digits",
        model="mnist",
        at=NEW_YEAR + 1 + epoch,
        trial=trial,
        metrics={"val_accuracy": epoch / 10 if value is None else value, "seconds": 1.0},
        epoch=epoch,
    )


def trial_ended(
    state: str = "COMPLETE", trial: int = 0, *, value: float = 0.3, reason: str = ""
) -> TrackingEntry:
    return TrackingEntry(
        kind=EntryKind.TRIAL_ENDED,
        study="digits",
        model="mnist",
        at=NEW_YEAR + 100,
        trial=trial,
        tags={"reason": reason},
        metrics={"val_accuracy": value, "cost_usd": 0.002},
        state=state,
    )


def study_ended(state: str = "COMPLETE") -> TrackingEntry:
    return TrackingEntry(
        kind=EntryKind.STUDY_ENDED,
        study="digits",
        model="mnist",
        at=NEW_YEAR + 200,
        tags={"reason": "all 1 trials are done"},
        state=state,
    )


def a_whole_life() -> list[TrackingEntry]:
    epochs = [measured(epoch) for epoch in (1, 2, 3)]
    return [study_started(), trial_started(), *epochs, trial_ended(), study_ended()]


def published(folder: Path, data_dir: Path, module: str, register: str = "") -> TrackingEntry:
    publication = Publication(
        trial=0, folder=str(folder), data_dir=str(data_dir), module=module, register=register
    )
    return TrackingEntry(
        kind=EntryKind.MODEL, study="digits", model="mnist", at=NEW_YEAR, trial=0,
        publication=publication,
    )  # fmt: skip
