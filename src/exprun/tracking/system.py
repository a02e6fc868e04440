"""Metrics of the machine while a run trains: processors, memory, disk, network and GPUs.

MLflow's own monitors measure them, under the names by which MLflow's UI finds them. They are written to the journal
like all other metrics, so that they are uploaded later if the server does not answer.
"""

import contextlib
import logging
import threading
from typing import Any

from exprun.tracking.journal import Journal
from exprun.trainer.events import Event, RunEnded, StepsDone

log = logging.getLogger(__name__)
PREFIX = "system/"  # MLflow's UI shows metrics with this prefix under "System metrics"
SAMPLE_SECONDS = 10.0  # unless MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL is set
END_SECONDS = 5.0  # the longest that the end of a run waits for the last sample


class SystemMetrics:
    """Samples the machine in a separate thread, from the first training step to the end of the run.

    Args:
        journal: the journal that receives the metrics, at the latest step of the optimiser.
    """

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._step = 0
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def __call__(self, event: Event) -> None:
        """Start after the first step, as importing MLflow takes seconds; stop when the run ends."""
        match event:
            case StepsDone():
                self._step = event.step
                if self._thread is None:
                    self._thread = threading.Thread(target=self._sample_until_end, name="system", daemon=True)
                    self._thread.start()
            case RunEnded() if self._thread is not None:
                self._ended.set()
                self._thread.join(END_SECONDS)

    def _sample_until_end(self) -> None:
        try:
            from mlflow.environment_variables import MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL

            seconds = float(MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL.get() or SAMPLE_SECONDS)
            monitors = _monitors()
            _sample(monitors)  # the load of processors is measured since the sample before, so the first one has none
            last = False
            while not last:
                last = self._ended.wait(seconds)
                self.journal.write(self._step, _sample(monitors), is_repeat=False)
        except Exception:  # a monitor or a disk can fail in any way; training continues
            log.exception("The system metrics could not be measured")


def _monitors() -> list[Any]:
    """MLflow's monitors of this machine; those of GPUs need the package nvidia-ml-py or pyrsmi."""
    from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
    from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
    from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor
    from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor
    from mlflow.system_metrics.metrics.rocm_monitor import ROCMMonitor

    monitors: list[Any] = [CPUMonitor(), DiskMonitor(), NetworkMonitor()]
    for kind in (GPUMonitor, ROCMMonitor):
        with contextlib.suppress(ImportError, RuntimeError):  # the package or a GPU of this kind is missing
            monitors.append(kind())
    return monitors


def _sample(monitors: list[Any]) -> dict[str, float]:
    """The current value of each metric, by its name in MLflow."""
    metrics: dict[str, float] = {}
    for monitor in monitors:
        monitor.collect_metrics()
        metrics |= {f"{PREFIX}{name}": value for name, value in monitor.aggregate_metrics().items()}
        monitor.clear_metrics()
    return metrics
