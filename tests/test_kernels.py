"""Layers computed in faster ways, against Keras' own."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from exprun.kernels import SPLIT, faster
from exprun.trainer.device import choose
from tiny import config, step_of

IMAGES = np.random.default_rng(0).normal(3.0, 2.0, (16, 6, 6, 3)).astype(np.float32)


def network(dtype="float32", **norm):
    """Two batch norms behind convolutions, one behind a dense layer; the same weights at each call."""
    keras.utils.set_random_seed(0)
    layers, own = keras.layers, {"dtype": dtype}
    inputs = keras.Input(IMAGES.shape[1:])
    x = layers.BatchNormalization(name="norm1", **own, **norm)(layers.Conv2D(4, 3, name="conv1", **own)(inputs))
    x = layers.Conv2D(5, 2, name="conv2", **own)(layers.ReLU(**own)(x))
    x = layers.BatchNormalization(name="norm2", **own, **norm)(x)
    x = layers.BatchNormalization(name="norm3", **own)(layers.Dense(6, name="dense1", **own)(layers.Flatten(**own)(x)))
    model = keras.Model(inputs, layers.Dense(2, name="classifier")(x))
    for variable in model.trainable_variables:
        variable.assign(variable + 0.1 * keras.random.normal(variable.shape, seed=1))
    return model


def steps(model, source, training=True, jit=False):
    """A function that does a step in one graph; it returns outputs and gradients, (variables by path)."""

    @tf.function(jit_compile=jit)
    def graph():
        with tf.GradientTape() as tape:
            outputs = model(IMAGES, training=training)
            loss = tf.reduce_mean(tf.square(outputs - 1.0))
        return outputs, tape.gradient(loss, source.trainable_variables)

    def step():
        outputs, gradients = graph()
        return outputs.numpy(), {v.path: g.numpy() for v, g in zip(source.trainable_variables, gradients, strict=True)}

    return step


def step(model, source):
    """The outputs and gradients of one step."""
    return steps(model, source)()


def compare(own, other, tolerance):
    (outputs, gradients), (expected, wanted) = own, other
    np.testing.assert_allclose(outputs, expected, rtol=tolerance, atol=tolerance)
    for path, gradient in wanted.items():
        np.testing.assert_allclose(gradients[path], gradient, rtol=tolerance, atol=tolerance, err_msg=path)


PLAIN, OTHER = {}, {"center": False, "momentum": 0.5, "epsilon": 1e-2}
LONG = pytest.mark.slow


@pytest.mark.parametrize(
    ("norm", "jit"),
    [
        (OTHER, False),
        pytest.param(PLAIN, False, marks=LONG),
        pytest.param({"scale": False}, False, marks=LONG),
        pytest.param(OTHER, True, marks=LONG),
        pytest.param(PLAIN, True, marks=LONG),
        pytest.param({"scale": False}, True, marks=LONG),
    ],
    ids=str,
)
def test_outputs_gradients_and_moving_statistics_are_those_of_keras(norm, jit):
    source, other = network(**norm), network(**norm)
    model = faster(source, cpu=True)
    own_step, keras_step = steps(model, source, jit=jit), steps(other, other)
    for _ in range(2):
        compare(own_step(), keras_step(), 1e-4)
    for own, wanted in zip(source.variables, other.variables, strict=True):
        np.testing.assert_allclose(own.numpy(), wanted.numpy(), rtol=1e-5, atol=1e-6, err_msg=own.path)
    compare(steps(model, source, training=False, jit=jit)(), steps(other, other, training=False)(), 1e-4)


@pytest.mark.slow
def test_in_bfloat16_it_is_as_near_to_float32_as_keras():
    reference = network()
    exact = step(reference, reference)[0]
    own, keras_own = network("mixed_bfloat16"), network("mixed_bfloat16")
    errors = [np.abs(step(m, s)[0] - exact).mean() for m, s in ((faster(own, cpu=True), own), (keras_own, keras_own))]
    assert errors[0] <= 1.5 * errors[1]
    for v, w in zip(own.non_trainable_variables, keras_own.non_trainable_variables, strict=True):
        np.testing.assert_allclose(v.numpy(), w.numpy(), rtol=2e-2, atol=1e-3, err_msg=v.path)


def test_a_frozen_norm_stays_as_it_is():
    source = network()
    source.get_layer("norm1").trainable = False
    model, before = faster(source, cpu=True), [v.numpy() for v in source.get_layer("norm1").variables]
    step(model, source)
    for variable, value in zip(source.get_layer("norm1").variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    assert not np.array_equal(source.get_layer("norm2").moving_mean.numpy(), np.zeros(5))


def test_the_kernel_is_used_for_images_and_the_model_stays_keras_own(tmp_path):
    source = network()
    graph = tf.function(lambda: faster(source, cpu=True)(IMAGES, training=True)).get_concrete_function().graph
    operations = {operation.type for operation in graph.get_operations()}
    assert "FusedBatchNormV3" in operations
    assert faster(source, cpu=True) is not source
    assert {type(layer) for layer in source.layers if "norm" in layer.name} == {keras.layers.BatchNormalization}
    source.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(loaded(IMAGES), source(IMAGES), rtol=1e-5)


def test_nested_and_sequential_models_are_fused_too():
    inner = keras.Sequential([keras.Input((6, 6, 3)), keras.layers.Conv2D(4, 3), keras.layers.BatchNormalization()])
    outer = keras.Sequential([keras.Input((6, 6, 3)), inner, keras.layers.GlobalAveragePooling2D()])
    for model in (inner, outer):
        before = [v.numpy() for v in inner.non_trainable_variables]
        own = faster(model, cpu=True)(IMAGES, training=True).numpy()
        for variable, value in zip(inner.non_trainable_variables, before, strict=True):
            variable.assign(value)
        np.testing.assert_allclose(own, model(IMAGES, training=True).numpy(), rtol=1e-4, atol=1e-5)
        assert faster(model, cpu=True) is not model


def test_what_the_kernel_does_not_compute_is_left_alone():
    dense = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3), keras.layers.BatchNormalization()])
    first = keras.Sequential([keras.Input((6, 6, 3)), keras.layers.BatchNormalization(axis=1)])

    class Twice(keras.Sequential):
        def call(self, *args, **kwargs):
            return 2 * super().call(*args, **kwargs)

    own = Twice([keras.Input((6, 6, 3)), keras.layers.BatchNormalization()])
    penalised = keras.layers.BatchNormalization(activity_regularizer=keras.regularizers.L2(0.1))
    half = keras.layers.BatchNormalization(dtype="float16")
    others = [keras.Sequential([keras.Input((6, 6, 3)), layer]) for layer in (penalised, half)]
    for model in (dense, first, own, *others):
        assert faster(model, cpu=True) is model


def test_what_a_builder_compiled_is_left_as_it_is():
    def own_loss(labels, outputs):
        return outputs

    model = network()
    model.compile("adam", loss=own_loss)
    assert faster(model, cpu=True) is not model
    assert model.compiled
    assert model.loss is own_loss


def test_a_mask_is_heeded_as_keras_does():
    inputs = keras.Input((6, 6, 3))
    model = keras.Model(inputs, keras.layers.BatchNormalization()(keras.layers.Masking()(inputs)))
    images = np.where(np.arange(6)[:, None, None] < 3, IMAGES, 0.0).astype(np.float32)
    np.testing.assert_allclose(
        faster(model, cpu=True)(images, training=True), model(images, training=True), rtol=1e-4, atol=1e-5
    )


def small(dtype="float32", kernel=3, pixels=(2, 2), **conv):
    """A convolution over few pixels; the same weights at each call."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((*pixels, 3))
    own = {"padding": "same", "dtype": dtype, "bias_initializer": "random_normal", "name": "conv1"} | conv
    x = keras.layers.Conv2D(4, kernel, **own)(inputs)
    return keras.Model(inputs, keras.layers.Dense(2, name="classifier")(keras.layers.Flatten()(x)))


