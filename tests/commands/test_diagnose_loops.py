"""Scripts that train without `fit`, watched as they run."""

import json
from pathlib import Path

import pytest

DATA = """
import numpy as np
import keras
import tensorflow as tf

keras.utils.set_random_seed(1)
rng = np.random.default_rng(0)
y = rng.integers(0, 3, 96)
x = rng.normal(size=(96, 4)).astype("float32") + 3 * np.eye(3, 4)[y].astype("float32")

def network(*built):
    return keras.Sequential([*built, keras.layers.Dense(8, "relu"), keras.layers.Dropout(0.1), keras.layers.Dense(3)])

def show(model):
    print("weights", sum(float(abs(w).sum()) for w in model.get_weights()))
"""
ON_BATCH = """
first = network(keras.Input((4,)))
first.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
for _ in range(2):
    for at in range(0, 96, 32):
        print(first.train_on_batch(x[at:at + 32], y[at:at + 32]))  # on batch
show(first)
first.save("first.keras")
print(keras.models.load_model("first.keras").loss)
"""
LOOPS = """
def batches():
    return tf.data.Dataset.from_tensor_slices((x, y)).shuffle(96).batch(32)

loss = keras.losses.SparseCategoricalCrossentropy()
second, second_optimizer = network(), keras.optimizers.Adam(0.01)
for _ in range(2):
    for images, labels in batches():
        with tf.GradientTape() as tape:
            outputs = second(images, training=True)
            value = loss(labels, outputs)
        gradients = tape.gradient(value, second.trainable_variables)
        second_optimizer.apply_gradients(zip(gradients, second.trainable_variables))  # eager
show(second)

third, third_optimizer = network(), keras.optimizers.Adam(0.01)
mean = keras.metrics.Mean()

@tf.function
def step(images, labels):
    images = 2 * images
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(labels, third(images, training=True)))
    gradients = tape.gradient(value, third.trainable_variables)
    third_optimizer.apply_gradients(zip(gradients, third.trainable_variables))  # traced
    mean(value)

for _ in range(2):
    for at in range(0, 96, 32):
        step(x[at:at + 32], y[at:at + 32])
show(third)
print(float(mean.result()))
"""
OTHERS = """
by_hand = network(keras.Input((4,)))
with tf.GradientTape() as tape:
    value = tf.reduce_mean(by_hand(x) ** 2)
for variable, gradient in zip(by_hand.trainable_variables, tape.gradient(value, by_hand.trainable_variables)):  # hand
    variable.assign_sub(0.1 * gradient)

own = network(keras.Input((4,)))
optimizer = keras.optimizers.SGD(0.1)
with tf.GradientTape() as tape:
    value = tf.reduce_mean((own(x) - keras.ops.one_hot(y, 3)) ** 2)
optimizer.apply(tape.gradient(value, own.trainable_variables), own.trainable_variables)  # own

variable = tf.Variable(1.0)
keras.optimizers.SGD(0.1).apply([tf.constant(1.0)], [variable])  # plain

scores = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
adam = keras.optimizers.Adam(0.01)

@tf.function
def epoch(rows):
    for images, labels in rows:
        with tf.GradientTape() as tape:
            value = keras.losses.SparseCategoricalCrossentropy()(labels, scores(images))
        adam.apply(tape.gradient(value, scores.trainable_variables), scores.trainable_variables)

epoch(tf.data.Dataset.from_tensor_slices((x, y)).batch(32))
"""


@pytest.fixture
def diagnosed(run_server):
    """Runs `train.py` in a process that has imported Keras, plainly or with options of `diagnose`."""

    def run(text, **options):
        Path("train.py").write_text(text)
        given = {"module": False, "max_minutes": None, "max_steps": None, "prove_minutes": 0, "strict": False}
        words = json.dumps({**given, "json": "report.json", **options}), "train.py"
        return run_server.run(*words, module="exprun.diagnose")

    return run


def report():
    return json.loads(Path("report.json").read_text())


