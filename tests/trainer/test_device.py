"""What the bits of a run depend on beside its config: recorded, and pinned where the run is deterministic."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf

from exprun.compare.analysis import analyse
from exprun.config.errors import RunError
from exprun.records import Run
from exprun.runs import show_repeated
from exprun.trainer import cores, device
from tiny import LAYERS, config, tiny

WORDS = [
    "data.limit=100", "data.size=8", "norm=batch", "trainer.batch_size=20", "trainer.max_steps=4", "doctor=none",
    "tracking=none", "progress=quiet", "trainer.deterministic=true", LAYERS.replace("{pool: max},flatten", "flatten"),
]  # fmt: skip


def started(folder, variables=None, core=None):
    """The metrics and the record of a run in a process of its own, and what it said."""
    pinned = None if core is None else (lambda: os.sched_setaffinity(0, {core}))
    done = subprocess.run(
        [sys.executable, "-m", "exprun", *WORDS, f"run_dir={folder}"],
        env=os.environ | (variables or {}), preexec_fn=pinned, capture_output=True, text=True, check=True,
    )  # fmt: skip
    metrics = json.loads((Path(folder) / "result.json").read_text())["metrics"]
    environment = json.loads((Path(folder) / "environment.json").read_text())
    return {key: value for key, value in metrics.items() if "time" not in key}, environment, done.stderr


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system does not pin processes to cores")
def test_a_deterministic_run_gives_the_same_bits_whatever_the_environment(monkeypatch):
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    metrics, environment, said = started("plain")
    variables = {"TF_NUM_INTRAOP_THREADS": "1", "TF_ENABLE_ONEDNN_OPTS": "0", "OMP_NUM_THREADS": "1"}
    again, record, told = started("again", variables, min(os.sched_getaffinity(0)))
    assert again == metrics
    assert record["intra_op_threads"] == environment["intra_op_threads"] == str(os.cpu_count())
    assert record["cores"] == "1"
    if device.platform.machine() in ("x86_64", "AMD64"):
        assert record["onednn"] == "on"
        assert "TF_ENABLE_ONEDNN_OPTS=0 is overruled" in told
    assert not said


def test_what_a_run_was_computed_with_is_recorded(monkeypatch):
    monkeypatch.setenv("ONEDNN_DEFAULT_FPMATH_MODE", "STRICT")
    result = tiny("trainer.max_steps=1", "run_dir=out")
    record = json.loads((result.run_dir / "environment.json").read_text())
    assert float(record["cores"]) <= os.cpu_count()
    assert min(int(record[f"{kind}_op_threads"]) for kind in ("intra", "inter")) > 0
    assert record["onednn"] in ("on", "off")
    assert record["variables"] == "ONEDNN_DEFAULT_FPMATH_MODE=STRICT"
    assert record["classes"] == "10"
    assert int(record["val_images"]) > 0
    assert int(record["test_images"]) >= 0


def test_threads_come_from_the_process_then_the_environment_then_the_cores(monkeypatch):
    chosen = {"here": 0}
    monkeypatch.setattr(tf.config.threading, "get_intra_op_parallelism_threads", lambda: chosen["here"])
    monkeypatch.setattr(cores, "allowed", lambda: list(range(7)))
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "nonsense")
    assert device._intra_op_threads() == 7
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "5")
    assert device._intra_op_threads() == 5
    chosen["here"] = 3
    assert device._intra_op_threads() == 3


def test_where_tensorflow_has_started_other_threads_are_refused_or_said(monkeypatch, capsys):
    tf.constant(1) + 1
    before = device._intra_op_threads()
    with pytest.raises(RunError, match=f"in this process with {before} threads? .* trainer.threads=99 needs a command"):
        device.set_threads(config("trainer.threads=99").trainer)

    def refuse(_):
        raise RuntimeError

    # An earlier test of this process may have fixed the threads; then TensorFlow accepts the same number again.
    monkeypatch.setattr(device, "_fixed", [])
    monkeypatch.setattr(tf.config.threading, "set_intra_op_parallelism_threads", refuse)
    device.set_threads(config(f"trainer.threads={before}").trainer)
    device.set_threads(config().trainer)
    assert not capsys.readouterr().err
    monkeypatch.setattr(os, "cpu_count", lambda: 99)
    device.set_threads(config("trainer.deterministic=true").trainer)
    assert " per operation, not the 99 of a deterministic run" in capsys.readouterr().err


def recorded(seed, **environment):
    settings = {"seed": seed, "norm.name": "none" if seed < 2 else "batch", "trainer.deterministic": False}
    return Run(Path(f"run-{seed}"), "FINISHED", "", settings, {"val/accuracy": 0.5 + seed / 10}, [], environment)


def test_a_comparison_says_in_one_sentence_what_computed_its_runs(capsys):
    runs = [
        recorded(0, intra_op_threads="2", onednn="on", instructions="avx avx2", variables=""),
        recorded(1, intra_op_threads="1", onednn="off", instructions="avx avx2 avx512f", variables=""),
        recorded(2),  # of an older version
        recorded(3, intra_op_threads="2", onednn="on", instructions="avx avx2", variables=""),
    ]
    found = [warning for warning in analyse(runs).warnings if "computed" in warning]
    assert found == [
        "The runs were computed differently, which changes metrics about as much as another seed does: "
        "threads per operation (1, 2), oneDNN (off, on), instructions (not all have avx512f)."
    ]
    assert not [warning for warning in analyse([runs[0], *runs[2:]]).warnings if "computed" in warning]


def test_a_repeated_run_names_what_computed_it_otherwise(capsys):
    show_repeated(recorded(0, intra_op_threads="2", onednn="on"), recorded(1, intra_op_threads="1", onednn="on"))
    assert "Differences in the environment: intra_op_threads was 2, not 1." in capsys.readouterr().out
    show_repeated(recorded(0, commit="a"), recorded(1, commit="a", onednn="on"))
    assert "The recorded environment is the same; with trainer.deterministic=true" in capsys.readouterr().out
