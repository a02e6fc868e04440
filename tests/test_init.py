"""The initialisers that Keras does not have."""

import numpy as np
import pytest

from exprun.config.errors import ConfigError
from exprun.init import Dirac, Whiten
from exprun.model import build
from tiny import config, kept

WHITE = ["model.layers=[{conv: 8, kernel: 2, padding: valid, norm: none},{conv: 4, pool: 2},flatten]", "init=whiten"]
GREY = ["data.size=8", "data.channels=1"]


@pytest.mark.parametrize(("channels", "filters"), [(3, 8), (8, 3), (4, 4)])
def test_dirac_hands_as_many_channels_through_as_it_can(channels, filters):
    import tensorflow as tf

    kernel = np.asarray(Dirac(0)((3, 3, channels, filters)))
    images = np.random.default_rng(0).normal(size=(2, 5, 5, channels)).astype(np.float32)
    copies = min(channels, filters)
    out = tf.nn.conv2d(images, kernel, 1, "SAME").numpy()
    np.testing.assert_allclose(out[..., :copies], images[..., :copies], rtol=1e-6)
    rest = kernel[..., copies:]
    if rest.size:
        bound = (9 * channels) ** -0.5
        assert 0.8 * bound < np.abs(rest).max() <= bound
    assert np.abs(np.asarray(Dirac(0)((50, 20)))).max() <= 50**-0.5


def test_dirac_copies_channels_within_each_group_and_keeps_even_windows_in_place():
    import tensorflow as tf

    images = np.random.default_rng(0).normal(size=(2, 5, 5, 8)).astype(np.float32)
    kernel = np.asarray(Dirac(0, 4)((2, 2, 2, 8)))
    np.testing.assert_allclose(tf.nn.conv2d(images, kernel, 1, "SAME").numpy(), images, rtol=1e-6)


def test_whitened_patches_are_uncorrelated_and_of_one_size():
    import tensorflow as tf

    rng = np.random.default_rng(0)
    images = (rng.normal(size=(200, 9, 9, 2)) @ [[1.0, 0.5], [0.0, 2.0]]).astype(np.float32)
    images[:, 1:] += images[:, :-1]  # neighbours are alike
    kernel = np.asarray(Whiten(lambda: images, 1e-9)((2, 2, 2, 16)))
    out = tf.nn.conv2d(images, kernel, 1, "VALID").numpy().reshape(-1, 16)
    np.testing.assert_allclose(out[:, :8], -out[:, 8:], rtol=1e-5)
    np.testing.assert_allclose(out[:, :8].T @ out[:, :8] / len(out), np.eye(8), atol=1e-3)


@pytest.mark.parametrize("optim", ["sgd_momentum", pytest.param("muon_nesterov", marks=pytest.mark.slow)])
def test_the_whitening_layer_stays_and_its_bias_learns(optim):
    _, loop = kept(config(*WHITE, *GREY, f"optim={optim}", "trainer.max_steps=2", "trainer.checkpoint=false"))
    layer = loop.step.model.get_layer("conv1")
    inputs = loop.step.preprocessing.train(loop.dataset.train.images[loop.dataset.train.rows].astype(np.float32))
    first = Whiten(lambda: np.asarray(inputs), 5e-4)((2, 2, 1, 8), "float32")
    np.testing.assert_array_equal(layer.kernel.numpy(), first)
    assert layer.bias.numpy().any()


def test_the_first_convolution_may_start_differently():
    part = "{name: gaussian, stddev: 0.5, bias: 0.25}"
    model = build(config(f"init.first={part}", "init=he_normal", "norm=none"), (8, 8, 3), 10).model
    assert model.get_layer("conv1").bias.numpy().tolist() == [0.25] * 8
    assert model.get_layer("conv1").kernel.numpy().std() == pytest.approx(0.5, rel=0.2)
    assert not model.get_layer("conv2").bias.numpy().any()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["init=whiten"], "2 · kernel · kernel · channels filters"),
        ([*WHITE, "data.size=8", "data.channels=3"], "{conv: 24, kernel: 2}"),
        (["init=dirac", "init.name=whiten"], "init.name"),
        (["init.conv={name: whiten, epsilon: 1e-3}"], "write init.first.name=whiten"),
        (["init.first={name: whiten}"], "needs init.first.epsilon"),
        (["init=dirac", "init.epsilon=1"], "init=dirac does not use init.epsilon"),
        (["augment=alternating_flip", "augment.flip=true"], "exclude each other"),
        (["augment=mixup", "augment.randaugment_ops=3"], "set augment.randaugment"),
    ],
)
def test_what_does_not_go_is_said(words, said):
    with pytest.raises(ConfigError) as error:
        config(*words)
    assert said in str(error.value)
