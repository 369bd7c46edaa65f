"""Runs in MLflow: one per study, and nested under it one per trial.

Theory of operation
-------------------
Entries may come twice: whoever sends them is told that they arrived, and may die before it is. So a
run is found before it is made, by a tag that no two runs share; parameters and metrics that are
logged again are the same rows; a run that has ended is ended again the same way.

A trial that was interrupted has its run ended as KILLED; when it is resumed, the same run goes on.

MLflow may *refuse* what it is told about a run: somebody has deleted the run, or it has that
parameter with another value. Refused once is refused for ever, so the entries are logged and
dropped; they must not hold up all that come after them. Everything else that MLflow raises means
that it is unavailable, and the entries will be sent again. A model that cannot be sent to an MLflow
that answers is given up after some tries: the place for its files may never be writable.

The import of MLflow takes seconds, and so does the first migration of its database; both are part
of the first delivery.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from mcp_automl.domain.errors import TrackerUnavailable
from mcp_automl.domain.tracking import KEY, Publication, TrackingEntry, experiment, run_key
from mcp_automl.trackers.batches import Batch, batches
from mcp_automl.trackers.connection import REFUSALS, connect, sqlite_path, unavailable
from mcp_automl.trackers.publishing import NotSent, publish

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run

STATUSES = {
    "COMPLETE": "FINISHED",
    "PRUNED": "KILLED",
    "WAITING": "KILLED",
    "STOPPED": "KILLED",
    "FAIL": "FAILED",
    "FAILED": "FAILED",
}
"""MLflow's word for what a trial or a study ended as."""

METRICS_PER_REQUEST = 800
"""MLflow takes 1,000 things at once, parameters and tags among them."""

MODEL_TRIES = 5
"""Not more than what the orchestrator waits for before it leaves, or it would never be reached."""


