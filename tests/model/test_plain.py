"""Networks with plain operations in place of special layers compute the same."""

import keras
import numpy as np
import pytest

from exprun.model.added_weights import LayerScale, PositionEmbedding
from exprun.model.plain import plain
from exprun.norm import LocalResponseNormalization


def images(channels):
    return np.random.default_rng(0).normal(size=(2, 9, 9, channels)).astype(np.float32)


def small(*layers):
    """A network inside another, with some layers."""
    inner = keras.Sequential([keras.Input((9, 9, 8)), *layers])
    x = keras.Input((9, 9, 8))
    model = keras.Model(x, keras.layers.Flatten()(inner(x)))
    for variable in model.weights:
        variable.assign(np.random.default_rng(1).normal(size=variable.shape))
    return model


LAYERS = {
    "two groups": lambda: keras.layers.Conv2D(6, 3, 2, "same", groups=2, activation="relu"),
    "depthwise": lambda: keras.layers.Conv2D(16, 3, groups=8, use_bias=False),
    "dilated": lambda: keras.layers.Conv2D(8, 3, dilation_rate=2, groups=4),
    "layer scale": lambda: LayerScale(0.5),
    "position": lambda: PositionEmbedding(3),
    "response norm": lambda: LocalResponseNormalization(2, 2.0, 0.1, 0.75),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_plain_operations_compute_the_same(kind):
    model = small(LAYERS[kind]())
    found = plain(model)
    special = [layer for layer in found._flatten_layers() if getattr(layer, "groups", 1) > 1]
    assert special == []
    assert "exprun" not in str(found.get_config())
    np.testing.assert_allclose(found(images(8)), model(images(8)), atol=1e-5)


def test_what_has_nothing_special_stays_itself():
    model = small(keras.layers.Conv2D(4, 3))
    assert plain(model) is model
    grouped = small(LAYERS["two groups"]())
    assert plain(grouped, convolutions=False) is grouped


def test_a_model_of_a_subclass_stays_itself():
    class Own(keras.Model):
        def call(self, x):
            return 2 * super().call(x)

    model = small(LAYERS["two groups"]())
    own = Own(model.inputs, model.outputs)
    assert plain(own) is own
