"""Stochastic weight averaging against the same average with NumPy and Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from exprun.config.compose import Composer
from exprun.config.errors import ConfigError
from exprun.trainer.averaging import Averages
from tiny import SMALL, TINY, checkpoint, config, kept, same, tiny

LAYERS = "model.layers=[{conv: 4},{conv: 4},flatten]"
SWA = ["norm=batch", LAYERS, "trainer.epochs=4", "trainer.swa_start=2"]


@pytest.fixture
def weights(monkeypatch):
    """The variables of the model at the end of each epoch that is averaged."""
    weights, add = [], Averages.add

    def record(self):
        weights.append([v.numpy() for v in self.averaged])
        add(self)

    monkeypatch.setattr(Averages, "add", record)
    return weights


def test_the_average_is_that_of_numpy_with_the_statistics_of_keras(weights):
    _, loop = kept(config(*SMALL, *SWA, "trainer.accumulate=2", "trainer.select=val/loss", "run_dir=run"))
    step, averages = loop.step, [v.numpy() for v in loop.step.averages.values]
    assert len(weights) == 3  # after the second, third and fourth epoch
    for variable, ends in zip(step.averages.averaged, zip(*weights, strict=True), strict=True):
        variable.assign(np.mean(ends, axis=0))

    # With the momentum k / (k + 1), moving statistics are the means over the batches so far.
    norms = [layer for layer in step.model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    order, _ = loop._batches(3)
    for number, batch in enumerate(order.reshape(-1, step.batch // 2)):
        for norm in norms:
            norm.momentum = number / (number + 1)
        step.model(step.batch_inputs(loop.train_feed._images, tf.constant(batch), tf.constant(0)), training=True)
    assert len(norms) == 2
    for variable, average in zip(step.averages.averaged, averages, strict=True):
        np.testing.assert_allclose(average, variable.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_a_run_of_averaged_weights_resumes_to_the_bit():
    words = [*SWA, "model.layers=[{conv: 4},flatten,{dense: 8, dropout: 0.5}]", "augment=cifar"]
    words += ["schedule=constant", "trainer.deterministic=true"]
    whole = tiny(*words, "run_dir=whole")
    tiny(*words, "run_dir=part", "trainer.max_steps=25")
    resumed = tiny(*words, "run_dir=part", "trainer.resume=true")
    assert same(checkpoint(resumed), checkpoint(whole))
    assert checkpoint(whole)["swa/count"] == 3
    assert resumed.history[-1] == whole.history[-1]


@pytest.mark.slow
def test_until_the_start_the_weights_themselves_are_evaluated():
    plain = tiny(*SMALL, *SWA, "trainer.deterministic=true", "trainer.swa_start=null", "run_dir=plain")
    averaged = tiny(*SMALL, *SWA, "trainer.deterministic=true", "run_dir=averaged")
    same_loss = [a["val/loss"] == b["val/loss"] for a, b in zip(averaged.history, plain.history, strict=True)]
    assert same_loss == [True, False, False, False]
    assert [row["train/loss"] for row in averaged.history] == [row["train/loss"] for row in plain.history]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["trainer.ema=0.9", "trainer.swa_start=1"], "trainer.ema and trainer.swa_start both average"),
        (["trainer.swa_start=2"], "trainer.swa_start=2, but it must be below trainer.epochs=2"),
    ],
)
def test_an_average_that_cannot_be_is_refused(words, sentence):
    with pytest.raises(ConfigError, match=sentence):
        Composer().config([*TINY, *words])