def line_of(text, word):
    return next(number for number, line in enumerate(text.splitlines(), 1) if line.endswith(f"# {word}"))


def test_steps_and_loops_are_examined_and_nothing_changes(diagnosed, run_server):
    text = DATA + ON_BATCH + LOOPS
    done = diagnosed(text)
    plain = run_server.run(module="train")
    assert (done.returncode, plain.returncode) == (0, 0), done.stderr + plain.stderr
    assert done.stdout == plain.stdout
    fits = report()["fits"]
    assert [fit["line"]["line"] for fit in fits] == [line_of(text, word) for word in ("on batch", "eager", "traced")]
    assert [fit["steps"] for fit in fits] == [6, 6, 6]
    assert [[finding["cause"] for finding in fit["findings"]] for fit in fits] == [["missing-softmax"]] * 3
    assert report()["unwatched"] == []


def test_what_cannot_be_seen_is_said_in_a_sentence(diagnosed):
    text = DATA + OTHERS
    done = diagnosed(text)
    own, plain, by_hand = report()["unwatched"]
    assert done.returncode == 0, done.stderr
    assert own.startswith(f"The loss of the loop in train.py:{line_of(text, 'own')} could not be seen")
    assert "no keras.Model" in plain
    assert by_hand.startswith(f"The loop in train.py:{line_of(text, 'hand')} could not be watched, because it changes")
    assert [fit["steps"] for fit in report()["fits"]] == [1, 3]
    assert "could not be watched" in done.stderr


@pytest.mark.parametrize("way", ["eager", pytest.param("traced", marks=pytest.mark.slow)])
def test_a_limit_ends_a_loop(diagnosed, way):
    text = DATA + LOOPS.replace("mean(value)", "mean(value); tf.print('step', output_stream='file://steps')")
    if way == "traced":
        text = text.replace("second_optimizer.apply_gradients", "(lambda pairs: None)")
    done = diagnosed(text, max_steps=2)
    assert (done.returncode, done.stdout.count("weights")) == (0, 0 if way == "eager" else 1), done.stderr
    assert "was ended after 2 steps" in done.stderr


@pytest.mark.slow
def test_experiments_use_the_batches_of_a_loop(diagnosed):
    text = DATA + ON_BATCH + LOOPS
    done = diagnosed(text, prove_minutes=5)
    evidence = report()["fits"][-1]["evidence"]
    assert done.returncode == 0, done.stderr
    assert evidence["references"]
    assert evidence["decisive"]["score"] > 0.5


OWN_LOSSES = """
values = x.sum(1).astype("float32")
one_hot = np.eye(3, dtype="float32")[y]

def regression():
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(1)])

crossed, crossed_optimizer = regression(), keras.optimizers.Adam(0.01)

@tf.function
def crossed_step(batch, targets):
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(tf.square(targets - crossed(batch, training=True)))
    gradients = tape.gradient(value, crossed.trainable_variables)
    crossed_optimizer.apply_gradients(zip(gradients, crossed.trainable_variables))

exchanged, exchanged_optimizer = network(keras.Input((4,))), keras.optimizers.SGD(0.01)
exchanged.add(keras.layers.Softmax())
right, right_optimizer = regression(), keras.optimizers.Adam(0.01)
for at in range(0, 96, 16):
    crossed_step(x[at:at + 16], values[at:at + 16])
for at in range(0, 96, 16):
    with tf.GradientTape() as tape:
        value = keras.losses.categorical_crossentropy(exchanged(x[at:at + 16], training=True), one_hot[at:at + 16])
    gradients = tape.gradient(value, exchanged.trainable_variables)
    exchanged_optimizer.apply_gradients(zip(gradients, exchanged.trainable_variables))
for at in range(0, 96, 16):
    batch, target = x[at:at + 16], values[at:at + 16, None]
    with tf.GradientTape() as tape:
        predicted = right(batch, training=True)
        value = tf.reduce_mean((target - predicted) ** 2)
    gradients = tape.gradient(value, right.trainable_variables)
    right_optimizer.apply_gradients(zip(gradients, right.trainable_variables))
total, total_optimizer = regression(), keras.optimizers.Adam(0.01)
for at in range(0, 96, 16):
    batch, target = x[at:at + 16], values[at:at + 16]
    with tf.GradientTape() as tape:
        predicted = total(batch, training=True)
        value = tf.reduce_sum((target - predicted) ** 2)
    gradients = tape.gradient(value, total.trainable_variables)
    total_optimizer.apply_gradients(zip(gradients, total.trainable_variables))
twice, twice_optimizer = network(keras.Input((4,))), keras.optimizers.SGD(0.01)
twice.add(keras.layers.Softmax())
for at in range(0, 96, 16):
    with tf.GradientTape() as tape:
        value = tf.nn.softmax_cross_entropy_with_logits(one_hot[at:at + 16], twice(x[at:at + 16], training=True))
    gradients = tape.gradient(value, twice.trainable_variables)
    twice_optimizer.apply_gradients(zip(gradients, twice.trainable_variables))
"""


