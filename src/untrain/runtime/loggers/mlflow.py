"""MLflow as a log."""

from __future__ import annotations

from typing import Any, ClassVar

from untrain.core.events import Event
from untrain.runtime.loggers.base import Logger, OpenLog, plain_tags, scalars


class MLflow(Logger):
    """A run of MLflow; its server is the one that MLFLOW_TRACKING_URI names, or a local file.

    Args:
        experiment: under which the run is listed.

    Source: mlflow.org, the tracking client.
    """

    experiment: str = "untrain"

    library: ClassVar[str] = "mlflow"

    def open(self, name: str) -> OpenLog:
        """A fresh run of the experiment."""
        import mlflow

        client = mlflow.tracking.MlflowClient()
        found = client.get_experiment_by_name(self.experiment)
        place = client.create_experiment(self.experiment) if found is None else found.experiment_id
        return _Run(client, client.create_run(place, run_name=name[:250]).info.run_id)


class _Run(OpenLog):
    """A run by its id, so that a run that the user has begun herself stays as it is."""

    def __init__(self, client: Any, run: str):
        self.client, self.run = client, run

    def write(self, event: Event) -> None:
        for tag, value in plain_tags(scalars(event)).items():
            self.client.log_metric(self.run, tag, value, step=event.step or 0)
        for name, fact in event.facts.items():
            self.client.set_tag(self.run, f"untrain.{name}", fact[:5000])

    def close(self, failed: bool) -> None:
        self.client.set_terminated(self.run, "FAILED" if failed else "FINISHED")
