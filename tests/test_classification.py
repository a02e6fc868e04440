"""The metrics of a classifier against scikit-learn, and sets for which some are not defined."""

import math
import warnings

import numpy as np
import pytest
from sklearn import metrics as sklearn

from exprun import classification, metrics
from exprun.tracking.accepted import _check_key

SETS = {
    "ten classes": (10, 500, 1.0),
    "two classes": (2, 300, 1.0),
    "six classes, one of them absent": (6, 200, 1.0),
    "ties": (8, 300, 0.0),
    "many classes": (120, 700, 1.0),
}


def drawn(name):
    """Labels and logits that are often right, and the number of classes."""
    classes, images, digits = SETS[name]
    rng = np.random.default_rng(sorted(SETS).index(name))
    labels = rng.integers(0, classes - (name.endswith("absent")), images).astype(np.int32)
    logits = rng.normal(0, 2, (images, classes)).astype(np.float32)
    logits[np.arange(images), labels] += 2
    return labels, logits if digits else np.rint(logits), classes


def softmax(logits):
    exponentials = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


@pytest.fixture(params=SETS)
def case(request):
    return drawn(request.param)


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch):
    monkeypatch.setattr(classification, "PIECE", 1000)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_metrics_of_predictions_are_those_of_scikit_learn(case):
    labels, logits, classes = case
    predictions = logits.argmax(axis=1)
    found = classification.of_predictions(labels, predictions, classes)
    assert found == pytest.approx(
        {
            "balanced_accuracy": sklearn.balanced_accuracy_score(labels, predictions),
            "macro_f1": sklearn.f1_score(labels, predictions, average="macro"),
        },
        abs=1e-6,
    )
    each, present = classification.per_class(labels, predictions, classes), np.unique(labels)
    recall = sklearn.recall_score(labels, predictions, average=None, labels=present)
    np.testing.assert_allclose(each.recall[present], recall, atol=1e-6)
    predicted = np.unique(predictions)
    precision = sklearn.precision_score(labels, predictions, average=None, labels=predicted)
    np.testing.assert_allclose(each.precision[predicted], precision, atol=1e-6)
    absent = np.setdiff1d(np.arange(classes), present)
    assert np.isnan(each.recall[absent]).all()


def test_metrics_of_logits_are_those_of_scikit_learn(case):
    labels, logits, classes = case
    found = classification.of_logits(labels, logits)
    probabilities = softmax(logits)
    if classes == 2:
        area = sklearn.roc_auc_score(labels, probabilities[:, 1])
    else:
        present = np.unique(labels)
        one_hot = labels[:, None] == present
        area = sklearn.roc_auc_score(one_hot, probabilities[:, present], average="macro")
    assert found["auroc"] == pytest.approx(area, abs=1e-6)
    assert ("top5_accuracy" in found) == (classes > 5)
    if classes > 5:
        top5 = sklearn.top_k_accuracy_score(labels, logits, k=5, labels=range(classes))
        assert found["top5_accuracy"] == pytest.approx(top5, abs=1e-6)


def test_the_area_is_that_of_one_against_rest_in_scikit_learn():
    labels, logits, _ = drawn("ten classes")
    area = sklearn.roc_auc_score(labels, softmax(logits), multi_class="ovr")
    assert classification.auroc(labels, logits) == pytest.approx(area, abs=1e-6)


def test_the_area_of_two_classes_is_that_of_scikit_learn_if_probabilities_are_rounded_to_one():
    random = np.random.default_rng(0)
    labels, logits = random.integers(0, 2, 100), 100 * random.normal(size=(100, 2)).astype(np.float32)
    probabilities = softmax(logits)[:, 1]
    assert (probabilities == 1).sum() > 1
    area = sklearn.roc_auc_score(labels, probabilities)
    assert classification.auroc(labels, logits) == pytest.approx(area, abs=1e-6)


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_the_calibration_error_is_the_sum_over_bins(case, temperature):
    """As its definition says, bin by bin."""
    labels, logits, _ = case
    probabilities = softmax(logits / temperature)
    confidence, right = probabilities.max(axis=1), logits.argmax(axis=1) == labels
    total = 0.0
    for i in range(15):
        inside = (confidence > i / 15) & (confidence <= (i + 1) / 15)
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert classification.calibration_error(labels, logits, temperature) == pytest.approx(total, abs=1e-6)


