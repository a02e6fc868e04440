"""What a network looks at: Grad-CAM, filters and features of networks with and without maps."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from exprun.run_page import network  # noqa: E402
from exprun.run_page.embedding import principal  # noqa: E402


def detector(residual: bool = False):
    """A network whose class 1 is the brightness anywhere, and whose class 0 is a constant."""
    pixels = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer="ones")(pixels)
    if residual:
        x = keras.layers.Add()([x, keras.layers.Conv2D(1, 1, kernel_initializer="zeros")(x)])
        x = keras.layers.Activation("relu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    logits = keras.layers.Dense(2, kernel_initializer=lambda *_, **__: np.array([[0.0, 1.0]], np.float32))(x)
    return keras.Model(pixels, logits)


@pytest.mark.parametrize("residual", [False, True])
def test_the_evidence_for_brightness_is_where_it_is_bright(residual):
    image = np.zeros((2, 8, 8, 1), np.float32)
    image[0, 2, 5], image[1, 6, 1] = 1.0, 3.0
    maps = network.grad_cam(detector(residual), image, np.array([[1, 0], [1, 0]]))
    assert maps.shape == (2, 2, 8, 8)
    assert np.unravel_index(maps[0, 0].argmax(), (8, 8)) == (2, 5)
    assert np.unravel_index(maps[1, 0].argmax(), (8, 8)) == (6, 1)
    assert maps[:, 0].max() == 1.0
    assert not maps[:, 1].any()  # no part of the image speaks for a constant


def test_frozen_layers_have_maps_too():
    model = detector()
    model.trainable = False
    image = np.zeros((1, 8, 8, 1), np.float32)
    image[0, 2, 5] = 1.0
    assert network.grad_cam(model, image, np.array([[1]])).max() == 1.0


def test_a_network_without_a_map_has_none():
    model = keras.Sequential([keras.Input((1, 1, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    assert network.grad_cam(model, np.zeros((1, 1, 1, 3), np.float32), np.array([[0]])) is None
    assert network.first_filters(model) is None


def test_filters_are_scaled_around_grey():
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3), keras.layers.Flatten()])
    kernel = np.zeros((3, 3, 3, 2), np.float32)
    kernel[0, 0, 0], kernel[2, 2, 2] = [0.5, 2.0], [-0.5, 0.0]
    model.layers[0].set_weights([kernel, np.zeros(2)])
    filters = network.first_filters(model)
    assert filters.shape == (2, 3, 3, 3)
    assert filters[0, 0, 0].tolist() == [255, 128, 128]
    assert filters[0, 2, 2].tolist() == [128, 128, 0]
    assert network.first_filters(model, reverse=True)[0, 0, 0].tolist() == [128, 128, 255]


def test_features_are_the_inputs_of_the_last_layer_and_end_in_time():
    model = detector()
    images = np.random.default_rng(0).random((40, 8, 8, 1)).astype(np.float32)
    found = network.features(model, lambda part: images[part], 40, seconds=60)
    np.testing.assert_allclose(found[:, 0], images.mean(axis=(1, 2, 3)), rtol=1e-5)
    assert len(network.features(model, lambda part: images[part], 40, seconds=0)) == network.FIRST_BATCH


@pytest.mark.parametrize("shape", [(50, 7), (7, 50), (5, 1), (1, 3), (4, 0)])
def test_principal_components_are_those_of_the_decomposition(shape):
    features = np.random.default_rng(0).normal(size=shape).astype(np.float32) * np.arange(1, shape[1] + 1)
    points, share = principal(features)
    assert points.shape == (shape[0], 2)
    if min(shape) > 2:
        centred = features - features.mean(axis=0)
        left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
        np.testing.assert_allclose(np.abs(points), np.abs((left * sizes)[:, :2]), rtol=1e-3, atol=1e-3)
        assert share == pytest.approx((sizes[:2] ** 2).sum() / (sizes**2).sum(), rel=1e-4)
