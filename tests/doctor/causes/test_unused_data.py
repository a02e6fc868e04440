"""unused-data: the same part of the data in each epoch, although there is more."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from doctor.contexts import found
from doctor.histories import after_epochs, training
from exprun.doctor import Doctor
from exprun.doctor.cause import Phase
from exprun.doctor.causes import unused_data
from exprun.doctor.history import Evaluation
from exprun.doctor.instruments.at_hand import AtHand, Drawn, Held
from exprun.doctor.instruments.pipelines import Taken
from exprun.doctor.subject import Images

X = np.random.default_rng(0).random((400, 4, 4, 1), np.float32)
HELD = AtHand("the generator", (Held("x", 400, (4, 4, 1)), Held("y", 400, ())))
SOME = AtHand("the pipeline", taken=Taken(10, 400, are_batches=True))


def check(rows, at_hand=HELD, epochs=3, size=16):
    """What is found after epochs that draw these rows in batches."""
    drawn = Drawn()
    for epoch in range(epochs):
        chosen = rows(epoch)
        for number in range(len(chosen) // size):
            drawn.take(X[chosen[number * size : (number + 1) * size]], number)
    history = after_epochs([0.1] * epochs, steps=len(chosen) // size)
    history.batch, history.drawn = size, drawn
    return found(unused_data, training(Phase.EPOCH, history, at_hand=at_hand, train=Images(X[:size])))


def test_epochs_that_have_the_same_part():
    [finding] = check(lambda epoch: np.arange(64))
    assert (finding.severity, finding.where, finding.numbers) == (
        "warning",
        "training batches",
        {"used": 64, "rows": 400},
    )
    assert finding.evidence == (
        "The last 3 epochs have begun with the same 4 batches, bit for bit, and an epoch has 64 images at most; but "
        "`x` in the generator has 400 images, so the others are never trained on."
    )


def test_a_part_in_another_order_each_time():
    [finding] = check(lambda epoch: np.random.default_rng(epoch).permutation(64))
    assert finding.evidence.startswith(
        "Of the first 192 images, only 64 are different, and they return again and again"
    )


@pytest.mark.parametrize(
    ("rows", "options"),
    [
        (lambda epoch: np.arange(400), {}),
        (lambda epoch: np.random.default_rng(epoch).integers(0, 400, 400), {}),  # drawn with replacement
        (lambda epoch: np.arange(64 * epoch, 64 * epoch + 64), {}),  # goes on where it has ended
        (lambda epoch: np.arange(240), {}),  # more than half
        (lambda epoch: np.arange(64), {"epochs": 2}),
        (lambda epoch: np.arange(64), {"at_hand": None}),
        (lambda epoch: np.arange(64), {"at_hand": AtHand("the generator")}),
        (lambda epoch: np.arange(64), {"at_hand": replace(HELD, held=(*HELD.held, Held("rows", 64, ())))}),
    ],
)
def test_epochs_that_have_all_or_as_much_as_is_meant(rows, options):
    assert check(rows, **options) == []


def test_a_take_is_a_note_until_the_network_overfits():
    [finding] = check(lambda epoch: np.arange(64), SOME, epochs=1)
    assert finding.severity == "note"
    assert finding.evidence == (
        "In the pipeline, take(10) lets through the first 10 of 400 batches, the same in each epoch."
    )
    assert finding.keras.startswith("remove take(10)")
    assert check(lambda epoch: np.arange(64), SOME, epochs=2) == []


@pytest.mark.parametrize(
    ("val_loss", "accuracy", "at_hand", "count"),
    [
        (1.0, 0.7, SOME, 1),
        (1.0, np.nan, SOME, 1),
        (0.2, 0.7, SOME, 0),
        (1.0, 0.99, SOME, 0),
        (1.0, 0.7, HELD, 0),
        (1.0, 0.7, AtHand("the pipeline", taken=Taken(300, 400, are_batches=True)), 0),
    ],
)
def test_a_network_that_overfits_on_what_was_taken(val_loss, accuracy, at_hand, count):
    history = after_epochs([0.1] * 2, accuracy=0.99)
    history.val_images = 300
    context, counts = training(Phase.EVALUATION, history, 100, at_hand=at_hand), []
    for _ in range(2):
        history.evaluations.append(Evaluation(val_loss, accuracy, 0.1, 0.99))
        counts.append(len(found(unused_data, context)))
    assert counts == [0, count]


def batches(x, y, size):
    while True:
        for at in range(0, len(x), size):
            yield x[at : at + size], y[at : at + size]


@pytest.mark.slow
@pytest.mark.parametrize(("restarts", "causes"), [(True, ["unused-data"]), (False, [])])
def test_a_loop_of_fits_that_makes_its_generator_again(restarts, causes):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    doctor, data = Doctor(report=lambda text: None), batches(X, X.mean((1, 2)), 16)
    for _ in range(4):
        data = batches(X, X.mean((1, 2)), 16) if restarts else data
        model.fit(data, steps_per_epoch=5, epochs=1, verbose=0, callbacks=[doctor])
    assert [one.cause for one in doctor.findings if one.cause == "unused-data"] == causes