def operations(model, pixels=(2, 2)):
    given = tf.zeros((2, *pixels, 3))
    graph = tf.function(lambda: faster(model, cpu=True)(given)).get_concrete_function().graph
    return {operation.type for operation in graph.get_operations()}


@pytest.mark.parametrize(
    ("kernel", "pixels", "conv"),
    [
        (3, (2, 2), {"activation": "relu"}),
        (3, (1, 2), {"use_bias": False}),
        (3, (1, 1), {}),
        ((3, 5), (1, 3), {"kernel_regularizer": "l2"}),
        (4, (2, 2), {}),
    ],
)
@pytest.mark.parametrize("jit", [False, pytest.param(True, marks=LONG)])
def test_a_convolution_over_few_pixels_is_a_product_of_matrices(kernel, pixels, conv, jit):
    source = small(kernel=kernel, pixels=pixels, **conv)
    assert "Conv2D" not in operations(source, pixels)
    images = np.random.default_rng(0).normal(size=(8, *pixels, 3)).astype(np.float32)

    def results(model):
        @tf.function(jit_compile=jit)
        def graph():
            with tf.GradientTape() as tape:
                outputs = model(images)
                loss = tf.reduce_mean(tf.square(outputs - 1.0)) + sum(model.losses, tf.constant(0.0))
            return outputs, *tape.gradient(loss, source.trainable_variables)

        return graph()

    for own, wanted in zip(results(faster(source, cpu=True)), results(source), strict=True):
        np.testing.assert_allclose(own, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_it_computes_in_the_precision_of_the_layer(dtype):
    images = np.random.default_rng(0).normal(size=(8, 2, 2, 3)).astype(np.float32)
    source = small(dtype)
    inner = faster(source, cpu=True).get_layer("conv1")(images)
    assert inner.dtype.name == dtype.removeprefix("mixed_")
    np.testing.assert_allclose(inner, source.get_layer("conv1")(images), rtol=5e-2, atol=2e-2)


@pytest.mark.parametrize(
    "other",
    [
        {"pixels": (3, 3)},
        {"pixels": (2, 3)},
        {"pixels": (2, 3), "kernel_size": 5},
        {"kernel_size": 2},
        {"strides": 2},
        {"dilation_rate": 2},
        {"groups": 3, "filters": 6},
        {"dtype": "float16"},
        {"activity_regularizer": "l2"},
        {"pixels": (None, None)},
        {"kernel_size": 1, "pixels": (1, 1)},
    ],
    ids=str,
)
def test_convolutions_over_more_pixels_or_of_another_kind_are_left_alone(other):
    pixels = other.get("pixels", (2, 2))
    keras.utils.set_random_seed(0)
    inputs = keras.Input((*pixels, 3))
    settings = {"kernel_size": 3, "filters": 4, "padding": "same"} | {k: v for k, v in other.items() if k != "pixels"}
    model = keras.Model(inputs, keras.layers.Conv2D(**settings)(inputs))
    assert faster(model, cpu=True) is model


def test_so_is_one_that_is_called_twice_over_more_pixels_too():
    inputs, conv = keras.Input((4, 4, 3)), keras.layers.Conv2D(3, 3, padding="same")
    few = conv(keras.layers.MaxPooling2D(2)(inputs))
    model = keras.Model(inputs, [few, conv(inputs)])
    assert faster(model, cpu=True) is model


def test_training_on_a_cpu_takes_the_products():
    words = ["model.layers=[{conv: 4},{pool: max},{pool: max},{conv: 4},flatten]", "norm=none", "data.channels=1"]
    network = step_of(config(*words, "data.size=8"), np.zeros((40, 8, 8, 1), np.uint8), 10).network
    kinds = [type(network.get_layer(name)).__name__ for name in ("conv1", "conv2")]
    assert kinds == ["Conv2D", "_DenseConvolution"]


def test_on_other_devices_convolutions_stay_convolutions():
    model = small()
    assert faster(model, cpu=False) is model


def wide(channels=128, **conv):
    """A convolution in bfloat16 of many channels over few pixels."""
    keras.utils.set_random_seed(0)
    settings = {"filters": 256, "kernel_size": 3, "padding": "same", "dtype": "mixed_bfloat16", "name": "conv1"} | conv
    inputs = keras.Input((*settings.pop("pixels", (4, 3)), channels))
    return keras.Model(inputs, keras.layers.Conv2D(bias_initializer="random_normal", **settings)(inputs))


@pytest.mark.parametrize("instructions", SPLIT)
@pytest.mark.parametrize("conv", [{"activation": "tanh"}, {"use_bias": False, "kernel_regularizer": "l2"}], ids=str)
def test_a_convolution_in_bfloat16_and_its_gradients_are_those_of_keras(conv, instructions):
    source = wide(**conv)
    network = faster(source, cpu=True, bfloat16=instructions)
    layer = network.get_layer("conv1")
    assert type(layer).__name__ == "_SplitConvolution"
    assert layer.wide is (instructions == "amx_bf16")
    images = tf.constant(np.random.default_rng(0).normal(size=(8, 4, 3, 128)).astype(np.float32))

    def results(model):
        @tf.function(input_signature=[tf.TensorSpec([None, *images.shape[1:]])])
        def graph(images):
            with tf.GradientTape() as tape:
                tape.watch(images)
                outputs = tf.cast(model(images), tf.float32)
                loss = tf.reduce_mean(tf.square(outputs - 1.0)) + sum(model.losses, tf.constant(0.0))
            return outputs, *tape.gradient(loss, [images, *source.trainable_variables])

        return graph(images)

    for own, wanted in zip(results(network), results(source), strict=True):
        assert own.dtype == wanted.dtype
        size = np.abs(wanted).max()
        np.testing.assert_allclose(own / size, wanted / size, atol=2**-5)


@pytest.mark.parametrize(
    "other",
    [
        {"dtype": "float32"},
        {"dtype": "mixed_float16"},
        {"pixels": (13, 5)},
        {"channels": 120},
        {"filters": 248},
        {"kernel_size": 5, "pixels": (6, 6)},
        {"strides": 2},
        {"padding": "valid"},
        {"groups": 2},
        {"pixels": (None, 4)},
    ],
    ids=str,
)
def test_other_convolutions_are_left_to_tensorflow(other):
    model = wide(**other)
    assert faster(model, cpu=True, bfloat16="avx512_bf16") is model


@pytest.mark.parametrize(
    ("conv", "kind"),
    [
        ({"filters": 128}, "side by side"),
        ({"pixels": (12, 5)}, "side by side"),
        ({"pixels": (10, 6)}, "products"),
        ({"pixels": (14, 14), "channels": 256}, "products"),
        ({"pixels": (14, 14)}, "as it is"),
        ({"pixels": (15, 14), "channels": 256}, "as it is"),
        ({"filters": 120}, "as it is"),
    ],
    ids=str,
)
def test_amx_gains_with_more_of_them(conv, kind):
    model = wide(**conv)
    network = faster(model, cpu=True, bfloat16="amx_bf16")
    layer = network.get_layer("conv1")
    assert kind == ("as it is" if network is model else "side by side" if layer.wide else "products")


def test_training_adapts_convolutions_to_the_device():
    words = ["model.layers=[{conv: 128},{conv: 256},flatten]", "norm=none", "data.size=8", "data.channels=1"]
    settings = config(*words, "trainer.precision=mixed_bfloat16")
    images = np.zeros((40, 8, 8, 1), np.uint8)
    for name, kind in (("avx512_bf16", "_SplitConvolution"), ("", "Conv2D")):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                "exprun.trainer.device.choose", lambda _, name=name: replace(choose(settings.trainer), bfloat16=name)
            )
            network = step_of(settings, images, 10).network
        assert type(network.get_layer("conv2")).__name__ == kind


