"""The change that a finding calls for, as code of the script."""

import linecache
import re

import keras
import numpy as np
import pytest

from exprun.diagnose.fit import Fit, Place
from exprun.diagnose.rewriting import Script, edits
from exprun.doctor.cause import Finding
from exprun.doctor.instruments.labels import read_labels

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4)).astype("float32")
THREE = RNG.integers(0, 3, 60)
L = keras.layers
SOURCE = """\
model = keras.Sequential([
    layers.Dense(8, activation="relu", kernel_initializer="zeros"),
    layers.BatchNormalization(),
    layers.Dropout(0.9),
    LAST,
])
model.compile(OPTIMIZER, LOSS, metrics=["mae"])
model.fit(x_train, y_train, epochs=3,
          verbose=0)
"""


class Rows:
    def __init__(self, x, y):
        self.x, self.y = x, y

    def rows(self, split):
        return self.x, self.y


def changed(
    tmp_path, cause, where="training", y=THREE, last='layers.Dense(1, activation="sigmoid")', loss='"mse"',
    optimizer='"adam"', x=X, numbers=None,
):  # fmt: skip
    source = SOURCE.replace("LAST", last).replace("LOSS", loss).replace("OPTIMIZER", optimizer)
    path = tmp_path / "train.py"
    path.write_text(source)
    linecache.checkcache(str(path))
    made = {"keras": keras, "layers": keras.layers}
    exec(source.split("model.fit")[0], made)
    model = made["model"]
    model.build((None, 4))
    lines = dict(zip(model.layers, range(2, 6), strict=True))

    def place(line):
        return Place("train.py", line, str(path))

    fit = Fit(model, place(8), {}, Rows(x, y), settings=model.optimizer.get_config())
    named = next((layer for layer in model.layers if re.sub(r"_\d+", "", layer.name) == where), None)
    script = Script(fit, named, lambda layer: place(lines[layer]), place(7), read_labels(y))
    return [
        str(edit) for edit in edits(Finding(cause, "error", where, "A number is 1.", numbers=numbers or {}), script)
    ]


ONE_HOT = np.eye(3)[THREE]


@pytest.mark.parametrize(
    ("y", "last", "loss", "expected"),
    [
        (
            THREE,
            'layers.Dense(1, activation="sigmoid")',
            '"binary_crossentropy"',
            [
                "train.py:5: write layers.Dense(3, activation='softmax')",
                "train.py:7: write model.compile('adam', 'sparse_categorical_crossentropy', metrics=['mae'])",
            ],
        ),
        (ONE_HOT, "layers.Dense(3)", 'loss="categorical_crossentropy"', [
            "train.py:5: write layers.Dense(3, activation='softmax')",
        ]),
        (ONE_HOT, 'layers.Dense(3, "softmax")', 'loss="sparse_categorical_crossentropy"', [
            "train.py:7: write model.compile('adam', loss='categorical_crossentropy', metrics=['mae'])",
        ]),
        (THREE > 0, 'layers.Dense(1, activation="relu")', '"binary_crossentropy"', [
            "train.py:5: write layers.Dense(1, activation='sigmoid')",
        ]),
        (THREE, 'layers.Dense(3, activation="softmax")',
         "keras.losses.SparseCategoricalCrossentropy(from_logits=True)",
         ["train.py:7: write model.compile('adam', 'sparse_categorical_crossentropy', metrics=['mae'])"]),
        (RNG.normal(size=60), 'layers.Dense(1, activation="sigmoid")', '"mae"', [
            "train.py:5: write layers.Dense(1)",
        ]),
    ],
)  # fmt: skip
def test_the_last_layer_and_the_loss_fit_the_labels(tmp_path, y, last, loss, expected):
    assert changed(tmp_path, "output-units", y=np.asarray(y, float), last=last, loss=loss) == expected


@pytest.mark.parametrize(
    ("optimizer", "code"),
    [
        ('"adam"', "keras.optimizers.Adam(learning_rate=0.0001)"),
        ("keras.optimizers.SGD(0.5, momentum=0.9)", "keras.optimizers.SGD(0.05, momentum=0.9)"),
        ("optimizer=keras.optimizers.SGD(learning_rate=0.5)", "keras.optimizers.SGD(learning_rate=0.05)"),
    ],
)
def test_a_tenth_of_the_learning_rate(tmp_path, optimizer, code):
    (edit,) = changed(tmp_path, "learning-rate-high", optimizer=optimizer, loss='loss="mse"')
    assert edit.startswith("train.py:7: write model.compile(")
    assert code in edit


def test_other_causes_change_a_layer_or_the_fit(tmp_path):
    def only(*args, **kwargs):
        (edit,) = changed(tmp_path, *args, **kwargs)
        return edit

    assert only("excessive-dropout", "dropout") == "train.py:4: write layers.Dropout(0.5)"
    assert only("lagging-batch-norm") == "train.py:3: write layers.BatchNormalization(momentum=0.9)"
    assert only("symmetric-init", "dense") == (
        "train.py:2: write layers.Dense(8, activation='relu', kernel_initializer='he_normal')"
    )
    assert "batch_size=32" in only("small-batch-norm")
    assert only("unscaled-target").startswith(
        "train.py:8: write model.fit(x_train, (y_train - y_train.mean()) / y_train.std(), epochs=3"
    )
    assert "class_weight={0: " in (written := only("class-imbalance"))
    assert "np." not in written
    assert "clipnorm=1.0" in only("exploding-gradient")


def test_pixels_are_scaled_before_the_first_layer(tmp_path):
    pixels = RNG.integers(0, 256, (60, 2, 2, 1))
    (edit,) = changed(tmp_path, "unscaled-input", x=pixels)
    assert edit == "train.py:2: insert before it keras.layers.Rescaling(1 / 255)"
    assert changed(tmp_path, "unscaled-input", x=pixels.reshape(60, 4)) == []  # ages up to 200 are no pixels


def test_an_optimiser_that_was_made_elsewhere_and_what_an_experiment_has_tried_are_left(tmp_path):
    elsewhere = "keras.optimizers.SGD(0.5)"
    assert changed(tmp_path, "learning-rate-high", optimizer=elsewhere, loss='loss="mse"') != []
    assert changed(tmp_path, "learning-rate-high", numbers={"changed": 0.9}) == []
    assert changed(tmp_path, "output-activation", y=np.arange(60.0), loss='"mse"') == [
        "train.py:5: write layers.Dense(1)"
    ]


def test_there_is_no_edit_where_the_change_is_no_single_call(tmp_path):
    assert changed(tmp_path, "shuffled-labels") == []
    assert changed(tmp_path, "excessive-dropout") == []
