"""The page of a fit: written however the training ends, without a change of the training."""

import json
import re

import keras
import numpy as np
import pytest

from exprun.doctor import Doctor

RNG = np.random.default_rng(0)
Y = RNG.integers(0, 3, 240)
X = (RNG.normal(size=(240, 8, 8, 1)) + Y[:, None, None, None]).astype("float32")


def fitted(*callbacks, scale=1.0, built=True):
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Flatten(), keras.layers.Dense(8, "relu"), keras.layers.Dense(3)]
    model = keras.Sequential([*([keras.Input((8, 8, 1))] if built else []), *layers])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    validation = scale * X[200:], Y[200:]
    model.fit(X[:200], Y[:200], epochs=2, batch_size=20, verbose=0, validation_data=validation, callbacks=[*callbacks])
    return model


def data_of(path):
    return json.loads(re.search(r'id="data">(.*?)</script>', path.read_text(), re.S)[1])


def names(data, kind):
    return [line["name"] for line in data["series"][f"0-{kind}-0"]["lines"]]


def test_the_page_has_the_findings_with_pictures_and_the_training_stays_the_same(tmp_path):
    said, page = [], tmp_path / "pages" / "doctor.html"
    watched = fitted(Doctor(page=page, report=said.append, share=0.9, every=5), scale=255.0)
    plain = fitted(scale=255.0)
    assert all(np.array_equal(a, b) for a, b in zip(plain.get_weights(), watched.get_weights(), strict=True))
    text, data = page.read_text(), data_of(page)
    assert "unscaled-evaluation" in text
    assert "times as widely" in text
    assert names(data, "signal") == ["at the start", "now", "with He initialisation"]
    assert names(data, "update") == ["at the start", "with He initialisation"]
    [moved] = data["series"]["0-moved-0"]["lines"]
    assert all(value > 0 for value in moved["y"])
    assert names(data, "curves") == ["training", "validation"]
    assert "0-steps" in data["heat"]
    assert str(page) in said[-1]


@pytest.mark.slow
def test_a_network_without_an_input_shape_has_the_weights_after_its_first_step(tmp_path):
    fitted(Doctor(page=tmp_path / "doctor.html", report=lambda text: None), built=False)
    assert names(data_of(tmp_path / "doctor.html"), "signal")[:2] == ["after the first step", "now"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_the_page_is_written_if_the_fit_fails(tmp_path, kind):
    class Failing(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise kind("on purpose")

    with pytest.raises(kind, match="on purpose"):
        fitted(Doctor(page=tmp_path / "doctor.html", report=lambda text: None), Failing())
    assert f"{kind.__name__} has ended it." in (tmp_path / "doctor.html").read_text()


@pytest.mark.slow
def test_a_page_that_cannot_be_written_does_not_end_the_script(tmp_path):
    said = []
    (tmp_path / "file").write_text("")
    fitted(Doctor(page=tmp_path / "file" / "doctor.html", report=said.append))
    assert "cannot be written" in said[-1]
