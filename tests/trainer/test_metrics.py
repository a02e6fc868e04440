"""Metrics beside accuracy in a run: against scikit-learn from the stored logits, and as the metric that selects."""

import contextlib
import csv
import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as sklearn

from exprun import classification, cli, metrics
from exprun.assembly import assemble
from exprun.attempt import attempt
from exprun.config.errors import DataError
from exprun.data import load
from exprun.run_folder import RunFolder
from exprun.session import Session
from exprun.tracking import predictions
from exprun.trainer.checkpoint import State
from exprun.trainer.events import Predicted
from tiny import SMALL, config, kept, tiny

WORDS = [*SMALL, "optim.learning_rate=0.03", "trainer.epochs=3"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run that AUROC selects, with even classes, and its loop."""
    return kept(config(*WORDS, "trainer.select=val/auroc", f"run_dir={tmp_path_factory.mktemp('trained') / 'run'}"))


@pytest.fixture(scope="module")
def stored(trained):
    with np.load(RunFolder(trained[0].run_dir).predictions) as file:
        return {name: file[name] for name in file.files}


def softmax(logits):
    exponentials = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("split", "prefix"), [("val", "val/best_"), ("test", "test/")])
def test_the_metrics_are_those_of_the_stored_logits(trained, stored, split, prefix):
    labels, logits = stored[f"{split}_labels"], stored[f"{split}_logits"]
    right, probabilities = logits.argmax(axis=1), softmax(logits)
    wanted = {
        "accuracy": sklearn.accuracy_score(labels, right),
        "loss": sklearn.log_loss(labels, probabilities),
        "balanced_accuracy": sklearn.balanced_accuracy_score(labels, right),
        "macro_f1": sklearn.f1_score(labels, right, average="macro"),
        "top5_accuracy": sklearn.top_k_accuracy_score(labels, logits, k=5),
        "auroc": sklearn.roc_auc_score(labels, probabilities, multi_class="ovr"),
        "recall/3": sklearn.recall_score(labels, right, labels=[3], average="macro"),
        "precision/3": sklearn.precision_score(labels, right, labels=[3], average="macro"),
    }
    found = {name: trained[0].metrics[f"{prefix}{name}"] for name in wanted}
    assert found == pytest.approx(wanted, abs=1e-6)


def test_the_stored_rows_are_those_of_the_data_set(trained, stored):
    dataset = load(config(*WORDS).data)
    assert list(stored["classes"]) == dataset.classes
    np.testing.assert_array_equal(stored["test_rows"], dataset.test.rows)
    np.testing.assert_array_equal(stored["test_labels"], dataset.test.row_labels)
    assert stored["step"] == trained[1].state.best["step"]
    assert stored["val_logits"].dtype == np.float32


def test_the_temperature_of_validation_scales_the_test_images(trained, stored):
    temperature = trained[0].metrics["val/best_temperature"]
    assert temperature == pytest.approx(classification.temperature(stored["val_labels"], stored["val_logits"]))
    wanted = classification.calibration_error(stored["test_labels"], stored["test_logits"], temperature)
    assert trained[0].metrics["test/scaled_calibration_error"] == pytest.approx(wanted, abs=1e-6)


def test_the_selected_metric_is_measured_in_each_epoch(trained):
    result, _ = trained
    found = [row["val/auroc"] for row in result.history]
    assert len(found) == 3
    assert result.metrics["val/best_auroc"] == max(found)
    assert result.metrics["val/auroc"] == found[-1]
    assert all({"val/balanced_accuracy", "val/macro_f1"} <= set(row) for row in result.history)
    assert not any("val/top5_accuracy" in row for row in result.history)


def test_the_last_weights_have_their_metrics_in_the_journal(trained):
    result, loop = trained
    rows = [row for row in RunFolder(result.run_dir).read_journal() if "val/calibration_error" in row["metrics"]]
    assert [row["step"] for row in rows] == [loop.total_steps]
    assert rows[0]["metrics"]["val/calibration_error"] == result.metrics["val/calibration_error"]
    tests = [row["metrics"] for row in RunFolder(result.run_dir).read_journal() if "test/auroc" in row["metrics"]]
    assert len(tests) == 1
    assert "test/recall/3" not in tests[0]


def test_the_table_of_classes_has_all_of_them(trained):
    text = (trained[0].run_dir / "classes.csv").read_text()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["split"], row["class"]) for row in rows] == [(s, str(c)) for s in ("val", "test") for c in range(10)]
    assert float(rows[13]["recall"]) == trained[0].metrics["test/recall/3"]
    assert (trained[0].run_dir / "classes.csv") in RunFolder(trained[0].run_dir).artifacts()


@pytest.mark.slow
def test_the_validation_images_are_measured_again_only_for_other_weights():
    """The last weights have been measured already; those of an earlier epoch are measured a second time."""
    for words, passes in (([], 3), (["optim.learning_rate=1e-12", "trainer.select=val/accuracy"], 4)):
        result, loop = kept(config(*WORDS, *words, f"run_dir=outputs/{passes}"))
        measured, validate = [], loop.evaluator.validate
        loop.evaluator.validate = lambda feed: measured.append(feed) or validate(feed)  # noqa: B023
        assert (result.metrics["val/best_epoch"] == 3) is (passes == 3)
        loop._finish()
        assert len(measured) == passes - 3


@pytest.mark.slow
def test_a_finished_run_that_is_resumed_measures_its_last_weights():
    words = [*WORDS, "run_dir=outputs/r", "trainer.max_steps=12"]
    first = tiny(*words)
    again = tiny(*words, "trainer.resume=true", "trainer.max_steps=14")
    assert set(first.metrics) >= {"val/auroc", "val/best_auroc", "test/auroc"}
    assert set(again.metrics) >= {"val/auroc", "val/best_auroc", "test/auroc"}


@pytest.mark.slow
def test_a_run_that_validates_on_test_images_has_no_scaled_error():
    found = tiny(*WORDS, "data.validation=test").metrics
    assert "val/best_temperature" in found
    assert "test/scaled_calibration_error" not in found
    assert found["test/auroc"] == found["val/best_auroc"]


def test_the_metric_is_the_score_of_a_sweep():
    outcome = attempt(config(*WORDS, "trainer.select=val/macro_f1", "run_dir=outputs/score"), "command")
    assert outcome.best == json.loads(Path("outputs/score/result.json").read_text())["metrics"]["val/best_macro_f1"]


def selected(select, *rows):
    """Whether each evaluation is the best so far, and the state after them."""
    state = State()
    return [state.select({"val/accuracy": 0.5, **row}, 1.0, select) for row in rows], state


def test_a_higher_metric_is_selected_and_the_loss_decides_between_equal_ones():
    rows = [{"val/loss": loss, "val/macro_f1": f1} for loss, f1 in ((1.0, 0.5), (2.0, 0.6), (1.5, 0.6), (0.1, 0.4))]
    best, state = selected("val/macro_f1", *rows)
    assert best == [True, True, True, False]
    assert state.best["macro_f1"] == 0.6
    assert state.best["loss"] == 1.5
    assert state.waited == 2  # the lower loss is no improvement of the metric


def test_a_lower_loss_is_selected():
    best, state = selected("val/loss", *({"val/loss": loss} for loss in (1.0, 2.0, 0.5, math.nan)))
    assert best == [True, False, True, False]
    assert state.waited == 1


def test_a_metric_that_is_missing_is_worse_than_any():
    best, _ = selected("val/auroc", {"val/loss": math.nan}, {"val/loss": 1.0, "val/auroc": 0.1}, {"val/loss": 0.5})
    assert best == [True, True, False]


def test_top_5_of_five_classes_is_refused_before_training(capsys):
    assert cli.main(["data.classes=[0,1,2,3,4]", "trainer.select=val/top5_accuracy"]) == 2
    said = capsys.readouterr().err
    assert said == (
        "exprun: trainer.select=val/top5_accuracy needs more than 5 classes, and there are 5; choose another, such as "
        "val/accuracy.\n"
    )


def test_an_area_of_one_class_is_refused_after_the_data_is_read(monkeypatch):
    settings = config(*WORDS, "trainer.select=val/auroc")
    dataset = load(settings.data)
    dataset.val.labels[:] = 3
    session = Session()
    monkeypatch.setattr(session, "dataset", lambda _: dataset)
    said = r"trainer\.select=val/auroc, but the AUROC needs images of at least two classes"
    with pytest.raises(DataError, match=said):
        assemble(settings, session)


UNEVEN = ["data.root=uneven.npz", "data=arrays", "trainer.epochs=1", "progress=plain", "data.limit=null"]


@pytest.fixture
def uneven():
    """Arrays of two classes, of which one has four times as many images."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [160, 40])
    images = rng.integers(0, 200, (200, 8, 8), np.uint8)
    images[labels == 1, :4] //= 4
    np.savez("uneven.npz", x_train=images, y_train=labels, classes=np.array(["fine", "broken/bent"]))


def test_uneven_classes_have_their_columns_and_their_worst_recall(uneven):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        result = tiny(*SMALL, *UNEVEN)
    text = " ".join(out.getvalue().split())
    assert "balanced ┃ macro" in text  # both headings have two lines
    assert "  balanced accuracy 0" in out.getvalue()  # in the line of the epoch
    assert "recall lowest on test images: " in text
    assert "broken/bent " in text
    assert {"test/recall/broken_bent", "test/auroc"} <= set(result.metrics)
    assert "test/top5_accuracy" not in result.metrics


def test_even_classes_have_no_columns_beside_accuracy():
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        tiny(*WORDS, "progress=plain", "trainer.epochs=1")
    assert "macro" not in out.getvalue()
    assert "recall" not in out.getvalue()


def test_many_logits_are_written_in_half_precision(monkeypatch, trained, tmp_path):
    dataset = load(config(*WORDS).data)
    logits = {name: np.ones((len(getattr(dataset, name)), 10), np.float32) for name in ("val", "test")}
    listener = predictions.Predictions(RunFolder(tmp_path))
    listener.write(dataset)
    assert not RunFolder(tmp_path).predictions.exists()  # nothing was measured
    listener(Predicted(7, logits))
    monkeypatch.setattr(predictions, "HALF_ABOVE", logits["val"].size - 1)
    listener.write(dataset)
    with np.load(RunFolder(tmp_path).predictions) as file:
        assert file["val_logits"].dtype == np.float16
        assert file["step"] == 7
    np.testing.assert_array_equal(listener.classes("test", dataset), np.zeros(len(dataset.test)))


def test_best_names():
    assert metrics.best_name("val/loss") == "val/best_loss"
    assert metrics.best_name("val/macro_f1") == "val/best_macro_f1"