@pytest.mark.slow
def test_a_loss_of_operations_of_ones_own_is_read_from_its_batch(diagnosed):
    done = diagnosed(DATA + OWN_LOSSES)
    assert done.returncode == 0, done.stderr
    found = [[(one["cause"], one["severity"]) for one in fit["findings"]] for fit in report()["fits"]]
    assert found == [
        [("broadcast-loss", "error")],
        [("wrong-loss", "error")],
        [],
        [("broadcast-loss", "error")],
        [("softmax-twice", "error")],
    ]
    assert "arguments are swapped" in done.stderr
    assert "could not be seen" not in done.stderr


WITHOUT_A_NAME = """
model, optimizer = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, LAST)]), keras.optimizers.Adam(0.01)
targets = np.stack([x.sum(1), x[:, 0]], 1).astype("float32")

@tf.function
def epoch(features, targets):
    order = tf.random.shuffle(tf.range(96))
    for at in range(0, 96, 16):
        rows = order[at:at + 16]
        with tf.GradientTape() as tape:
            value = tf.reduce_mean(tf.square(model(tf.gather(features, rows)) - tf.gather(targets, rows)))
        gradients = tape.gradient(value, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))

optimizer.build(model.trainable_variables)
for number in range(5):
    epoch(tf.constant(x[:96]), tf.constant(targets[:96]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("last", "causes"), [("'relu'", ["output-activation"]), ("None", [])])
def test_targets_that_no_variable_of_the_loop_has(diagnosed, last, causes):
    done = diagnosed(DATA + WITHOUT_A_NAME.replace("LAST", last))
    assert "could not be seen" not in done.stderr
    assert [one["cause"] for one in report()["fits"][0]["findings"] if one["severity"] != "note"] == causes


PART = (
    DATA
    + """
model, loss = network(keras.Input((4,))), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
optimizer = keras.optimizers.Adam(0.01)
for at in range(0, 96, 8):
    if NEW:
        optimizer = keras.optimizers.Adam(0.01)
    with tf.GradientTape() as tape:
        value = loss(y[at:at + 8], model(x[at:at + 8], training=True))
    trained = model.layers[-1].trainable_variables if PART else model.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(value, trained), trained))
"""
)


@pytest.mark.slow
@pytest.mark.parametrize(("part", "causes"), [(True, ["untrained-variables"]), (False, [])])
def test_layers_that_a_loop_does_not_pass_to_its_optimiser(diagnosed, part, causes):
    diagnosed(PART.replace("if NEW", "if False").replace("if PART", f"if {part}"))
    assert [one["cause"] for one in report()["fits"][0]["findings"] if one["severity"] == "error"] == causes


@pytest.mark.slow
def test_a_loop_that_makes_a_new_optimiser_in_each_step_is_one_training(diagnosed):
    diagnosed(PART.replace("if NEW", "if True").replace("if PART", "if False"))
    (fit,) = report()["fits"]
    assert fit["steps"] == 12
    assert report()["unwatched"] == []


RENAMED = (
    DATA
    + """
