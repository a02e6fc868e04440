"""Loss, labels and last layer against one another."""

from dataclasses import replace

import numpy as np
import pytest

from doctor.passes import MSE, RNG, TEN, YES_OR_NO, call, context_of
from exprun.doctor.cause import Phase
from exprun.doctor.diagnosis import examine
from exprun.doctor.instruments.labels import read_labels
from exprun.doctor.instruments.objective import Objective
from exprun.doctor.instruments.passes import Pass
from exprun.doctor.instruments.task import check_task, output_activations
from exprun.doctor.subject import Batch

NUMBERS = Objective("softmax", True, False, "sparse_categorical_crossentropy", None)
ROWS = Objective("softmax", False, False, "categorical_crossentropy", None)
LOGITS = replace(ROWS, from_logits=True)
TAGS = replace(YES_OR_NO, from_logits=True)


def softmax(x):
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


ACTIVATIONS = {
    "linear": lambda x: x,
    "softmax": softmax,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
}


def fitted(objective, labels, activation="linear", units=1, size=40, after=(), **more):
    """A context of a network that ends in this layer, and in activations after it, with as many labels as images."""
    values = RNG.normal(size=(size, units))
    calls = [call(values, values, name="hidden", activation="relu"), call(values, values, activation=activation)]
    for name in (activation, *after):
        values = ACTIVATIONS[name](values)
    calls += [call(values, values, "Activation", activation=name) for name in after]
    labels = np.asarray(labels, np.float32)
    labels = np.repeat(labels, max(1, size // len(labels)), axis=0)
    return context_of(calls, values, labels=labels, objective=objective, **more)


def said(context):
    """The findings of the causes that depend on the loss, the labels and the last layer."""
    return [finding for finding in examine(context) if finding.cause in context.task]


@pytest.mark.parametrize(
    ("activation", "units", "objective", "labels", "cause", "text"),
    [
        ("sigmoid", 1, ROWS, [[0], [1]], "wrong-loss", "Try: loss='binary_crossentropy'."),
        ("sigmoid", 1, NUMBERS, [0, 1, 2, 3], "output-units", "The last layer has one unit"),
        ("softmax", 1, NUMBERS, [0, 1, 2, 3], "output-units", "The last layer has one unit"),
        ("sigmoid", 1, YES_OR_NO, [0, 1, 2, 3], "output-units", "there are at least 4 classes"),
        ("sigmoid", 1, YES_OR_NO, [1, 2], "label-out-of-range", "y = (y == 2)"),
        ("sigmoid", 2, YES_OR_NO, [1, 2], "label-out-of-range", "np.searchsorted(np.unique(y_train), y)"),
        ("sigmoid", 1, YES_OR_NO, [-1, 0, 1], "label-out-of-range", "keep = y >= 0"),
        ("sigmoid", 1, YES_OR_NO, [0.5, 7.5], "wrong-loss", "is for labels of yes or no"),
        ("linear", 4, TAGS, [0, 1, 2, 3], "label-encoding", "SparseCategoricalCrossentropy(from_logits=True)"),
        ("sigmoid", 4, YES_OR_NO, [0, 1, 2, 3], "label-encoding", "and activation='softmax' in the last layer"),
        ("linear", 4, LOGITS, [0, 1, 2, 3], "label-encoding", "SparseCategoricalCrossentropy(from_logits=True)"),
        ("softmax", 3, NUMBERS, [[0, 0, 1], [1, 0, 0]], "label-encoding", "y = y.argmax(-1)"),
        ("softmax", 4, NUMBERS, [-1, 0, 1, 2], "label-out-of-range", "(ignore_class=-1)"),
        ("softmax", 4, NUMBERS, [1, 2, 3, 4], "label-out-of-range", "number the classes 0, 1, 2"),
        ("softmax", 4, NUMBERS, [0, 1, 2, 5], "output-units", "The labels go from 0 to 5"),
        ("linear", 1, MSE, [3, 4, 5, 6], "wrong-loss", "metrics=['mae']"),
        ("linear", 4, MSE, [0, 1, 2, 3], "wrong-loss", "measures distances"),
        ("sigmoid", 1, MSE, [0, 1], "wrong-loss", "measures distances, but the labels are classes"),
        ("linear", 1, MSE, [[0.5, 7.5]], "output-units", "2 units in the last layer"),
        ("softmax", 1, MSE, [0.1, 0.5, 0.7], "output-activation", "A softmax over one unit is 1"),
        ("relu", 1, MSE, [-0.1, 0.5, 0.7], "output-activation", "the network cannot predict"),
        ("softmax", 3, YES_OR_NO, [[0, 0, 1], [1, 0, 0]], "wrong-loss", "loss='categorical_crossentropy'"),
        ("sigmoid", 3, ROWS, [[0, 1, 1], [1, 0, 0]], "wrong-loss", "loss='binary_crossentropy'"),
        ("softmax", 3, NUMBERS, [0.4, 1.7], "wrong-loss", "that they were before scaling"),
        ("softmax", 3, ROWS, [[0, 0, 0], [1, 0, 0]], "label-out-of-range", "class numbers that start at 0"),
        ("softmax", 3, LOGITS, [[0, 1, 0], [1, 0, 0]], "softmax-twice", "the loss cannot fall below 0.55"),
        ("sigmoid", 1, TAGS, [[0], [1]], "softmax-twice", "no probability is ever below 0.5"),
        ("relu", 3, LOGITS, [[0, 1, 0], [1, 0, 0]], "output-activation", "logits, which have no bounds"),
        ("linear", 3, ROWS, [[0, 1, 0], [1, 0, 0]], "missing-softmax", "takes probabilities, 0 to 1"),
        ("linear", 1, YES_OR_NO, [[0], [1]], "missing-softmax", "BinaryCrossentropy(from_logits=True)"),
        ("tanh", 3, ROWS, [[0, 1, 0], [1, 0, 0]], "output-activation", "a softmax, for one of many classes"),
        ("tanh", 1, YES_OR_NO, [[0], [1]], "output-activation", "a sigmoid"),
        ("softmax", 1, YES_OR_NO, [[0], [1]], "output-activation", "A softmax over one unit"),
        ("softmax", 2, YES_OR_NO, [[1, 1], [1, 0]], "output-activation", "each unit needs a sigmoid"),
    ],
)
def test_the_remedy_fits_the_evidence(activation, units, objective, labels, cause, text):
    (finding,) = said(fitted(objective, labels, activation, units, says_accuracy=objective is MSE and units != 2))
    assert finding.cause == cause
    assert text in str(finding)


@pytest.mark.parametrize(
    ("activation", "units", "objective", "labels"),
    [
        ("softmax", 4, NUMBERS, [0, 1, 2, 3]),
        ("softmax", 3, ROWS, [[0, 1, 0], [1, 0, 0]]),
        ("linear", 3, LOGITS, [[0, 1, 0], [1, 0, 0]]),
        ("linear", 4, TEN, [0, 1, 2, 3]),
        ("sigmoid", 1, YES_OR_NO, [[0], [1]]),
        ("linear", 1, TAGS, [[0], [1]]),
        ("sigmoid", 2, YES_OR_NO, [[1, 1], [1, 0]]),
        ("linear", 1, MSE, [0.1, -0.5, 7.7]),
        ("softmax", 4, replace(NUMBERS, ignored=-1), [-1, 0, 1, 2]),
        ("softmax", 3, NUMBERS, [0, np.nan]),  # a cause of its own
        ("sigmoid", 1, YES_OR_NO, [0, np.nan]),
    ],
)
def test_what_fits_is_left_alone(activation, units, objective, labels):
    assert fitted(objective, labels, activation, units, says_accuracy=False).task == {}


@pytest.mark.parametrize(
    ("loss", "shift", "cause"),
    [
        ("mean_absolute_percentage_error", 0.0, ["wrong-loss"]),
        ("mean_absolute_percentage_error", 20.0, []),
        ("mean_squared_logarithmic_error", 0.0, ["wrong-loss"]),
        ("mean_squared_logarithmic_error", 20.0, []),
        ("mean_squared_error", 0.0, []),
    ],
)
def test_relative_errors_of_targets_around_zero(loss, shift, cause):
    labels = shift + 2.5 * np.linspace(-1, 1, 40)[:, None]
    assert list(fitted(replace(MSE, name=loss), labels, says_accuracy=False).task) == cause


def test_many_class_numbers_of_a_small_batch_are_classes_though_they_are_no_integers():
    labels = RNG.permutation(100)[:32].astype(np.float32)
    assert fitted(NUMBERS, labels, "softmax", 100, 32, says_accuracy=False).task == {}
    assert list(fitted(NUMBERS, labels / 255, "softmax", 100, 32, says_accuracy=False).task) == ["wrong-loss"]


def test_several_marks_at_once_are_not_one_class_of_many():
    marks = (RNG.random((40, 5)) < 0.5).astype(np.float32)
    assert list(fitted(ROWS, marks, "sigmoid", 5).task) == ["wrong-loss"]


@pytest.mark.parametrize(
    ("after", "objective", "severity"),
    [(["softmax"], ROWS, "error"), ([], ROWS, None), (["sigmoid"], YES_OR_NO, "error")],
)
def test_an_activation_after_an_activation(after, objective, severity):
    context = fitted(objective, [[0, 1, 0], [1, 0, 1]][: 1 + (objective is YES_OR_NO)], "softmax", 3, after=after)
    assert [f.severity for f in context.task.get("softmax-twice", [])] == ([] if severity is None else [severity])


@pytest.mark.parametrize(("plain", "severity"), [(9.0, "note"), (2.3, "error")])
def test_probabilities_that_keras_does_not_use_are_a_note(plain, severity):
    context = fitted(LOGITS, [[0, 1, 0], [1, 0, 0]], "softmax", 3, losses=2.3)
    context.losses = lambda outputs, labels: np.full(len(outputs), plain)
    (finding,) = said(context)
    assert (finding.cause, finding.severity) == ("softmax-twice", severity)


def test_the_activations_at_the_end_follow_the_last_weights():
    x = np.zeros((4, 3))
    hidden, last = call(x, x, activation="tanh"), call(x, x, activation="linear")
    assert output_activations([hidden, last]) == []
    assert output_activations([hidden, last, call(x, x, "Softmax"), call(x, x, "ReLU")]) == ["softmax", "relu"]
    assert output_activations([hidden, call(x, x, "Flatten")]) == ["tanh"]
    assert output_activations([call(x, x, "Activation", activation="sigmoid")]) == ["sigmoid"]
    assert output_activations([last, call(x, x, "Activation", activation="gelu")]) == []


def custom(losses, name="loss"):
    return Objective("unknown", False, False, name, losses)


def overlap(outputs, labels):
    """Dice coefficient, which is 1 for the right mask."""
    return 2 * (outputs * labels).sum((1, 2)) / (outputs.sum((1, 2)) + labels.sum((1, 2)) + 1e-6)


def compared(losses, labels, outputs, name="loss"):
    return list(context_of(outputs=outputs, labels=labels, objective=custom(losses, name)).task)


def test_a_loss_that_is_lower_for_wrong_masks():
    masks, outputs = (RNG.random((32, 8, 8)) > 0.7).astype(np.float32), np.zeros((32, 8, 8))
    assert compared(overlap, masks, outputs) == ["wrong-loss"]
    assert compared(lambda o, y: 1 - overlap(o, y), masks, outputs) == []


def test_a_custom_loss_that_fails_is_left_alone():
    def fails(outputs, labels):
        raise TypeError("other shapes")

    assert compared(fails, (RNG.random((32, 8, 8)) > 0.7).astype(np.float32), np.zeros((32, 8, 8))) == []
    assert compared(fails, RNG.integers(0, 3, (16, 4, 4, 1)), RNG.random((16, 4, 4, 3))) == []


@pytest.mark.parametrize(("sizes", "cause"), [((0.1, 9.0), ["wrong-loss"]), ((1.0, 1.0), [])])
def test_a_cosine_does_not_see_how_large_targets_are(sizes, cause):
    targets = RNG.normal(size=(64, 3))
    targets *= RNG.uniform(*sizes, (64, 1)) / np.linalg.norm(targets, axis=1, keepdims=True)
    assert compared(None, targets, np.zeros((64, 3)), "CosineSimilarity") == cause


def rows_of(labels):
    return np.eye(3)[labels[..., 0].astype(int)]


@pytest.mark.parametrize(
    ("losses", "cause"),
    [
        (lambda o, y: ((o - y) ** 2).mean((1, 2, 3)), ["label-encoding"]),
        (lambda o, y: ((o - rows_of(y)) ** 2).mean((1, 2, 3)), []),
    ],
)
def test_class_numbers_that_are_compared_with_each_unit(losses, cause):
    masks = RNG.integers(0, 3, (16, 4, 4, 1))
    assert compared(losses, masks, RNG.random((16, 4, 4, 3))) == cause


def masks(most):
    values = RNG.integers(0, 3, (16, 4, 4, 1)).astype(float)
    values[0, 0, 0, 0] = most
    return values


@pytest.mark.parametrize(
    ("most", "ignored", "cause"),
    [(2, None, []), (3, None, ["output-units"]), (255, None, ["label-out-of-range"]), (255, 255, [])],
)
def test_numbers_of_pixels_that_no_unit_stands_for(most, ignored, cause):
    objective = replace(TEN, ignored=ignored)
    context = context_of(outputs=RNG.random((16, 4, 4, 3)), labels=masks(most), objective=objective)
    assert [f.cause for f in said(context)] == cause


def failed(images=1.0, labels=(0, 1, 2), earlier=(0, 1, 2), **more):
    """A context of a batch on which training went wrong, for three units."""
    images, labels = np.full((len(labels), 4), images), np.asarray(labels, np.float32)
    batch = Batch(images, labels, np.asarray(earlier), **{"split": "training", "has_failed": False, "units": 3} | more)
    return context_of(outputs=np.zeros((1, 3)), objective=NUMBERS, phase=Phase.BAD_BATCH, step=7, batch=batch)


@pytest.mark.parametrize(
    ("context", "cause", "where"),
    [
        (failed(), None, None),
        (failed(labels=[0, 1, 3]), "output-units", "last layer"),
        (failed(labels=[1, 2, 3], earlier=[1, 2]), "label-out-of-range", "labels"),
        (failed(labels=[1, 2, 3], earlier=[0]), "output-units", "last layer"),  # the batch alone lacks a class
        (failed(labels=[0, 1, -1], split="validation"), "label-out-of-range", "validation labels"),
        (failed(labels=[0, 1, 3], units=0), None, None),
        (failed(images=np.nan, labels=[0, 1, 3]), "non-finite-input", "training"),
        (failed(images=np.nan, split="validation"), "non-finite-input", "validation"),
    ],
)
def test_labels_of_a_batch_on_which_training_went_wrong(context, cause, where):
    assert [(f.cause, f.where, f.step) for f in examine(context)] == ([] if cause is None else [(cause, where, 7)])


@pytest.mark.parametrize(
    ("images", "labels", "has_failed", "text"),
    [
        (
            np.inf,
            [0, 1, 2],
            False,
            "The rows of this batch contain NaN or infinity, and since this batch the loss is",
        ),
        (1.0, [0, np.nan, 2], True, "The labels of this batch contain NaN or infinity, and the step on this batch has"),
        (np.nan, [0, np.nan, 2], True, "The rows and labels of this batch contain"),
    ],
)
def test_values_of_a_batch_that_are_not_finite(images, labels, has_failed, text):
    (finding,) = examine(failed(images, labels, has_failed=has_failed))
    assert text in finding.evidence
    assert finding.keras.startswith("keep = np.isfinite" if images == 1.0 else "")
    assert bool(finding.keras) == (images == 1.0)


def test_a_batch_without_a_known_loss_shows_only_values_that_are_not_finite():
    context = failed(labels=[0, 1, 3])
    context.subject = replace(context.subject, objective=None)
    assert examine(context) == []


def at_positions(objective, labels, activation="linear", units=1, shape=(40, 7)):
    """A context of a network with an output for each position."""
    values = RNG.normal(size=(*shape, units))
    outputs = ACTIVATIONS[activation](values)
    calls = [call(values, values, name="hidden", activation="relu"), call(values, outputs, activation=activation)]
    return context_of(calls, outputs, labels=np.asarray(labels, np.float32), objective=objective, losses=1.0)


MASK = (RNG.random((40, 7, 1)) < 0.3).astype(np.float32)
WORDS = RNG.integers(0, 5, (40, 7))


@pytest.mark.parametrize(
    ("activation", "units", "objective", "labels", "cause"),
    [
        ("softmax", 1, YES_OR_NO, MASK, "output-activation"),
        ("relu", 1, YES_OR_NO, MASK, "output-activation"),
        ("linear", 1, YES_OR_NO, MASK, "missing-softmax"),
        ("sigmoid", 1, YES_OR_NO, 255 * MASK, "label-out-of-range"),
        ("sigmoid", 1, YES_OR_NO, RNG.normal(size=(40, 7, 1)), "wrong-loss"),
        ("linear", 5, NUMBERS, WORDS, "missing-softmax"),
        ("softmax", 5, replace(NUMBERS, from_logits=True), WORDS, "softmax-twice"),
        ("softmax", 4, NUMBERS, WORDS, "output-units"),
        ("sigmoid", 1, MSE, 50 * MASK, "output-activation"),
        ("relu", 1, MSE, RNG.normal(size=(40, 7)), "output-activation"),
        ("relu", 1, MSE, RNG.normal(size=(56, 7)), "output-activation"),  # labels of more batches than the first one
    ],
)
def test_an_output_for_each_position_that_does_not_fit(activation, units, objective, labels, cause):
    assert [finding.cause for finding in said(at_positions(objective, labels, activation, units))] == [cause]


@pytest.mark.parametrize(
    ("activation", "units", "objective", "labels"),
    [
        ("sigmoid", 1, YES_OR_NO, MASK),
        ("sigmoid", 1, YES_OR_NO, np.where(RNG.random((40, 7, 1)) < 0.2, -1, MASK)),  # -1 for what does not count
        ("linear", 1, TAGS, MASK),
        ("softmax", 5, NUMBERS, WORDS),
        ("softmax", 5, ROWS, np.eye(5)[WORDS]),
        ("linear", 5, replace(NUMBERS, from_logits=True), WORDS),
        ("linear", 1, MSE, RNG.normal(size=(40, 7))),
        ("sigmoid", 3, MSE, RNG.random((40, 7, 3))),
        ("softmax", 3, MSE, softmax(RNG.normal(size=(40, 7, 3)))),
    ],
)
def test_an_output_for_each_position_that_fits(activation, units, objective, labels):
    assert said(at_positions(objective, labels, activation, units)) == []


def test_targets_that_do_not_add_up_to_one_are_out_of_reach_of_a_softmax():
    shares, rates = softmax(RNG.normal(size=(40, 3))), RNG.random((40, 3))
    assert [finding.severity for finding in said(fitted(MSE, shares, "softmax", 3, losses=1.0))] == ["note"]
    (finding,) = said(fitted(MSE, rates, "softmax", 3, losses=1.0))
    assert (finding.cause, finding.severity) == ("output-activation", "error")
    assert "add up to 1 in each row, but the targets of a row add up to" in finding.evidence


@pytest.mark.parametrize(
    ("activation", "units", "objective", "labels"),
    [("softmax", 5, replace(NUMBERS, from_logits=True), WORDS), ("sigmoid", 1, TAGS, MASK)],
)
def test_probabilities_for_each_position_that_keras_turns_back_into_logits(activation, units, objective, labels):
    context = at_positions(objective, labels, activation, units)
    context.losses = lambda outputs, labels: np.full(len(outputs), 2.0)  # not those of the pass
    assert [(finding.cause, finding.severity) for finding in said(context)] == [("softmax-twice", "note")]


JUST_ABOVE = [[0.0, 0.3, 1.0000000000000002], [-1e-17, 0.8, 0.2]]


@pytest.mark.parametrize(
    "context",
    [
        fitted(YES_OR_NO, JUST_ABOVE, "sigmoid", 3, losses=1.0),
        fitted(TAGS, JUST_ABOVE, "linear", 3, losses=1.0),
        fitted(ROWS, [[0.2, 0.8], [1.0000000000000002, -1e-17]], "softmax", 2, losses=1.0),
        fitted(YES_OR_NO, [[0.4, 0.6], [1.0000000000000002, 0.0]], "softmax", 2, losses=1.0),
        at_positions(YES_OR_NO, (1 + 1e-7) * MASK, "sigmoid"),
    ],
)
def test_labels_that_rounding_moves_out_of_their_range(context):
    labels = context.subject.labels.astype(np.float64)
    labels[labels > 0.999] = 1.0000000000000002  # which float32 cannot hold
    context.subject = replace(context.subject, labels=labels)
    assert said(context) == []


def test_pixels_as_targets_of_a_cross_entropy():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 64)).astype(np.float32)
    outputs = np.full((40, 64), 0.5, np.float32)
    yes_or_no = Objective("sigmoid", False, False, "binary_crossentropy", lambda outputs, labels: outputs)
    for values, cause in ((pixels, "unscaled-target"), (pixels[:, :2], "wrong-loss"), (pixels / 255, None)):
        found = Pass([], outputs[:, : values.shape[1]])
        causes = [one.cause for one in check_task(found, yes_or_no, read_labels(values), False)]
        assert causes[:1] == ([] if cause is None else [cause])
