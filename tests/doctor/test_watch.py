"""A run that is watched: what is recorded, examined and withdrawn."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from doctor.histories import TEN, Network
from exprun.doctor.cause import Finding
from exprun.doctor.history import Epoch
from exprun.doctor.instruments.chance import ChanceLevel
from exprun.doctor.limits import limits_of
from exprun.doctor.subject import Images, Pace, Subject
from exprun.doctor.watch import Watch


def watch(steps=400, chance=TEN, **limits):
    pace = Pace("sgd", np.array([0.1]), steps, 64)
    subject = Subject(Network(), None, np.zeros(4), Images(np.zeros((4, 2))), pace=pace)
    return Watch(subject, chance, steps, limits_of(limits))


def causes_in_steps(one, losses, accuracy=0.1):
    found = []
    for step, loss in enumerate(losses, 1):
        found += one.steps(step, np.array([loss]), np.array([accuracy]))
    return [finding.cause for finding in found]


def suspicious(*more):
    one = watch()
    val = Images(np.zeros((4, 2)), counts=np.full(10, 40))
    one.suspect([Finding(cause, "error", "labels", "") for cause in ("shuffled-labels", *more)], val)
    return one


def test_steps_are_examined_together():
    one = watch()
    assert one.steps(99, np.full(99, 2.303), np.full(99, 0.1)) == []
    assert [f.cause for f in one.steps(100, np.array([2.303]), np.array([0.1]))] == ["loss-at-chance"]


def test_fewer_steps_are_averaged_in_a_short_run():
    assert causes_in_steps(watch(60), [2.303] * 29) == []
    assert causes_in_steps(watch(60), [2.303] * 30) == ["loss-at-chance"]
    assert causes_in_steps(watch(60, chance_steps=25), [2.303] * 25) == ["loss-at-chance"]


def test_validation_above_luck_withdraws_what_it_refutes():
    one = suspicious()
    assert causes_in_steps(one, [2.303] * 100) == ["shuffled-labels", "loss-at-chance"]
    assert one.evaluated(100, 1.1, 0.145) == []  # 3.1 deviations of 400 images are 4.65 %
    assert one.evaluated(100, 1.2, 0.9) == []  # as where one label in five is right
    withdrawn = [f for f in one.evaluated(100, 1.1, 0.15) if f.withdrawn]
    assert {f.cause for f in withdrawn} == {
        "shuffled-labels", "summed-loss", "loss-at-chance", "collapsed-predictions", "cannot-overfit",
    }  # fmt: skip
    assert withdrawn[0].evidence == (
        "The network predicts 15.0% of the validation images correctly, with a loss of 1.100; chance level is a loss "
        "of 2.303."
    )
    assert set(causes_in_steps(one, [2.303] * 100)) == {"loss-at-chance"}


def test_validation_images_that_are_trained_on_withdraw_nothing():
    assert suspicious("leaked-validation").evaluated(100, 1.0, 0.9) == []


def test_an_evaluation_needs_another_one_before_it_is_a_finding():
    one, counts = watch(), []
    for step in (1, 2):
        one.steps(step, np.array([1.0]), np.array([0.7]))
        one.epoch(Epoch(step, 1.0, 0.7, 0.1))
        counts.append([finding.cause for finding in one.evaluated(step, 9.0, 0.2)])
    assert counts == [[], ["no-generalization"]]


def test_the_noise_of_an_epoch_is_that_of_its_steps():
    one = watch()
    one.steps(4, np.array([9.0, 9.0, 1.0, 3.0]), np.zeros(4))
    one.epoch(Epoch(2, 9.0, 0.1, 0.1))
    one.epoch(Epoch(4, 2.0, 0.1, 0.1))
    assert one.history.epochs[-1].noise == pytest.approx(1.0 / np.sqrt(2))


def test_waiting_for_images():
    one = watch()
    assert [f.cause for step in range(40) for f in one.waited(step, 0.3)] == []
    assert {(f.cause, f.severity) for step in range(40) for f in one.waited(step, 0.8)} == {("slow-input", "note")}


def test_probes_are_made_ten_times_in_a_short_run():
    assert not watch(share=1.0).due(39)
    assert watch(share=1.0).due(40)


def network():
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, "relu"), keras.layers.Dense(2)])


def probed(model, step=4):
    images = Images(np.linspace(-1, 1, 16, dtype=np.float32).reshape(8, 2))
    subject = Subject(model, None, np.arange(8) % 2, images, pace=Pace("sgd", np.array([0.1]), 40, 8))
    return Watch(subject, TEN, 40, limits_of({})).probe(step)


@pytest.mark.parametrize(("value", "causes"), [(0.5, []), (np.nan, ["not-finite"])])
def test_weights_that_are_not_finite_although_the_loss_is(value, causes):
    model = network()
    model.layers[0].kernel.assign([[value, 0.1, -0.2], [0.3, 0.4, 0.5]])
    assert [finding.cause for finding in probed(model)] == causes


def test_a_probe_that_fails_ends_no_run(failures):
    assert probed(SimpleNamespace(trainable_variables=None)) == []
    assert [failure for failure in failures if failure.startswith("A probe failed")]
    failures.clear()


def test_a_training_loss_far_below_chance_level_withdraws_what_it_disproves():
    one = watch()
    withdrawn = {finding.cause for finding in one.epoch(Epoch(100, 0.5, np.nan, 0.1)) if finding.withdrawn}
    assert {"vanishing-signal", "learning-rate-high", "dead-relu", "loss-at-chance"} <= withdrawn
    assert not withdrawn & {"shuffled-labels", "unscaled-evaluation", "not-finite"}
    below = watch().epoch(Epoch(100, 0.7, np.nan, 0.1))
    assert {finding.cause for finding in below if finding.withdrawn} == {"loss-at-chance", "collapsed-predictions"}
    assert not any(finding.withdrawn for finding in watch().epoch(Epoch(100, 2.0, np.nan, 0.1)))
    assert any(finding.withdrawn for finding in watch().epoch(Epoch(100, 0.7, 0.9, 0.1)))
    (first, *_) = one.epoch(Epoch(200, 0.5, np.nan, 0.1))
    assert first.evidence == (
        "The network does learn: its training loss is 0.500; chance level is a loss of 2.303 and an accuracy of about "
        "10.0%."
    )


@pytest.mark.parametrize("constant", ["mean", "frequency"])
def test_an_epoch_clearly_below_chance_level_withdraws_that_the_loss_is_at_it(constant):
    one = watch(chance=ChanceLevel(0.6, np.nan, 0, constant))
    assert "loss-at-chance" in causes_in_steps(one, [0.6] * 100, np.nan)
    withdrawn = [finding.cause for finding in one.epoch(Epoch(200, 0.4, np.nan, 0.1)) if finding.withdrawn]
    assert withdrawn == ["loss-at-chance", "collapsed-predictions"]
    uncertain = watch(chance=ChanceLevel(0.6, np.nan, 0, constant, 0.1))
    assert not any(finding.withdrawn for finding in uncertain.epoch(Epoch(200, 0.4, np.nan, 0.1)))


def test_a_training_that_goes_on_has_no_known_end():
    one = watch(60)
    one.steps(30, np.full(30, 2.0), np.full(30, 0.3))
    one.go_on()
    assert (one.history.total_steps, one.schedule.every, len(one.history.recent)) == (None, 50, 30)
    assert causes_in_steps(one, [2.303] * 69) == []
    assert set(causes_in_steps(one, [2.303] * 40)) == {"loss-at-chance"}


def test_a_training_of_unknown_length_is_judged_at_its_end():
    one = watch(None)
    for number, loss in enumerate((2.30, 2.25, 2.20, 2.15), 1):
        one.steps(number * 10, np.full(10, loss), np.full(10, 0.2))
        assert one.epoch(Epoch(number * 10, loss, 0.2, 0.01)) == []
    assert [finding.cause for finding in one.finished(40)] == ["too-few-steps"]


def test_a_symptom_that_a_later_probe_does_not_show_is_withdrawn():
    model, images = network(), Images(np.linspace(-1, 1, 16, dtype=np.float32).reshape(8, 2))
    one = Watch(Subject(model, None, np.arange(8) % 2, images), TEN, 40, limits_of({}))
    kernel = np.array(model.layers[-1].kernel)
    model.layers[-1].kernel.assign(0 * kernel)
    model.layers[-1].bias.assign([1.0, 2.0])
    one.probe(4)
    assert "input-independent" in [finding.cause for finding in one.probe(8)]  # which has to be found twice
    model.layers[-1].kernel.assign(kernel)
    assert ("input-independent", True) in [(finding.cause, finding.withdrawn) for finding in one.probe(12)]
    assert [finding for finding in one.probe(16) if finding.withdrawn] == []