def test_the_temperature_has_the_lowest_cross_entropy(case):
    labels, logits, classes = case
    found = classification.temperature(labels, 3 * logits)
    loss = lambda t: sklearn.log_loss(labels, softmax(3 * logits / t), labels=range(classes))  # noqa: E731
    assert loss(found) < min(loss(found * 1.01), loss(found / 1.01))
    assert found == pytest.approx(3 * classification.temperature(labels, logits), rel=1e-3)


def test_a_temperature_makes_an_overconfident_network_honest():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (4000, 5))
    labels = np.array([rng.choice(5, p=row) for row in softmax(logits)])
    found = classification.temperature(labels, 4 * logits)
    assert found == pytest.approx(4, rel=0.1)
    scaled = classification.calibration_error(labels, 4 * logits, found)
    assert scaled < 0.03 < classification.calibration_error(labels, 4 * logits)


def test_one_class_only():
    labels, logits = np.zeros(20, np.int32), drawn("ten classes")[1][:20]
    with warnings.catch_warnings(action="error"):
        found = classification.of_logits(labels, logits)
        cheap = classification.of_predictions(labels, logits.argmax(axis=1), 10)
    assert set(found) == {"top5_accuracy", "calibration_error"}
    assert cheap["balanced_accuracy"] == pytest.approx((logits.argmax(axis=1) == 0).mean())
    assert "of one" in classification.undefined("auroc", labels, 10)
    assert classification.undefined("top5_accuracy", labels, 10) == ""
    assert "there are 5" in classification.undefined("top5_accuracy", labels, 5)


def test_a_class_that_is_neither_there_nor_predicted_is_left_out_of_macro_f1():
    labels, predictions = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 2])
    wanted = sklearn.f1_score(labels, predictions, average="macro", zero_division=0.0)
    assert classification.of_predictions(labels, predictions, 5)["macro_f1"] == pytest.approx(wanted, abs=1e-6)


def test_all_images_right_have_no_temperature():
    labels = np.arange(20) % 3
    logits = np.eye(3)[labels]
    assert classification.temperature(labels, logits) is None
    assert classification.of_logits(labels, logits)["auroc"] == 1


def test_a_network_of_nan_has_no_metrics_of_logits():
    labels, logits, _ = drawn("ten classes")
    broken = np.full_like(logits, np.nan)
    assert classification.of_logits(labels, broken) == {}
    assert classification.temperature(labels, broken) is None
    assert math.isfinite(classification.of_predictions(labels, broken.argmax(axis=1), 10)["macro_f1"])


def test_only_the_wanted_metric_is_computed():
    labels, logits, _ = drawn("ten classes")
    assert list(classification.of_logits(labels, logits, ["auroc"])) == ["auroc"]


def test_metrics_of_classes_have_names_that_mlflow_accepts():
    names = ["cat", "a/b", "a:b", "..", "", "../etc", " été ", "x" * 300, "x" * 301, "cat"]
    found = classification.metric_names(names)
    assert len(set(found)) == len(names)
    assert found[:3] == ["cat", "a_b", "a_b_2"]
    assert found[6] == "été"
    for name in found:
        _check_key(name, f"val/best_precision/{name}")


def test_many_classes_have_no_metrics_of_their_own():
    labels, logits, classes = drawn("many classes")
    each = classification.per_class(labels, logits.argmax(axis=1), classes)
    assert classification.by_class(each, [str(i) for i in range(classes)]) == {}
    labels, logits, classes = drawn("six classes, one of them absent")
    each = classification.per_class(labels, logits.argmax(axis=1), classes)
    found = classification.by_class(each, list("abcdef"))
    assert "recall/e" in found
    assert "recall/f" not in found  # no image is of class f
    assert found["recall/a"] == each.recall[0]


@pytest.mark.parametrize(("counts", "wanted"), [([10, 15], False), ([10, 16], True), ([0, 4], True)])
def test_uneven_classes(counts, wanted):
    labels = np.repeat(np.arange(2), counts)
    assert classification.uneven(labels, 2) is wanted


