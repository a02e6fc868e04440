"""The losses that a loop calls."""

import keras
import numpy as np

from exprun.diagnose.loss_calls import _with_options


def test_options_of_a_call_belong_to_its_loss():
    function, logits = keras.losses.sparse_categorical_crossentropy, (("from_logits", True),)
    made = _with_options(function, logits)
    assert made is _with_options(function, logits)  # one loss, however often it is called
    assert made.get_config()["from_logits"] is True
    labels, outputs = np.array([1, 0]), np.array([[3.0, -3.0], [0.0, 0.0]], "float32")
    expected = np.mean(function(labels, outputs, from_logits=True))
    assert float(made(labels, outputs)) == float(expected)
    assert _with_options(function, ()) is function


def test_options_that_a_loss_cannot_have_are_left_out():
    function = keras.losses.sparse_categorical_crossentropy
    assert _with_options(function, (("from_logits", np.zeros(2)),)) is function
    assert _with_options(keras.losses.kl_divergence, (("other", 1),)) is keras.losses.kl_divergence
