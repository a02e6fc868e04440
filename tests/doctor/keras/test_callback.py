"""The callback in plain Keras scripts: what it says, and that it changes nothing."""

import importlib
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework.config import disable_op_determinism

from doctor.toy_data.images import digits
from exprun.doctor import Doctor
from exprun.doctor.cause import Finding


@pytest.fixture(autouse=True)
def _any_order():
    """As in a new process, whatever the tests before have switched on in this one."""
    disable_op_determinism()


def run(name, repaired):
    doctor = Doctor(report=lambda text: None)
    importlib.import_module(f"doctor.programs.{name}").run([doctor], repaired=repaired)
    return doctor


def graves(doctor):
    return [f.cause for f in doctor.findings if f.severity != "note"]


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(0)


def network(*hidden, optimizer="sgd", **options):
    """A network with few weights, whose step is traced in little time."""
    layers = keras.layers
    model = keras.Sequential([keras.Input((8, 8, 1)), *hidden, layers.Flatten(), layers.Dense(10)])
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True), **options)
    return model


def few_digits():
    """So few that the doctor judges their labels in little time."""
    return [(images[:320], labels[:320]) for images, labels in digits(8)]


@pytest.mark.parametrize("jit", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_the_same_weights_with_and_without_it(jit):
    (x, y), (xv, yv) = digits(8)
    layers, weights = keras.layers, []
    for callbacks in ([], [Doctor(report=lambda text: None, every=3, share=1.0)]):
        keras.utils.set_random_seed(0)
        hidden = [layers.Dropout(0.3)]
        if not jit:  # XLA takes long to compile more layers
            hidden = [layers.Conv2D(8, 3), layers.BatchNormalization(), layers.ReLU(), *hidden]
        model = network(*hidden, optimizer="adam", metrics=["accuracy"], jit_compile=jit)
        validation = xv[:64] / 255, yv[:64]
        history = model.fit(x[:160] / 255, y[:160], 32, 2, verbose=0, callbacks=callbacks, validation_data=validation)
        weights.append([*model.get_weights(), np.array(history.history["val_loss"])])
    assert all(np.array_equal(a, b) for a, b in zip(*weights, strict=True))


def test_the_model_is_as_before_when_it_has_gone():
    (x, y), _ = digits(8)
    model = network()
    before = model.train_step
    model.fit(x[:320] / 255, y[:320], verbose=0, callbacks=[Doctor(report=lambda text: None)])
    assert model.train_step == before
    assert "train_step" not in vars(model)
    model.fit(x[:320] / 255, y[:320], verbose=0)


def test_nan_in_a_late_batch_is_found_in_that_batch():
    (x, y), _ = digits(8)
    x = np.tile(x / 255, (2, 1, 1, 1))
    x[2300] = np.nan  # behind the images that are kept
    doctor = Doctor(report=lambda text: None)
    network().fit(x, np.tile(y, 2), 64, 1, verbose=0, shuffle=False, callbacks=[doctor])
    assert [(f.cause, f.step) for f in doctor.findings if f.severity == "error"] == [("non-finite-input", 36)]


@pytest.mark.slow
def test_an_input_pipeline_that_is_slower_than_the_step():
    (x, y), _ = digits(8)

    def slowly():
        given = time.monotonic()
        for start in range(0, 800, 32):
            step = time.monotonic() - given if start > 96 else 0.0  # the first steps are traced and examined
            time.sleep(max(0.1, 3 * step))  # longer than a step, however long that takes
            given = time.monotonic()
            yield x[start : start + 32] / 255, y[start : start + 32]

    doctor = Doctor(report=lambda text: None)
    network().fit(slowly(), epochs=1, steps_per_epoch=25, verbose=0, callbacks=[doctor])
    assert ("slow-input", "note") in [(f.cause, f.severity) for f in doctor.findings]


def test_where_every_operation_must_be_deterministic():
    (x, y), _ = digits(8)
    tf.config.experimental.enable_op_determinism()
    doctor = Doctor(report=lambda text: None)
    network().fit(x[:320] / 255, y[:320], epochs=1, verbose=0, callbacks=[doctor])
    assert "slow-input" not in {f.cause for f in doctor.findings}


class OwnStep(keras.Model):
    """Gives the loss of its batch under a name of its own, and takes sparse inputs."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(10)
        self.dense.build((None, 64))

    def call(self, x):
        return self.dense(tf.sparse.to_dense(x) if isinstance(x, tf.SparseTensor) else x)

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(self.loss(y, self(x)))
        self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
        return {"own": loss}


@pytest.mark.parametrize("sparse", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_step_of_ones_own_is_no_error(sparse):
    (x, y), _ = few_digits()
    x = x.reshape(len(x), -1) / 255
    batches = tf.data.Dataset.from_tensor_slices((tf.sparse.from_dense(x) if sparse else x, y)).batch(64)
    model = OwnStep()
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    doctor = Doctor(report=lambda text: None)
    model.fit(batches, epochs=2, verbose=0, callbacks=[doctor])
    assert [f.cause for f in doctor.findings if f.severity == "error"] == []


def test_steps_are_counted_where_several_are_one_call():
    (x, y), _ = digits(8)
    model = network(steps_per_execution=4)
    doctor = Doctor(report=lambda text: None)
    model.fit(x[:320] / 255, y[:320], 32, 2, verbose=0, callbacks=[doctor])
    assert doctor._step == 2 * 10


def test_given_sets_are_looked_at_before_the_first_step():
    (x, y), (xv, yv) = few_digits()
    said = []
    doctor = Doctor(train=(x / 255, y), validation=(xv, yv), report=said.append)
    network().fit(x / 255, y, 64, 1, verbose=0, callbacks=[doctor])
    assert doctor.findings[0].cause == "unscaled-evaluation"
    assert doctor.findings[0].step is None
    assert said[0].startswith("doctor: [unscaled-evaluation] error, validation images:")


def test_a_mistake_of_its_own_stays_its_own(monkeypatch, failures):
    (x, y), _ = few_digits()
    monkeypatch.setattr("exprun.doctor.keras.callback.examine", lambda *_: 1 / 0)
    doctor = Doctor()
    assert network().fit(x / 255, y, 64, 1, verbose=0, callbacks=[doctor]).history["loss"]
    assert doctor.findings == []
    assert any("ZeroDivisionError" in text for text in failures)
    failures.clear()


def test_thresholds_and_silence():
    with pytest.raises(ValueError, match="vanish"):
        Doctor(vanish=1.0)
    (x, y), (xv, yv) = few_digits()
    doctor = Doctor(train=(x / 255, y), validation=(xv, yv), silence=["unscaled-evaluation"], report=lambda text: None)
    network().fit(x / 255, y, 64, 1, verbose=0, callbacks=[doctor])
    assert "unscaled-evaluation" not in [f.cause for f in doctor.findings]


@pytest.mark.slow
def test_it_names_the_cause_and_is_quiet_about_the_repaired_twin():
    """All programs; each check has tests of its own."""
    names = sorted(path.stem for path in (Path(__file__).parents[1] / "programs").glob("*.py"))
    missed = [n for n in names if graves(run(n, False))[:1] not in [[c] for c in causes_of(n)]]
    alarmed = [n for n in names if graves(run(n, True))]
    assert len(names) >= 30
    assert len(missed) <= 0.1 * len(names), missed
    assert len(alarmed) <= 0.02 * len(names), alarmed


def causes_of(name):
    return importlib.import_module(f"doctor.programs.{name}").CAUSES


class HeadOnly(keras.Model):
    """Updates some of its weights, or all."""

    def __init__(self, whole):
        super().__init__()
        self.body, self.head = keras.layers.Dense(16, activation="relu"), keras.layers.Dense(10)
        self.whole = whole

    def call(self, x):
        return self.head(self.body(x))

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x=x, y=y, y_pred=self(x, training=True))
        weights = self.trainable_variables if self.whole else self.head.trainable_variables
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        for metric in self.metrics:
            metric.update_state(loss)
        return self.get_metrics_result()


@pytest.mark.parametrize(
    ("whole", "said"), [pytest.param(True, [], marks=pytest.mark.slow), (False, ["untrained-variables"])]
)
def test_weights_that_the_step_leaves_out(whole, said):
    (x, y), _ = digits(8)
    model = HeadOnly(whole)
    x, y = x[:640].reshape(640, -1) / 255, y[:640]
    model(x[:1])
    model.compile(keras.optimizers.Adam(0.01), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    doctor = Doctor(report=lambda text: None, share=1.0)
    model.fit(x, y, 32, 3, verbose=0, callbacks=[doctor])
    assert graves(doctor) == said


@pytest.mark.slow
def test_a_class_number_without_a_unit_in_a_late_batch():
    (x, y), _ = digits(8)
    y = y[:320]
    first = np.flatnonzero(y != 9)[:200]  # batches without the last class
    order = np.concatenate([first, np.setdiff1d(np.arange(len(y)), first)])
    x, y = x[order] / 255, y[order]
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(9)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=True)
    doctor = Doctor(report=lambda text: None)
    model.fit(x, y, 64, 1, verbose=0, shuffle=False, callbacks=[doctor])
    assert graves(doctor)[0] == "output-units"


def test_fits_of_one_epoch_in_a_loop_are_one_training():
    (x, y), _ = digits(8)
    doctor, model = Doctor(report=lambda text: None), network()
    for _ in range(3):
        model.fit(x[:320] / 255, y[:320], 32, 1, verbose=0, callbacks=[doctor])
    watch = doctor._watch
    assert (doctor._step, doctor._epochs, len(watch.history.epochs)) == (30, 3, 3)
    assert watch.history.total_steps is None
    model.compile("sgd", model.loss)  # another training
    model.fit(x[:320] / 255, y[:320], 32, 2, verbose=0, callbacks=[doctor])
    assert (doctor._step, doctor._epochs) == (20, 2)
    assert doctor._watch is not watch
    model.fit(x[:320] / 255, y[:320], 32, 1, verbose=0, callbacks=[doctor])  # after a fit of two epochs
    assert doctor._epochs == 1


@pytest.mark.slow
def test_other_data_of_one_epoch_are_another_training():
    (x, y), _ = digits(8)
    doctor, model = Doctor(report=lambda text: None), network()
    model.fit(x[:320] / 255, y[:320], batch_size=32, verbose=0, callbacks=[doctor])
    watch = doctor._watch
    assert watch.history.recent.maxlen == 20
    model.fit(x[:320] / 255, y[:320], batch_size=32, verbose=0, callbacks=[doctor])
    assert doctor._watch is watch
    assert (watch.history.recent.maxlen, watch.schedule.every) == (100, 50)
    model.fit(x[320:640] / 255, y[320:640], batch_size=32, verbose=0, callbacks=[doctor])
    assert (doctor._step, doctor._epochs) == (10, 1)
    assert doctor._watch is not watch
    assert doctor._watch.history.follows


def test_what_a_first_fit_seemed_to_show_is_withdrawn_when_another_fit_follows():
    (x, y), _ = digits(8)
    told = []
    doctor, model = Doctor(report=told.append), network()
    model.fit(x[:320] / 255, y[:320], batch_size=32, verbose=0, callbacks=[doctor])
    doctor._tell([Finding("loss-at-chance", "error", "training", "")])
    model.fit(x[:320] / 255, y[:320], batch_size=32, epochs=2, verbose=0, callbacks=[doctor])
    assert "loss-at-chance" not in [finding.cause for finding in doctor.findings]
    assert any("[loss-at-chance] withdrawn" in text for text in told)


def test_a_step_without_an_optimiser():
    class Counts(keras.Model):
        def train_step(self, data):
            return {"loss": tf.reduce_mean(self(data[0], training=True))}

    first = keras.Input((6,))
    model = Counts(first, keras.layers.Dense(1)(first))
    model.compile(optimizer=None)
    for _ in range(2):
        assert model.fit(np.ones((32, 6)), np.ones(32), verbose=0, callbacks=[Doctor(report=[].append)]).history["loss"]


def test_the_sum_over_a_batch_is_divided_by_its_size_and_not_by_that_of_the_given_arrays():
    x, y = np.ones((64, 3), np.float32), np.full(64, 4.0)
    doctor = Doctor(train=(x, y), validation=(x, y), report=[].append)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, kernel_initializer="zeros")])
    model.compile(keras.optimizers.SGD(0.0), keras.losses.MeanSquaredError(reduction="sum"))
    model.fit(x, y, batch_size=16, verbose=0, callbacks=[doctor], validation_data=(x, y), validation_batch_size=8)
    history = doctor._watch.history
    assert (history.epochs[-1].loss, history.evaluations[-1].loss) == (pytest.approx(16), pytest.approx(16))
    assert history.batch == 16


@pytest.mark.parametrize("given", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_epochs_that_begin_with_a_later_number(given):
    x, y = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32), np.arange(64) % 2
    doctor = Doctor(train=(x, y) if given else None, report=[].append)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, "sigmoid")])
    model.compile("sgd", "binary_crossentropy")
    stops = keras.callbacks.EarlyStopping("val_loss", patience=9, restore_best_weights=True)
    model.fit(x, y, epochs=7, initial_epoch=4, verbose=0, callbacks=[stops, doctor], validation_data=(x, y))
    stopping = doctor._watch.history.stopping
    assert (stopping.first, stopping.planned, doctor._watch.history.total_steps) == (4, 3, 6)


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return np.ones((8, 3), np.float32), np.ones(8)

    def on_epoch_finished(self):
        pass


class Prints(keras.callbacks.Callback):
    def on_train_start(self):
        pass


def test_methods_of_callbacks_and_data_sets_that_keras_never_calls():
    doctor = Doctor(report=[].append)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    stops = keras.callbacks.EarlyStopping("loss")
    model.fit(Batches(), verbose=0, callbacks=[doctor, Prints(), stops])
    [finding] = [finding for finding in doctor.findings if finding.cause == "uncalled-hook"]
    assert (finding.severity, finding.numbers["hooks"]) == ("warning", 2)
    assert "Prints.on_train_start, Batches.on_epoch_finished" in finding.evidence


@pytest.mark.slow
def test_the_ends_of_the_first_epochs_are_watched_however_short_the_steps_are():
    doctor = Doctor(report=lambda text: None, share=1e-9)
    x, y = np.zeros((400, 4), np.float32), np.arange(400) % 2
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, "sigmoid")])
    model.compile("sgd", "binary_crossentropy")
    model.fit(x, y, 4, 3, verbose=0, callbacks=[doctor])
    passed = doctor._watch.history.passed
    assert [(len(one.first.means), len(one.last.means)) for one in passed] == [(4, 4)] * 3
    assert len(doctor._watch.history.recent) == 100