class MlflowRuns:
    """Delivers to an MLflow store; one thread at a time.

    Args:
        tracking_uri: `sqlite:///` and an absolute path, or a server's address.
        origin: tells apart equally named studies of several workspaces on one server.
    """

    def __init__(self, tracking_uri: str, *, origin: str = "") -> None:
        self._uri = tracking_uri
        self._origin = origin
        self._client: MlflowClient | None = None
        self._experiments: dict[str, str] = {}
        self._runs: dict[str, str] = {}
        self._ended: set[str] = set()
        self._refused: list[str] = []
        self._tries: Counter[str] = Counter()

    def deliver(self, entries: Sequence[TrackingEntry]) -> tuple[str, ...]:
        """Sends entries in order; sending one again changes nothing.

        Returns what MLflow refused, and why.

        Raises:
            TrackerUnavailable: it cannot be reached; the same entries will be sent again later.
        """
        self._refused.clear()
        client = self._client = self._client or connect(self._uri)
        from mlflow.exceptions import MlflowException

        try:
            for batch in batches(entries):
                self._send(client, batch)
            for entry in entries:
                if entry.publication is not None:
                    self._publish(client, entry, entry.publication)
        except TrackerUnavailable:
            raise
        except (MlflowException, OSError) as error:
            raise unavailable(self._uri, error) from error
        return tuple(self._refused)

    def _send(self, client: "MlflowClient", batch: Batch) -> None:
        from mlflow.exceptions import MlflowException

        run_id = self._run(client, batch)
        try:
            self._log(client, run_id, batch)
            self._set_status(client, run_id, batch)
        except MlflowException as error:
            if error.error_code not in REFUSALS:
                raise
            self._refused.append(f"{self._key(batch.study, batch.trial)}: {error}")

    def _publish(
        self, client: "MlflowClient", entry: TrackingEntry, publication: Publication
    ) -> None:
        from mlflow.exceptions import MlflowException

        batch = Batch(study=entry.study, model=entry.model, trial=entry.trial, at=entry.at)
        run_id = self._run(client, batch)
        try:
            wrong = publish(client, self._uri, run_id, publication)
        except MlflowException as error:
            if error.error_code not in REFUSALS:
                raise
            wrong = str(error)
        except NotSent as error:
            wrong = self._given_up(run_id, error)
        if wrong is not None:
            self._refused.append(f"the model of {self._key(entry.study, entry.trial)}: {wrong}")

    def _given_up(self, run_id: str, error: NotSent) -> str:
        self._tries[run_id] += 1
        if self._tries[run_id] < MODEL_TRIES:
            raise TrackerUnavailable(f"a model could not be sent to MLflow: {error}") from error
        return f"given up after {MODEL_TRIES} tries; {error}"

    # --- finding and making ---

    def _key(self, study: str, trial: int | None) -> str:
        return run_key(study, trial, origin=self._origin)

    def _run(self, client: "MlflowClient", batch: Batch) -> str:
        key = self._key(batch.study, batch.trial)
        if key not in self._runs:
            run = self._find(client, batch, key) or self._create(client, batch, key)
            self._runs[key] = run.info.run_id
            if run.info.status != "RUNNING":
                self._ended.add(run.info.run_id)
        return self._runs[key]

    def _find(self, client: "MlflowClient", batch: Batch, key: str) -> "Run | None":
        from mlflow.entities import ViewType

        # Deleted ones too: what somebody has deleted must not rise again.
        found = client.search_runs(
            [self._experiment(client, batch.model)],
            f'tags.`{KEY}` = "{key}"',
            run_view_type=ViewType.ALL,
            max_results=1,
        )
        return found[0] if found else None

    def _create(self, client: "MlflowClient", batch: Batch, key: str) -> "Run":
        tags = {KEY: key, "automl": "true", "study_name": batch.study}
        name = batch.study
        if batch.trial is not None:
            tags["trial_number"] = str(batch.trial)
            tags["mlflow.parentRunId"] = self._parent(client, batch)
            name = trial_run_name(batch.model, batch.trial, batch.at)
        place = self._experiment(client, batch.model)
        return client.create_run(place, milliseconds(batch.at), tags, name)

    def _parent(self, client: "MlflowClient", batch: Batch) -> str:
        study = Batch(study=batch.study, model=batch.model, trial=None, at=batch.at)
        return self._run(client, study)

    def _experiment(self, client: "MlflowClient", model: str) -> str:
        name = experiment(model)
        if name not in self._experiments:
            found = client.get_experiment_by_name(name)
            if found is None:
                self._experiments[name] = self._create_experiment(client, name)
                return self._experiments[name]
            # A deleted experiment keeps its name: there can be no second one beside it.
            if found.lifecycle_stage == "deleted":
                client.restore_experiment(found.experiment_id)
            self._experiments[name] = found.experiment_id
        return self._experiments[name]

    def _create_experiment(self, client: "MlflowClient", name: str) -> str:
        path = sqlite_path(self._uri)
        # MLflow's default is a folder wherever this process happens to work; a server knows best.
        location = None if path is None else (path.parent / "mlflow-artifacts" / name).as_uri()
        return client.create_experiment(name, artifact_location=location)

    # --- telling ---

    def _log(self, client: "MlflowClient", run_id: str, batch: Batch) -> None:
        from mlflow.entities import Param, RunTag

        metrics = self._metrics(client, run_id, batch)
        params = [Param(name, str(value)) for name, value in batch.params.items()]
        tags = [RunTag(name, value) for name, value in batch.tags.items()]
        client.log_batch(run_id, metrics[:METRICS_PER_REQUEST], params, tags, synchronous=True)
        for start in range(METRICS_PER_REQUEST, len(metrics), METRICS_PER_REQUEST):
            more = metrics[start : start + METRICS_PER_REQUEST]
            client.log_batch(run_id, more, synchronous=True)

    def _metrics(self, client: "MlflowClient", run_id: str, batch: Batch) -> "list[Metric]":
        from mlflow.entities import Metric

        metrics = [Metric(p.name, p.value, milliseconds(p.at), p.epoch) for p in batch.points]
        if batch.results and batch.ended_at is not None:
            at = milliseconds(batch.ended_at)
            epoch = batch.epoch or last_epoch(client, run_id, batch.results)
            metrics += [Metric(name, value, at, epoch) for name, value in batch.results.items()]
        return metrics

    def _set_status(self, client: "MlflowClient", run_id: str, batch: Batch) -> None:
        if batch.state is not None and batch.ended_at is not None:
            client.set_terminated(run_id, STATUSES[batch.state], milliseconds(batch.ended_at))
            self._ended.add(run_id)
        elif run_id in self._ended:
            client.update_run(run_id, status="RUNNING")
            self._ended.discard(run_id)


def trial_run_name(model: str, trial: int, at: float) -> str:
    """How people find a trial's run: its time is that of their own clock."""
    return f"automl-{model}-trial{trial}-{datetime.fromtimestamp(at):%Y%m%d-%H%M%S}"


def milliseconds(at: float) -> int:
    """Wall clock seconds as MLflow counts them."""
    return round(at * 1000)


def last_epoch(client: "MlflowClient", run_id: str, names: Iterable[str]) -> int:
    """The last epoch of which one of these metrics is known; 0 if none is."""
    known = (point.step for name in names for point in client.get_metric_history(run_id, name))
    return max(known, default=0)
