"""Predictions of a split: losses, confusions, alternatives, calibration, and which errors a page shows."""

import numpy as np
import pytest

from exprun import classification
from exprun.input import Scaling
from exprun.records import read_run
from exprun.run_folder import RunFolder
from exprun.run_page import record
from exprun.run_page.outcomes import Outcomes
from exprun.run_page.pictures import chosen_errors
from run_page.fakes import images, write_run

CLASSES = ["a", "b", "c"]


def outcomes(probabilities, labels) -> Outcomes:
    logits = np.log(np.array(probabilities, np.float32)) + 3  # logits are known up to a constant
    return Outcomes("test", CLASSES, np.array(labels), logits, np.arange(len(labels)))


def test_losses_confidence_and_alternatives():
    found = outcomes([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2]], [0, 2])
    np.testing.assert_allclose(found.losses, [-np.log(0.7), -np.log(0.2)], rtol=1e-5)
    np.testing.assert_allclose(found.confidence, [0.7, 0.5], rtol=1e-5)
    assert found.errors.tolist() == [1]
    assert found.accuracy == 0.5
    assert found.alternatives(1, 2) == [("a", pytest.approx(0.5)), ("b", pytest.approx(0.3))]


def test_confusions_are_sorted_by_their_images():
    found = outcomes([[0.8, 0.1, 0.1]] * 6, [0, 0, 1, 2, 2, 2])
    assert found.cells.tolist() == [[0, 0, 2], [1, 0, 1], [2, 0, 3]]
    assert found.confusions.tolist() == [[2, 0, 3], [1, 0, 1]]


def test_the_bins_of_calibration_give_the_calibration_error():
    _, found = images([str(number) for number in range(7)], 500, (1, 1, 1))
    bins = found.calibration()
    assert sum(count for _, _, count in bins) == 500
    error = sum(abs(confidence - right) * count for confidence, right, count in bins) / 500
    assert error == pytest.approx(classification.calibration_error(found.labels, found.logits))


def test_a_page_has_errors_of_each_frequent_confusion():
    _, found = images([str(number) for number in range(10)], 3000, (1, 1, 1), accuracy=0.5)
    chosen = chosen_errors(found)
    assert np.all(np.diff(found.losses[chosen]) <= 0)
    assert set(chosen) <= set(found.errors)
    assert len(chosen) <= 24 + 24 + 3 * 60
    shown = {(found.labels[one], found.predictions[one]) for one in chosen}
    assert {(true, predicted) for true, predicted, _ in found.confusions[:60].tolist()} <= shown
    best = found.errors[found.losses[found.errors].argmax()]
    assert chosen[0] == best


def test_without_errors_the_images_with_the_highest_loss_are_shown():
    found = outcomes([[0.9, 0.05, 0.05], [0.6, 0.3, 0.1], [0.8, 0.1, 0.1]], [0, 0, 0])
    assert chosen_errors(found).tolist() == [1, 2, 0]


def test_logits_that_are_not_finite_have_no_probabilities():
    found = outcomes([[np.nan, 0.5, 0.5], [0.6, 0.3, 0.1]], [0, 0])
    assert not found.is_finite


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9])
def test_predictions_of_a_damaged_file_are_not_read(tmp_path, kept):
    folder = RunFolder(tmp_path)
    arrays = {f"test_{part}": np.zeros((50, 2), np.float32) for part in ("logits", "labels", "rows")}
    np.savez(folder.predictions, classes=np.array(["a", "b"]), **arrays)
    assert Outcomes.read(folder) is not None
    content = folder.predictions.read_bytes()
    folder.predictions.write_bytes(content[: int(kept * len(content))])
    assert Outcomes.read(folder) is None


def test_a_network_that_is_too_slow_for_the_embedding_is_told(monkeypatch):
    from exprun.run_page import network, pictures

    dataset, found = images(CLASSES, 60)
    monkeypatch.setattr(pictures.memory, "passed", lambda model, precision, most, left: most)
    monkeypatch.setattr(network, "features", lambda *_: np.zeros((8, 4), np.float32))
    monkeypatch.setattr(network, "first_filters", lambda *_: None)
    monkeypatch.setattr(network, "grad_cam", lambda *_: None)
    made = pictures.pictures(found, dataset, object(), Scaling(np.ones(1), np.zeros(1)))
    assert made.embedding is None
    assert made.missing == ("The embedding would have taken too long; runs show with --html makes a page that has it.",)


def test_options_that_need_a_folder_are_told_as_they_are_typed(tmp_path):
    folder = write_run(
        tmp_path / "run", overrides=["data=image_folder", "data.root=a b", "norm=none", "trainer.epochs=3"]
    )
    told = record.changed_settings(read_run(folder.path))
    assert told[:2] == ["data=image_folder", "norm=none"]
    assert set(told[2:]) == {"data.root=a b", "trainer.epochs=3"}


def test_outcomes_of_several_labels():
    """An image is wrong if a label is; the confidence is that of its most certain error, or its least certain label."""
    labels = np.array([[1, 1, 0], [0, 0, 0], [1, 0, 1]])
    probabilities = np.array([[0.9, 0.8, 0.4], [0.1, 0.7, 0.2], [0.3, 0.05, 0.1]])
    logits = np.log(probabilities / (1 - probabilities)).astype(np.float32)
    found = Outcomes("test", CLASSES, labels, logits, np.arange(3))
    assert found.errors.tolist() == [1, 2]
    assert found.accuracy == pytest.approx(1 / 3)
    np.testing.assert_allclose(found.confidence, [0.6, 0.7, 0.9], rtol=1e-5)
    assert found.doubtful.tolist() == [2, 1, 2]
    each = -np.log(np.where(labels == 1, probabilities, 1 - probabilities))
    np.testing.assert_allclose(found.losses, each.mean(axis=1), rtol=1e-5)
    assert [found.named(label) for label in labels] == ["a + b", "no label", "a + c"]
    assert found.alternatives(0, 2) == [("a", pytest.approx(0.9)), ("b", pytest.approx(0.8))]
    assert len(found.cells) == 0
    assert sum(count for *_, count in found.calibration()) == 9
    assert chosen_errors(found).tolist() == [2, 1]
    text = record.overconfidence(found)
    assert "66.7% are right" in text
