"""The metrics of single batches, from what `train_on_batch` returns."""

import keras
import pytest

from exprun.diagnose.steps import resets, since


def test_the_metrics_of_a_batch_follow_from_running_means():
    assert since((0.0, {}), (32.0, {"loss": 2.0})) == {"loss": 2.0}
    assert since((32.0, {"loss": 2.0}), (64.0, {"loss": 1.5})) == {"loss": pytest.approx(1.0)}
    assert since((32.0, {"loss": 2.0}), (48.0, {"loss": 2.5})) == {"loss": pytest.approx(3.5)}
    assert since((64.0, {"loss": 2.0}), (32.0, {"loss": 1.0})) == {"loss": 1.0}  # after `reset_metrics`


def test_whether_keras_returns_running_means_is_read_from_its_code():
    def of_the_batch(model):
        model.reset_metrics()

    def of_all_batches(model):
        model.make_train_function()

    assert (resets(of_the_batch), resets(of_all_batches)) == (True, False)
    assert resets(keras.Model.train_on_batch) in (True, False)