@pytest.mark.parametrize(
    ("metric", "low", "percentage", "fraction", "of_images"),
    [
        ("val/accuracy", False, True, True, True),
        ("val/best_accuracy", False, True, True, True),
        ("test/top5_accuracy", False, True, True, True),
        ("train/accuracy", False, True, True, False),
        ("val/balanced_accuracy", False, True, True, False),
        ("test/recall/cat", False, True, True, False),
        ("test/recall/loss", False, True, True, False),
        ("val/best_macro_f1", False, True, True, False),
        ("test/auroc", False, False, True, False),
        ("test/scaled_calibration_error", True, True, True, False),
        ("val/best_loss", True, False, False, False),
        ("val/best_temperature", False, False, False, False),
        ("time/seconds", True, False, False, False),
    ],
)
def test_what_is_known_of_a_metric_from_its_name(metric, low, percentage, fraction, of_images):
    assert metrics.is_better_low(metric) is low
    assert metrics.is_percentage(metric) is percentage
    assert metrics.is_fraction(metric) is fraction
    assert metrics.of_images(metric) is of_images


def several(images=300):
    """Several labels of images, of which no image has the last one, and logits."""
    rng = np.random.default_rng(3)
    labels = (rng.random((images, 5)) < [0.5, 0.3, 0.1, 0.02, 0.0]).astype(np.float32)
    return labels, (rng.normal(0, 1.5, labels.shape) + labels - 0.5).astype(np.float32)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_metrics_of_several_labels_are_those_of_scikit_learn():
    labels, logits = several()
    predictions, present = classification.predicted(labels, logits), labels[:, :4]
    assert np.array_equal(predictions, 1 / (1 + np.exp(-logits)) > 0.5)
    assert classification.accuracy(labels, predictions) == pytest.approx(1 - sklearn.hamming_loss(labels, predictions))
    found = classification.of_predictions(labels, predictions, 5)
    assert found == pytest.approx(
        {
            "subset_accuracy": sklearn.accuracy_score(labels, predictions),
            "macro_f1": sklearn.f1_score(labels, predictions, average="macro"),
            "micro_f1": sklearn.f1_score(labels, predictions, average="micro"),
        },
        abs=1e-6,
    )
    assert classification.of_logits(labels, logits) == pytest.approx(
        {
            "mean_average_precision": sklearn.average_precision_score(present, logits[:, :4], average="macro"),
            "auroc": sklearn.roc_auc_score(present, logits[:, :4], average="macro"),
        },
        abs=1e-6,
    )
    each = classification.per_class(labels, predictions, 5)
    np.testing.assert_allclose(each.f1[:4], sklearn.f1_score(present, predictions[:, :4], average=None))
    assert each.images.tolist() == labels.sum(axis=0).tolist()
    assert each.predicted.tolist() == predictions.sum(axis=0).tolist()
    probabilities = 1 / (1 + np.exp(-logits.astype(np.float64)))
    wanted = np.mean([sklearn.log_loss(labels[:, one], probabilities[:, one], labels=[0, 1]) for one in range(5)])
    assert classification.cross_entropy(labels, logits) == pytest.approx(wanted, abs=1e-6)


def test_metrics_of_several_labels_that_are_not_defined():
    nothing, logits = np.zeros((4, 3), np.float32), -np.ones((4, 3), np.float32)
    assert classification.of_predictions(nothing, classification.predicted(nothing, logits), 3) == {
        "subset_accuracy": 1
    }
    assert classification.of_logits(nothing, logits) == {}
    assert "there is none" in classification.undefined("mean_average_precision", nothing, 3)
    assert "with and without" in classification.undefined("auroc", nothing, 3)
    assert classification.temperature(nothing, logits) is None


def test_metrics_of_ordered_classes_are_those_of_scikit_learn():
    labels, logits, classes = drawn("six classes, one of them absent")
    predictions = logits.argmax(axis=1)
    found = classification.of_predictions(labels, predictions, classes, ordered=True)
    assert found["mean_absolute_error"] == pytest.approx(sklearn.mean_absolute_error(labels, predictions), abs=1e-6)
    wanted = sklearn.cohen_kappa_score(labels, predictions, weights="quadratic")
    assert found["quadratic_weighted_kappa"] == pytest.approx(wanted, abs=1e-6)
    same = np.ones(5, np.int64)
    assert "quadratic_weighted_kappa" not in classification.of_predictions(same, same, 3, ordered=True)
    assert metrics.is_better_low("val/mean_absolute_error")
    assert not metrics.is_better_low("val/quadratic_weighted_kappa")
