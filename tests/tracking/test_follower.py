"""Further trackers, which follow the journal of a run."""

import importlib.util
import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from exprun.config.compose import Composer
from exprun.config.errors import ConfigError
from exprun.run_folder import RunFolder
from exprun.tracking.accepted import check_tracking
from exprun.tracking.tensorboard import TensorBoard
from tiny import TINY, tiny

BLOCK = 2**15  # bytes of a block in a file of Weights & Biases


def scalars(run_dir: Path) -> dict[str, list[tuple[int, float]]]:
    """The scalars that TensorBoard reads, as steps with values, by name."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(run_dir / "tensorboard")).Reload()
    return {tag: [(e.step, e.value) for e in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def journal(run_dir: Path) -> dict[str, list[tuple[int, float]]]:
    """The same from the journal."""
    found: dict[str, list[tuple[int, float]]] = {}
    for row in RunFolder(run_dir).read_journal():
        for name, value in row["metrics"].items():
            found.setdefault(name, []).append((row["step"], pytest.approx(value, rel=1e-6)))
    return found


def test_tensorboard_reads_the_whole_journal_once_also_after_the_run_was_resumed():
    also = ["tracking.also=[tensorboard]", "trainer.epochs=2", "schedule=constant", "run_dir=run"]
    tiny(*also, "trainer.max_steps=15")
    result = tiny(*also, "trainer.resume=true")
    found = scalars(result.run_dir)
    assert found == journal(result.run_dir)
    assert found["val/loss"][-1] == (20, pytest.approx(result.metrics["val/loss"], rel=1e-6))
    assert len(list((result.run_dir / "tensorboard").iterdir())) == 1


def test_tensorboard_has_the_settings_as_hyperparameters():
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    config = Composer().config([*TINY, "run_dir=run"])
    writer = TensorBoard(config, RunFolder.of(config))
    writer.open()
    writer.writer.close()
    found = EventAccumulator("run/tensorboard").Reload().summary_metadata["_hparams_/session_start_info"]
    hparams = HParamsPluginData.FromString(found.plugin_data.content).session_start_info.hparams
    assert hparams["optim.learning_rate"].string_value == str(config.optim.learning_rate)


def test_a_tracker_that_fails_does_not_end_the_run(monkeypatch, capsys):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(TensorBoard, "write", full)
    result = tiny("tracking.also=[tensorboard]", "progress=plain", "run_dir=run", "trainer.epochs=1")
    assert result.status == "FINISHED"
    assert "TensorBoard has not recorded the whole run" in (out := "".join(capsys.readouterr()))
    assert "No space left on device" in out


@pytest.mark.parametrize("package", ["tensorboard", "wandb"])
def test_a_missing_package_is_named_before_the_run(package, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=rf"needs the package {package}.*pip install 'exprun\[{package}\]'"):
        check_tracking(Composer().config([*TINY, f"tracking.also=[{package}]"]))


def records(path: Path) -> Iterator[bytes]:
    """The records of a file of Weights & Biases, which has the format of LevelDB's log after a header of 7 bytes."""
    data, at, record = path.read_bytes(), 7, b""
    while at < len(data):
        if BLOCK - at % BLOCK < 7:  # no header fits into the rest of a block
            at += BLOCK - at % BLOCK
            continue
        length, kind = struct.unpack_from("<HB", data, at + 4)
        record += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield record
            record = b""


@pytest.mark.slow
def test_weights_and_biases_has_the_metrics_without_a_network(monkeypatch):
    from wandb.proto.wandb_internal_pb2 import Record

    monkeypatch.setenv("WANDB_MODE", "offline")
    also = ["tracking.also=[wandb]", "trainer.epochs=2", "schedule=constant", "run_dir=run"]
    tiny(*also, "trainer.max_steps=15")
    time.sleep(1.1)  # the name of the file has the second in which it was created
    result = tiny(*also, "trainer.resume=true")
    rows, summary, settings, ids = {}, {}, {}, set()
    files = (result.run_dir / "wandb").glob("offline-run-*/*.wandb")
    for record in (Record.FromString(one) for file in sorted(files) for one in records(file)):
        if record.HasField("run"):
            ids.add(record.run.run_id)
            settings |= {item.key: item.value_json for item in record.run.config.update}
        row = {item.key or item.nested_key[0]: json.loads(item.value_json) for item in record.history.item}
        for name, value in row.items():
            rows.setdefault(name, []).append((row["step"], value))
        summary |= {item.key or item.nested_key[0]: json.loads(item.value_json) for item in record.summary.update}
    assert len(ids) == 1
    found = journal(result.run_dir)
    assert {name: rows[name] for name in found} == found
    assert summary["test/accuracy"] == result.metrics["test/accuracy"]
    assert summary["status"] == "FINISHED"
    assert json.loads(settings["optim.learning_rate"]) == "0.01"


@pytest.mark.slow
def test_weights_and_biases_without_a_key_is_a_warning_and_asks_nothing(monkeypatch, capsys):
    import wandb

    wandb.teardown()  # another test may have chosen the mode of this process
    monkeypatch.setenv("NETRC", "none")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    result = tiny("tracking.also=[wandb]", "trainer.epochs=1", "progress=plain", "run_dir=run")
    assert result.status == "FINISHED"
    assert "set WANDB_MODE=offline" in "".join(capsys.readouterr()).replace("\n", " ")
