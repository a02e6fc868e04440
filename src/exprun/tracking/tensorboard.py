"""Record a run for TensorBoard: its metrics as scalars, and its settings as hyperparameters."""

from typing import Any

from exprun.config.schema import Config, settings
from exprun.run_folder import RunFolder
from exprun.tracking.params import flat
from exprun.trainer.events import RunEnded


class TensorBoard:
    """Writes an event file to the folder `tensorboard` of the run, from the beginning of the journal.

    Args:
        config: the config of the run.
        folder: the run's folder.
    """

    def __init__(self, config: Config, folder: RunFolder) -> None:
        self.config, self.folder = config, folder
        self.writer: Any = None

    def open(self) -> int:
        """Begin a new event file, in place of those of earlier starts of the run; returns 0."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.plugins.hparams import api
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        folder = self.folder.tracker("tensorboard")
        for path in folder.glob("events.out.tfevents.*"):
            path.unlink()
        self.writer = EventFileWriter(str(folder))
        self.writer.add_event(Event(summary=api.hparams_pb(flat(settings(self.config)))))
        return 0

    def write(self, rows: list[dict[str, Any]], offset: int) -> None:
        """Write lines of the journal.

        Args:
            rows: the lines.
            offset: the offset of the next line in the journal; not used, since a new file has all lines.
        """
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        for row in rows:
            values = [Summary.Value(tag=name, simple_value=value) for name, value in row["metrics"].items()]
            self.writer.add_event(Event(wall_time=row["time"] / 1000, step=row["step"], summary=Summary(value=values)))
        self.writer.flush()

    def close(self, ended: RunEnded) -> None:
        """Close the file."""
        self.writer.close()
