"""Whatever ends a fit: the doctor says what it knows before the traceback, and leaves the model as it was."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from exprun.doctor import Doctor
from exprun.doctor.keras import callback
from exprun.doctor.keras.tap import Tap

RNG = np.random.default_rng(0)
ROWS, CLASSES = RNG.normal(size=(64, 6)).astype(np.float32), np.arange(64) % 10
LOSS = "sparse_categorical_crossentropy"
RIGHT = (ROWS, CLASSES)
# With several steps in a call, the batch after the failing one may be fetched already: both have such a label.
ONE_TOO_FAR = (ROWS, np.where(np.isin(np.arange(64), (40, 56)), 10, CLASSES))


def network(**options):
    model = keras.Sequential([layers.Input((6,)), layers.Dense(10, "softmax")])
    model.compile("sgd", LOSS, **options)
    return model


def fitted(error, train=RIGHT, callbacks=(), model=None, **options):
    """What was told in a fit that ends by an exception, and what was found."""
    told, model = [], model or network()
    doctor = Doctor(report=told.append)
    with pytest.raises(error) as caught:
        model.fit(*train, epochs=2, shuffle=False, verbose=0, callbacks=[doctor, *callbacks], **options)
    assert callback._WATCHING == []
    assert not isinstance(model.train_function, Tap)
    assert not isinstance(model.test_function, Tap)
    model.fit(*RIGHT, verbose=0)
    return told, doctor, caught.value


@pytest.mark.parametrize(
    "options",
    [{}, *(pytest.param(one, marks=pytest.mark.slow) for one in ({"run_eagerly": True}, {"steps_per_execution": 2}))],
)
@pytest.mark.parametrize("size", [16, pytest.param(64, marks=pytest.mark.slow)])
def test_labels_out_of_range_in_a_late_batch_or_the_first(options, size):
    told, doctor, _ = fitted(tf.errors.InvalidArgumentError, ONE_TOO_FAR, model=network(**options), batch_size=size)
    assert [f.cause for f in doctor.findings if f.severity == "error"] == ["output-units"]
    assert "The labels go from 0 to 10, but the last layer has 10 units, for the classes 0 to 9." in told[-2]
    assert told[-1].startswith("doctor: fit was ended by InvalidArgumentError after ")
    assert "[output-units]" in told[-1]


def test_labels_out_of_range_in_validation():
    told, _, _ = fitted(tf.errors.InvalidArgumentError, validation_data=ONE_TOO_FAR)
    assert "validation" in told[-2]
    assert "from 0 to 10" in told[-2]


def test_it_is_printed_where_nothing_else_is_asked_for(capsys):
    with pytest.raises(tf.errors.InvalidArgumentError):
        network().fit(*ONE_TOO_FAR, shuffle=False, verbose=0, callbacks=[Doctor()])
    assert "The labels go from 0 to 10" in capsys.readouterr().err


@pytest.mark.slow
def test_the_first_fit_of_a_process_is_watched_where_its_doctor_is_made_in_the_call():
    text = (
        "import keras\nimport numpy as np\nfrom exprun.doctor import Doctor\n"
        "model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, 'softmax')])\n"
        "model.compile('sgd', 'sparse_categorical_crossentropy')\n"
        "model.fit(np.ones((8, 4)), np.arange(8), verbose=0, callbacks=[Doctor()])\n"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "The labels go from 0 to 7" in done.stderr


class Raises(keras.callbacks.Callback):
    def __init__(self, where, error):
        super().__init__()
        setattr(self, where, self.raised)
        self.error = error

    def raised(self, *_, **__):
        raise self.error


@pytest.mark.parametrize(
    ("where", "steps"),
    [
        pytest.param("on_epoch_begin", 0, marks=pytest.mark.slow),
        pytest.param("on_train_batch_begin", 0, marks=pytest.mark.slow),
        ("on_train_batch_end", 1),
        pytest.param("on_test_batch_end", 4, marks=pytest.mark.slow),
        pytest.param("on_epoch_end", 4, marks=pytest.mark.slow),
        pytest.param("on_train_end", 8, marks=pytest.mark.slow),
    ],
)
def test_wherever_a_callback_raises(where, steps):
    error = KeyboardInterrupt()
    told, _, caught = fitted(type(error), callbacks=[Raises(where, error)], batch_size=16, validation_data=RIGHT)
    assert caught is error
    if where != "on_train_end":
        assert told[-1].startswith(f"doctor: fit was ended by KeyboardInterrupt after {steps} step")


@pytest.mark.parametrize("error", [pytest.param(RuntimeError("own"), marks=pytest.mark.slow), SystemExit(3)])
def test_whatever_a_callback_raises(error):
    told, _, caught = fitted(type(error), callbacks=[Raises("on_train_batch_end", error)])
    assert caught is error
    assert told[-1].startswith(f"doctor: fit was ended by {type(error).__name__} after 1 step")


def test_input_that_raises():
    def rows():
        for _ in range(3):  # Keras looks at two before it begins
            yield ROWS[:16], CLASSES[:16]
        raise RuntimeError("own")

    told, _, caught = fitted(Exception, (rows(),))
    assert "own" in str(caught)
    assert "after 3 steps." in told[-1]


def test_a_step_that_cannot_be_traced():
    one_hot = (ROWS, np.eye(10)[CLASSES])
    told, doctor, _ = fitted(ValueError, one_hot)
    assert [f.cause for f in doctor.findings if f.severity == "error"] == ["label-encoding"]
    assert told[-1].startswith("doctor: fit was ended by ValueError after 0 steps.")


def test_other_fits_are_none_of_its_business():
    told = []
    doctor = Doctor(report=told.append)
    network().fit(*RIGHT, verbose=0, callbacks=[doctor])
    with pytest.raises(RuntimeError):
        network().fit(*RIGHT, verbose=0, callbacks=[Raises("on_epoch_end", RuntimeError("own"))])
    assert not any("ended" in text for text in told)
