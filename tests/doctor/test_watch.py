"""What is said while a network trains, from made-up figures."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from exprun.doctor.callback import limits_of
from exprun.doctor.chance import ChanceLevel, chance_level
from exprun.doctor.curves import Epoch
from exprun.doctor.data import Images
from exprun.doctor.examine import Subject
from exprun.doctor.finding import Finding
from exprun.doctor.pace import Pace
from exprun.doctor.record import Pass
from exprun.doctor.watch import Watch

TEN = ChanceLevel(float(np.log(10)), 0.1, 10)


class Nothing:
    """A model that is never asked."""

    trainable_variables = losses = ()

    def _flatten_layers(self, include_self=False):
        return []


def watch(steps=400, guess=TEN, **limits):
    subject = Subject(
        Nothing(), None, np.zeros(4), Images(np.zeros((4, 2))), pace=Pace("sgd", np.array([0.1]), steps, 64)
    )
    return Watch(subject, guess, steps, limits_of(limits))


def told(watch, losses, accuracies):
    found = []
    for step, (loss, accuracy) in enumerate(zip(losses, accuracies, strict=True), 1):
        found += watch.steps(step, np.array([loss]), np.array([accuracy]))
    return [f.cause for f in found]


def test_guessing_costs_the_entropy_of_the_classes():
    assert chance_level(np.array([10, 10])) == ChanceLevel(pytest.approx(np.log(2)), 0.5, 2)
    assert chance_level(np.array([90, 10])).loss == pytest.approx(0.3251, abs=1e-4)
    assert chance_level(np.array([90, 10]), smoothing=1.0).loss == pytest.approx(np.log(2))


def test_a_loss_at_chance_is_told_after_enough_steps():
    assert told(watch(), [2.303] * 99, [0.1] * 99) == []
    assert "loss-at-chance" in told(watch(), [2.303] * 100, [0.1] * 100)
    assert "loss-at-chance" in told(watch(), [2.303] * 100, [np.nan] * 100)


def test_a_loss_at_chance_confirms_a_suspicion_about_labels():
    one = watch()
    one.suspect([Finding("shuffled-labels", "note", "training labels", "")])
    assert told(one, [2.303] * 100, [0.1] * 100) == ["shuffled-labels", "loss-at-chance"]


@pytest.mark.parametrize(("names", "called"), [(("cat", "dog", "eel"), "eel"), ((), "2")])
def test_the_class_that_all_images_are_taken_for_is_named_where_names_are_known(names, called):
    images, probe = Images(np.zeros((3, 2))), SimpleNamespace(outputs=np.array([[0, 0, 1]] * 3))
    one = Watch(Subject(Nothing(), None, np.arange(3), images, classes=names), TEN, 400, limits_of({}))
    *_, finding = (found for step in range(20, 23) for found in one._collapsed(probe, False, step))
    assert f"predicts class {called} for all 3 images of the probe, but they belong to 3 classes." in finding.evidence


def suspicious(*more):
    one = watch()
    val = Images(np.zeros((4, 2)), counts=np.full(10, 40))
    one.suspect([Finding(cause, "error", "labels", "") for cause in ("shuffled-labels", *more)], val)
    return one


def test_validation_above_luck_withdraws_what_it_refutes():
    one = suspicious()
    assert told(one, [2.303] * 100, [0.1] * 100) == ["shuffled-labels", "loss-at-chance"]
    assert one.evaluated(100, 1.1, 0.145) == []  # 3.1 deviations of 400 images are 4.65 %
    assert one.evaluated(100, 1.2, 0.9) == []  # as where one label in five is right
    withdrawn = {f.cause for f in one.evaluated(100, 1.1, 0.15) if f.withdrawn}
    assert withdrawn == {"shuffled-labels", "loss-at-chance", "collapsed-predictions"}
    assert set(told(one, [2.303] * 100, [0.1] * 100)) == {"loss-at-chance"}


@pytest.mark.parametrize(("first", "said"), [(1, []), (20, ["collapsed-predictions"])])
def test_one_answer_for_all_images_is_how_many_networks_start(first, said):
    one = watch()
    one.labels = np.arange(4)
    found = Pass([], np.eye(4)[[2, 2, 2, 2]])
    assert [f.cause for step in range(first, first + 3) for f in one._collapsed(found, False, step)] == said


def test_validation_images_that_are_trained_on_withdraw_nothing():
    assert suspicious("leaked-validation").evaluated(100, 1.0, 0.9) == []


@pytest.mark.parametrize(("trained", "said"), [(2.2, set()), (1.5, {("shuffled-labels", "warning")})])
def test_validation_at_chance_confirms_a_suspicion_where_training_has_learned(trained, said):
    assert set(evaluated(suspicious(), [(trained, 0.2, 2.4, 0.1)] * 3)) == said


def test_a_loss_that_falls_or_an_accuracy_above_chance_is_left_alone():
    assert told(watch(), np.linspace(2.3, 2.0, 120), [0.1] * 120) == []
    assert told(watch(), [2.303] * 120, [0.14] * 120) == []


def test_a_loss_that_is_not_finite_is_told_with_what_came_before():
    assert told(watch(), [2.3, 2.2, np.nan], [0.1] * 3) == ["not-finite"]
    assert told(watch(), [2.3, 2.2, 90.0, np.inf], [0.1] * 4) == ["learning-rate-high"]


def test_a_loss_that_grows_and_stays_is_the_rate():
    losses = [2.3, 1.9, *np.full(120, 80.0)]
    assert "learning-rate-high" in told(watch(), losses, [0.1] * len(losses))


def evaluated(watch, rows):
    found = []
    for step, (trained, accuracy, loss, right) in enumerate(rows, 1):
        watch.steps(step, np.array([trained]), np.array([accuracy]))
        found += watch.epoch(Epoch(step, trained, accuracy, 0.1))
        found += watch.evaluated(step, loss, right)
    return [(f.cause, f.severity) for f in found if not f.withdrawn]


def test_validation_worse_than_guessing_while_training_learns():
    rows = [(1.0, 0.7, 9.0, 0.2)] * 3
    assert ("no-generalization", "warning") in evaluated(watch(), rows)
    assert evaluated(watch(), [(1.0, 0.7, 9.0, 0.2), (0.8, 0.7, 0.9, 0.7)]) == []  # once is no finding


def test_overfitting_is_a_note():
    rows = [(0.5, 0.8, 0.9, 0.7), *[(0.05, 0.99, 1.6, 0.68)] * 4]
    assert set(evaluated(watch(), rows)) == {("overfitting", "note")}
    assert evaluated(watch(), [(0.5, 0.8, 0.6, 0.78)] * 5) == []


@pytest.mark.parametrize(("own", "said"), [(0.1, {("overfitting", "note")}), (0.9, set())])
def test_training_images_that_evaluation_finds_no_easier_are_not_memorised(monkeypatch, own, said):
    one = watch()
    monkeypatch.setattr(one, "_loss", lambda training: own)  # moving averages that still settle, heavy dropout
    assert set(evaluated(one, [(0.05, 0.99, 1.6, 0.68)] * 5)) == said


@pytest.mark.parametrize(
    ("images", "lowest", "row"),
    [
        (20, 0.5, (0.05, 0.99, 0.5, 0.65)),  # seven wrong
        (20, 0.02, (0.004, 1.0, 0.05, 0.95)),
        (20, 0.02, (0.004, 1.0, 0.05, np.nan)),
        (400, 0.02, (0.004, 1.0, 0.03, 0.9975)),  # one wrong
    ],
)
def test_few_validation_images_do_not_show_overfitting(images, lowest, row):
    one = watch()
    one.suspect([], Images(np.zeros((4, 2)), counts=np.full(10, images // 10)))
    assert evaluated(one, [(0.5, 0.8, lowest, 0.7), *[row] * 5]) == []


@pytest.mark.parametrize(("momentum", "steps", "said"), [(0.99, 400, False), (0.99, 6, True), (0.1, 400, True)])
def test_moving_averages_that_are_still_to_settle_are_given_time(monkeypatch, momentum, steps, said):
    one = watch(steps)
    one.model = keras.Sequential([keras.layers.Input((2,)), keras.layers.BatchNormalization(momentum=momentum)])
    monkeypatch.setattr(one, "_lags", lambda trained: (0.5, 5.0))
    found = evaluated(one, [(0.5, 0.8, 5.0, 0.1)] * 5)
    assert (("lagging-batch-norm", "warning") in found) is said


def test_waiting_for_images_is_a_note():
    one = watch()
    assert [f.cause for step in range(40) for f in one.waited(step, 0.3)] == []
    assert {(f.cause, f.severity) for step in range(40) for f in one.waited(step, 0.8)} == {("slow-input", "note")}


def test_the_first_probe_waits_as_long_as_the_others():
    assert not watch(share=1.0).due(39)
    assert watch(share=1.0).due(40)  # a tenth of the run


def test_probes_keep_to_their_share_of_the_time():
    one = watch(share=0.02)
    one._seconds, one._last, one._started = 1.0, 1.0, one._started - 10.0
    assert not one.due(1000)
    one._started -= 100.0
    assert one.due(1000)
    one._seconds, one._last = 0.5, 0.2  # little enough in any run
    one._started += 105.0
    assert one.due(1000)


def test_the_cost_of_the_first_probe_is_estimated_from_training():
    for share, due in ((0.02, True), (0.0005, False)):
        one = watch(share=share)
        one._started -= 1000.0  # for 100 steps of 64 images: the 4 of a probe take 1.25 s
        assert one.due(100) == due


@pytest.mark.parametrize(("value", "said"), [(0.5, []), (np.nan, ["not-finite"])])
def test_weights_that_are_not_finite_are_told_though_the_loss_is(value, said):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, "relu"), keras.layers.Dense(2)])
    model.layers[0].kernel.assign([[value, 0.1, -0.2], [0.3, 0.4, 0.5]])
    images = Images(np.linspace(-1, 1, 16, dtype=np.float32).reshape(8, 2))
    subject = Subject(model, None, np.arange(8) % 2, images, pace=Pace("sgd", np.array([0.1]), 40, 8))
    assert [f.cause for f in Watch(subject, TEN, 40, limits_of({})).probe(4)] == said
