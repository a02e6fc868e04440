"""The fixtures of all tests."""

import contextlib
import gc
import logging
import math
import pickle
import shutil
import sqlite3
import sys
from pathlib import Path

import numpy as np
import pytest

import exprun
import forked
from exprun import backend, run_end
from exprun.config.paths import sqlite_path
from exprun.session import Session
from exprun.sweep import sharing
from exprun.tracking import mlflow as tracker
from exprun.tracking import parent, sync

gc.disable()  # until all tests are collected: what is imported stays
backend.prepare()  # so that this process uses the same kernels as the processes that tests start
# The files that take longest, which are started first so that the processes of `scripts/test` end together.
LONGEST = (
    "test_runner.py",
    "commands/test_diagnose.py",
    "test_run_doctor.py",
    "experiments/test_proof.py",
    "doctor/keras/test_callback.py",
    "sweep/test_folder.py",
    "test_docs.py",
    "test_cli_errors.py",
    "test_session.py",
    "config/test_compose.py",
    "test_export.py",
    "commands/test_diagnose_loops.py",
    "explain/test_study.py",
    "formats/test_export.py",
    "preview/test_page.py",
    "tracking/test_mlflow.py",
    "run_page/test_page_in_browser.py",
    "model/test_application.py",
    "doctor/keras/test_memory.py",
    "tracking/test_store_deleted.py",
    "compare/test_report_in_browser.py",
    "trainer/test_step.py",
    "test_kernels.py",
    "sweep/test_plan.py",
    "test_labels.py",
    "compare/test_remote.py",
    "commands/test_ui.py",
    "test_fault.py",
)
# Tests wait until everything is uploaded to MLflow, even if the machine is busy.
run_end.UPLOAD_SECONDS = sync.ANSWER_SECONDS = parent.OPEN_SECONDS = parent.CLOSE_SECONDS = 3600.0
sharing.FEWEST_STEPS = math.inf  # the sweeps of tests are short, even if a busy machine makes them slow
tracker.PAUSE_SECONDS = 0.05  # a store that fails in a test fails again, or not, whatever the pause

# Runs of the same structure share a compiled step across all tests, because compiling takes most of their time.
STEPS = {}
_make, _evict = Session.__init__, Session.evict_other_steps


def _make_with_shared_steps(self, datasets=None, steps=None):
    _make(self, {} if datasets is None else datasets, STEPS if steps is None else steps)


Session.__init__, Session.evict_other_steps = _make_with_shared_steps, lambda self, key: None


def pytest_collection_modifyitems(items):
    gc.enable()
    order = {Path(__file__).parent / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path, len(LONGEST)))


@pytest.fixture(autouse=True)
def _in_tmp_path(tmp_path, monkeypatch):
    """Each test has a folder of its own, and processes that it starts there run the code under test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(exprun.__file__).parents[1]))


@pytest.fixture(autouse=True)
def _own_garbage():
    """What is alive before a test is left out of Python's scans for garbage, which would take longer than a run."""
    gc.collect()  # what the test before has left
    gc.freeze()


@pytest.fixture(autouse=True)
def _in_float32():
    """Each test starts with Keras' default precision, because a run sets the precision of its process."""
    if keras := sys.modules.get("keras"):
        keras.mixed_precision.set_dtype_policy("float32")


class _Failures(logging.Handler):
    def __init__(self):
        super().__init__(logging.INFO)
        self.said = []

    def emit(self, record):
        if record.exc_info or record.levelno >= logging.ERROR:
            text = record.getMessage()
            self.said.append(f"{text}: {record.exc_info[1]!r}" if record.exc_info else text)


@pytest.fixture(autouse=True)
def failures():
    """The log messages about failures in the doctor's checks; a test fails if it leaves one in the list."""
    handler = _Failures()
    loggers = [logging.getLogger(name) for name in ("exprun.doctor", "exprun.run_doctor")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)  # the doctor logs its failures where no user's terminal shows them
    yield handler.said
    for logger, level in zip(loggers, levels, strict=True):
        logger.removeHandler(handler)
        logger.setLevel(level)
    assert handler.said == []