def normalised():
    return keras.Sequential([keras.Input((4,)), keras.layers.BatchNormalization(momentum=0.5), keras.layers.Dense(1)])

model, loss, optimizer = normalised(), keras.losses.MeanSquaredError(), keras.optimizers.Adam(0.01)
targets = (1e9 * x[:, :1]) if FAR else x[:, :1]

@tf.function
def step(rows, labels):
    with tf.GradientTape() as tape:
        value = loss(labels, model(rows, training=True))
    optimizer.apply_gradients(zip(tape.gradient(value, model.trainable_variables), model.trainable_variables))

for at in 5 * list(range(0, 96, 16)):
    step(x[at:at + 16], targets[at:at + 16])
model.save_weights("one.weights.h5")
model = normalised()
model.load_weights("one.weights.h5")
predict = tf.function(lambda row: model(row, training=TRAINING))
for row in x[:20]:
    predict(row[None])
"""
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("far", "training", "causes"),
    [
        (True, False, ["unscaled-target"]),
        (False, True, ["mixed-examples"]),
        (False, False, []),
    ],
)
def test_a_loop_whose_network_gives_its_name_to_a_copy(diagnosed, far, training, causes):
    diagnosed(RENAMED.replace("if FAR", f"if {far}").replace("TRAINING", str(training)))
    assert report()["unwatched"] == []
    (fit,) = report()["fits"]
    assert [one["cause"] for one in fit["findings"] if one["severity"] != "note"] == causes


SCHEDULED = (
    DATA
    + """
model, loss = network(keras.Input((4,))), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
optimizer = keras.optimizers.Adam(0.01)

@tf.function
def step(rows, labels):
    with tf.GradientTape() as tape:
        value = loss(labels, model(rows, training=True))
    optimizer.apply_gradients(zip(tape.gradient(value, model.trainable_variables), model.trainable_variables))

for epoch in range(10):
    for at in range(0, 96, 16):
        step(x[at:at + 16], y[at:at + 16])
        if EACH:
            optimizer.learning_rate.assign(0.5 * optimizer.learning_rate)
    optimizer.learning_rate.assign(0.9 * optimizer.learning_rate)
"""
)


@pytest.mark.slow
@pytest.mark.parametrize(("each", "causes"), [(True, ["learning-rate-decay"]), (False, [])])
def test_a_loop_that_lowers_its_learning_rate(diagnosed, each, causes):
    diagnosed(SCHEDULED.replace("if EACH", f"if {each}"))
    (fit,) = report()["fits"]
    assert [one["cause"] for one in fit["findings"] if one["severity"] != "note"] == causes


@pytest.mark.slow
def test_a_trial_follows_the_learning_rates_of_a_loop(diagnosed):
    diagnosed(SCHEDULED.replace("if EACH", "if True"), prove_minutes=0.5)
    (fit,) = report()["fits"]
    assert fit["evidence"]["plain"][0]["score"] < 0.2
    assert [change["name"] for change in fit["evidence"]["decisive"]["changes"]] == ["a constant learning rate"]


@pytest.mark.slow
def test_a_loop_that_ends_with_weights_that_are_not_finite(diagnosed):
    text = (
        DATA
        + """
line = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
optimizer, a = keras.optimizers.SGD(0.9), np.arange(1.0, 6.0, dtype="float32")[:, None]
target = 3 * a
for _ in range(300):
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(tf.square(line(a) - target))
    optimizer.apply_gradients(zip(tape.gradient(value, line.trainable_variables), line.trainable_variables))
"""
    )
    diagnosed(text, prove_minutes=0.2)
    (fit,) = report()["fits"]
    assert [one["cause"] for one in fit["rules"]][-1] == "not-finite"
    assert fit["findings"][0]["cause"] == "learning-rate-high"
