"""Writing a study to a file in the workspace: its best trial as a program, or all its trials.

Trials are read and written one by one. A file is complete or is not there: it is written under
another name first, and an older one of its name is replaced.
"""

import csv
import json
import math
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from mcp_automl.answers import SUFFIXES, Exported, ExportFormat
from mcp_automl.archive import Archive
from mcp_automl.domain.bounds import NAME, VALID_NAME
from mcp_automl.domain.errors import ExportNotFound, WorkspaceUnusable
from mcp_automl.domain.script import script
from mcp_automl.domain.space import Value
from mcp_automl.domain.study import Study, Trial
from mcp_automl.export_pages import Piece, csv_piece, json_piece
from mcp_automl.refusals import refuse_foreign_script
from mcp_automl.repertoire import Trainers
from mcp_automl.results import Results

FILE = re.compile(rf"{NAME}\.(?:{'|'.join(SUFFIXES.values())})")

COLUMNS = ("number", "state", "value", "epochs", "cost_usd", "started_at", "ended_at", "reason")
"""Of a table, before the parameters' columns, which begin with `params_` as Optuna's own do."""


class Exports:
    """Exports from one workspace.

    Args:
        folder: where they are written; made where there is none.
        now: wall clock seconds.
    """

    def __init__(
        self,
        archive: Archive,
        results: Results,
        trainers: Trainers,
        folder: Path,
        now: Callable[[], float],
    ) -> None:
        self._archive = archive
        self._results = results
        self._trainers = trainers
        self._folder = folder
        self._now = now

    def export(self, study: Study, format: str | None) -> Exported:
        """Writes the study to a file.

        Raises:
            InvalidRequest: there is no such format, or no script of a study made by plain Optuna.
            NothingToShow: a script is asked for, and no trial has finished.
            WorkspaceUnusable: the file cannot be written.
        """
        chosen = ExportFormat.of(format)
        write = {
            ExportFormat.SCRIPT: self._script,
            ExportFormat.CSV: self._csv,
            ExportFormat.JSON: self._json,
        }[chosen](study)
        path = self._folder / f"{_stem(study)}.{SUFFIXES[chosen]}"
        trials = self._write(path, write)
        return Exported(
            study=study, format=chosen, path=path, trials=trials, size=path.stat().st_size
        )

    def read(self, file: str, piece: Piece) -> str:
        """An exported file's content, a script whole and a table as far as was asked for.

        Raises:
            ExportNotFound: there is none of that name, or somebody has damaged it.
        """
        path = self._folder / file
        if not FILE.fullmatch(file) or not path.is_file() or path.is_symlink():
            raise ExportNotFound(
                f"there is no export {file[:80]!r}; call export_automl_study to write one"
            )
        try:
            content = _content(path, piece)
            # JSON can spell half a character, and an answer that no client can be sent ends us.
            content.encode()
            return content
        except (OSError, ValueError, csv.Error, RecursionError) as error:
            why = getattr(error, "strerror", None) or error
            raise ExportNotFound(
                f"{path} is no export any more ({why}); call export_automl_study again to write "
                "it anew"
            ) from error

    def _write(self, path: Path, write: Callable[[IO[str]], int]) -> int:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with replacing(path) as file:
                return write(file)
        except WorkspaceUnusable:
            raise
        except OSError as error:
            raise WorkspaceUnusable(
                f"{path} cannot be written: {error.strerror or error}. Mend that, and call "
                "export_automl_study again"
            ) from error

    def _script(self, study: Study) -> Callable[[IO[str]], int]:
        refuse_foreign_script(study)
        trial = self._results.best_params(study).trial
        needs = self._trainers.needs(study.config.model)
        text = script(study, trial, needs, sys.executable)

        def write(file: IO[str]) -> int:
            file.write(text)
            return 1

        return write

    def _csv(self, study: Study) -> Callable[[IO[str]], int]:
        names = self._archive.parameters(study)

        def write(file: IO[str]) -> int:
            table = csv.writer(file, lineterminator="\n")
            table.writerow([*COLUMNS, *(f"params_{name}" for name in names)])
            written = 0
            for trial in self._archive.trials(study):
                written += 1
                row = _row(trial)
                values = (trial.params.get(name) for name in names)
                table.writerow([*(row[column] for column in COLUMNS), *values])
            return written

        return write

    def _json(self, study: Study) -> Callable[[IO[str]], int]:
        def write(file: IO[str]) -> int:
            file.write(f'{{"study": {_dump(self._head(study))},\n"trials": [')
            written = 0
            for trial in self._archive.trials(study):
                params = {name: _plain(value) for name, value in trial.params.items()}
                file.write(",\n" if written else "\n")
                file.write(_dump({**_row(trial), "params": params}))
                written += 1
            file.write("\n]}\n")
            return written

        return write

    def _head(self, study: Study) -> dict[str, object]:
        config = study.config
        return {
            "name": config.name,
            "model": config.model,
            "state": study.state.value,
            "reason": study.reason,
            "data": study.data,
            "objective": config.objective.name,
            "direction": "maximize" if config.objective.maximize else "minimize",
            "n_trials": config.n_trials,
            "epochs_max": config.epochs_max,
            "sampler": config.sampler.value,
            "pruner": config.pruner.value,
            "seed": config.seed,
            "arguments": dict(study.arguments),
            "exported_at": _moment(self._now()),
        }


def _content(path: Path, piece: Piece) -> str:
    match path.suffix:
        case ".csv":
            return csv_piece(path, piece)
        case ".json":
            return json_piece(path, piece)
        case _:
            return path.read_text(encoding="utf-8")


@contextmanager
def replacing(path: Path) -> Iterator[IO[str]]:
    """A new file that takes the place of `path` at the end, or vanishes if anything is raised."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".export-", suffix=".tmp")
    try:
        with open(handle, "w", encoding="utf-8", newline="") as file:
            yield file
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)


def _stem(study: Study) -> str:
    """A file's name: plain Optuna's studies may be called anything."""
    name = study.config.name
    return name if study.id > 0 and VALID_NAME.fullmatch(name) else f"optuna-study-{-study.id}"


def _row(trial: Trial) -> dict[str, object]:
    return {
        "number": trial.number,
        "state": trial.state.value,
        "value": _plain(trial.value),
        "epochs": trial.epoch,
        "cost_usd": trial.cost_usd,
        "started_at": _moment(trial.started_at),
        "ended_at": _moment(trial.ended_at),
        "reason": trial.reason,
    }


def _plain(value: Value) -> Value:
    """JSON has no NaN and no infinity: null stands for them."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _moment(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    at = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return at.replace("+00:00", "Z")


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