@pytest.mark.parametrize(
    ("flags", "jit", "name"),
    [
        ("avx2 avx512_bf16", "auto", "avx512_bf16"),
        ("avx2 avx512_bf16 amx_bf16", "auto", "amx_bf16"),
        ("avx2", "auto", ""),
        ("avx512_bf16", "true", ""),
    ],
)
def test_a_device_knows_its_instructions_for_bfloat16(flags, jit, name, monkeypatch):
    monkeypatch.setattr("exprun.trainer.cores.cpu_info", lambda key: flags if key == "flags" else "one")
    assert choose(config(f"trainer.jit={jit}").trainer).bfloat16 == name


def dropping(rate, dtype="float32", **settings):
    """A dropout of images; the same seed at each call."""
    inputs = keras.Input((41, 41, 3))
    return keras.Model(inputs, keras.layers.Dropout(rate, seed=1, dtype=dtype, name="dropout1", **settings)(inputs))


@pytest.mark.parametrize(
    ("rate", "dtype", "jit"),
    [
        *((rate, dtype, False) for rate in (0.25, 0.3, 0.999) for dtype in ("float32", "mixed_bfloat16")),
        (0.25, "float32", True),
        pytest.param(0.3, "mixed_bfloat16", True, marks=LONG),
        *(pytest.param(*given, True, marks=LONG) for given in ((0.999, "float32"), (0.999, "mixed_bfloat16"))),
        *(pytest.param(*given, True, marks=LONG) for given in ((0.3, "float32"), (0.25, "mixed_bfloat16"))),
    ],
)
def test_dropout_drops_its_share_and_scales_the_rest(rate, dtype, jit):
    source = dropping(rate, dtype)
    network = faster(source, cpu=True)
    assert type(network.get_layer("dropout1")).__name__ == "_Dropout"
    images = tf.ones((9, 41, 41, 3))  # an odd number of them

    @tf.function(jit_compile=jit)
    def graph():
        with tf.GradientTape() as tape:
            tape.watch(images)
            outputs = network(images, training=True)
        return outputs, tape.gradient(outputs, images)

    (first, gradient), (second, _) = graph(), graph()
    assert first.dtype == source(images).dtype
    kept = first.numpy() != 0
    assert abs(kept.mean() - (1 - rate)) < 4 * (rate * (1 - rate) / kept.size) ** 0.5 + 2**-17
    zero, scale = np.unique(first)
    assert zero == 0
    assert float(scale) == pytest.approx(1 / (1 - rate), rel=1e-2)
    np.testing.assert_array_equal(gradient.numpy(), first.numpy().astype(np.float32))
    if rate < 0.9:  # neighbours and steps draw on their own
        others = [np.roll(kept, shift) for shift in (1, 2, 3, 4)] + [second.numpy() != 0]
        assert max(abs(np.corrcoef(kept.ravel(), other.ravel())[0, 1]) for other in others) < 0.03
    np.testing.assert_array_equal(network(images), images)


def test_draws_go_on_where_the_seed_of_the_model_stands():
    images = np.ones((3, 41, 41, 3), np.float32)
    first, second = dropping(0.5), dropping(0.5)
    network = faster(first, cpu=True)
    network(images, training=True)
    for own, other in zip(second.variables, first.variables, strict=True):
        own.assign(other)
    wanted = network(images, training=True)
    np.testing.assert_array_equal(faster(second, cpu=True)(images, training=True), wanted)


def test_dropout_of_another_kind_or_elsewhere_is_left_alone():
    settings = {"noise_shape": (None, 1, 1, None)}, {"activity_regularizer": "l2"}
    for model in (*map(dropping, (0.0, 0, 1.0, 1)), *(dropping(0.5, **own) for own in settings)):
        assert faster(model, cpu=True) is model
    model = dropping(0.5)
    assert faster(model, cpu=False) is model