@pytest.fixture(autouse=True)
def _threads_are_forgotten():
    """A deterministic run fixes the threads of its process, and later runs warn about it; each test starts afresh."""
    if device := sys.modules.get("exprun.trainer.device"):
        device._fixed.clear()


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory):
    """A function that copies an empty MLflow store, because the migrations that create its tables take seconds.

    Processes that tests start create their tables themselves, and `tests/tracking/test_mlflow.py` tests that.
    """
    from exprun.tracking.store import artifact_root

    template = tmp_path_factory.mktemp("store") / "mlflow.db"
    make_tables = tracker._make_tables

    def copied(uri):
        path = sqlite_path(uri)
        if path is None or "?" in uri or (path.exists() and path.stat().st_size):
            return
        if not template.exists():
            make_tables(f"sqlite:///{template}")
            with contextlib.closing(sqlite3.connect(template)) as store:
                ((root,),) = store.execute("SELECT artifact_location FROM experiments").fetchall()
            copied.root = root.rsplit("/", 1)[0]
        part = path.with_name(f".{path.name}.copied")
        shutil.copy(template, part)
        with contextlib.closing(sqlite3.connect(part)) as store, store:
            store.execute(
                "UPDATE experiments SET artifact_location = replace(artifact_location, ?, ?)",
                (copied.root, artifact_root(uri)),
            )
        part.rename(path)

    return copied


@pytest.fixture(scope="session", autouse=True)
def _stores_are_copies(empty_store):
    """Also those that fixtures of a module make."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("exprun.tracking.mlflow._make_tables", empty_store)
        yield


@pytest.fixture
def own_steps(monkeypatch):
    """Sessions do not share their compiled steps with other tests, as in a program."""
    monkeypatch.setattr(Session, "__init__", _make)
    monkeypatch.setattr(Session, "evict_other_steps", _evict)


@pytest.fixture
def plots():
    """The runs of a test make their pages."""


@pytest.fixture(autouse=True)
def _without_plots(request, monkeypatch):
    """Only tests with the fixture `plots` make pages, which take more time than the rest of a tiny run."""
    if "plots" not in request.fixturenames:
        from tiny import leave_out_pages

        leave_out_pages(monkeypatch)


@pytest.fixture
def composer():
    """A composer of the config files of exprun and, if the test has made it, of `./conf`."""
    from exprun.config.compose import Composer

    return Composer()


@pytest.fixture(params=["mixed_bfloat16", "mixed_float16"])
def mixed(request):
    """A mixed precision, which is Keras' default precision during the test."""
    import keras

    keras.mixed_precision.set_dtype_policy(request.param)
    return request.param


@pytest.fixture(scope="session")
def run_server():
    """The process that commands are forked from, with TensorFlow, Keras and MLflow imported."""
    server = forked.Server(forked.RUN)
    yield server
    server.close()


@pytest.fixture(scope="session")
def tiny_cifar(tmp_path_factory):
    """The folder of a small CIFAR-10 in its official layout, with 1,500 training and 100 test images of noise."""
    folder, rng = tmp_path_factory.mktemp("cifar") / "cifar-10-batches-py", np.random.default_rng(0)
    folder.mkdir()
    for name, count in [*((f"data_batch_{i}", 300) for i in range(1, 6)), ("test_batch", 100)]:
        batch = {b"data": rng.integers(0, 256, (count, 3072), np.uint8), b"labels": [i % 10 for i in range(count)]}
        (folder / name).write_bytes(pickle.dumps(batch))
    (folder / "batches.meta").write_bytes(pickle.dumps({b"label_names": [str(i).encode() for i in range(10)]}))
    return folder
