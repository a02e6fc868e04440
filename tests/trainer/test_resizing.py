"""Training on smaller images, against Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from exprun.config.compose import Composer
from exprun.config.errors import ConfigError
from exprun.schedule import size_at
from exprun.trainer.resizing import resized
from tiny import SMALL, TINY, checkpoint, config, kept, same, tiny

LAYERS = "model.layers=[{conv: 4},{pool: max},{conv: 4},{global_pool: avg}]"
SIZES = [LAYERS, "schedule.sizes=[0.5,0.75,1]", "trainer.epochs=3"]


def test_a_run_has_equally_many_epochs_of_each_size():
    schedule = config(LAYERS, "trainer.epochs=8", "schedule.sizes=[0.5,0.75,1]").schedule
    assert [size_at(schedule, epoch, 8) for epoch in range(8)] == [0.5, 0.5, 0.5, 0.75, 0.75, 0.75, 1.0, 1.0]
    assert size_at(config().schedule, 0, 2) == 1.0


def test_a_step_on_smaller_images_is_that_of_keras():
    _, loop = kept(config(*SMALL, *SIZES, "norm=batch", "optim=sgd", "schedule=constant", "run_dir=run"))
    step, feed = loop.step, loop.train_feed
    index = np.arange(32, dtype=np.int32)
    pixels = resized(tf.cast(tf.gather(feed._images, index), tf.float32), (4, 4))
    small = keras.models.clone_model(step.model, keras.Input((4, 4, 1)))
    assert small.layers[1] is not step.model.layers[1]
    small.set_weights(step.model.get_weights())
    with tf.GradientTape() as tape:
        logits = small(step.preprocessing.train(pixels), training=True)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(feed.labels[index], logits))
    gradients = tape.gradient(loss, small.trainable_variables)
    wanted = [v - 0.1 * g for v, g in zip(small.trainable_variables, gradients, strict=True)]
    step.set_epoch((4, 4), None, 0)
    done = step.train(feed._images, feed._labels, index[None], np.array([0.1], np.float32), 0)
    assert done.losses[0] == pytest.approx(float(loss), rel=1e-5)
    for variable, value in zip(step.model.trainable_variables, wanted, strict=True):
        np.testing.assert_allclose(variable.numpy(), value, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_a_run_of_rising_sizes_resumes_to_the_bit():
    words = [*SIZES, "schedule=constant", "trainer.deterministic=true"]
    whole = tiny(*words, "run_dir=whole")
    tiny(*words, "run_dir=part", "trainer.max_steps=15")
    resumed = tiny(*words, "run_dir=part", "trainer.resume=true")
    assert same(checkpoint(resumed), checkpoint(whole))
    assert not same(checkpoint(whole), checkpoint(tiny(*words, "schedule.sizes=null", "run_dir=plain")))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["schedule.sizes=[0.5,1]"],
            "the number of weights of dense1 depends on the size: choose a model that ends in",
        ),
        (["model=resnet20", "norm=layer", "schedule.sizes=[0.5]"], "the number of weights of conv1_norm depends"),
        (["model=resnet20", "schedule.sizes=[1,0.5]"], r"schedule.sizes=\[1.0, 0.5\] must rise"),
        (["model=resnet20", "schedule.sizes=[0.5,1.5]"], "must rise, from above 0 to at most 1"),
        (["model=resnet20", "schedule.sizes=[0.25,0.5,1]"], "has 3 sizes, more than trainer.epochs=2"),
        (["model.layers=[{conv: 4},{pool: max, size: 8},{global_pool: avg}]", "schedule.sizes=[0.1,1]"], "too deep"),
        (["model=python", "model.builder=a:b", "schedule.sizes=[0.5]"], "needs model.layers"),
    ],
)
def test_sizes_that_the_network_cannot_take_are_refused(words, sentence):
    with pytest.raises(ConfigError, match=sentence):
        Composer().config([*(word for word in TINY if not word.startswith("model.")), *words])
