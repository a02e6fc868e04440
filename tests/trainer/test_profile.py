"""Where the time of a step goes."""

import keras
import pytest

from exprun.config.schema import Config
from exprun.trainer.events import Profiled
from exprun.trainer.profile import parts_of
from tiny import config, kept


def test_operations_are_told_apart_by_layer_and_direction():
    layers = [keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3, name="conv1"), keras.layers.Flatten(name="flatten")]
    model = keras.Sequential([*layers, keras.layers.Dense(3, name="fc_1")], name="net")
    found = [
        ("while/body/_1/while/net_1/conv1_1/convolution:Conv2D", 4.0),
        ("while/body/_1/gradient_tape/while/net_1/conv1_1/convolution/Conv2DBackpropFilter:Conv2DBackpropFilter", 6.0),
        ("while/body/_1/while/net_1/fc_1/MatMul:MatMul", 1.0),
        ("while/body/_1/while/net_1/Cast:Cast", 0.5),
        ("while/body/_1/while/GatherV2:GatherV2", 2.0),
        ("while/body/_1/gradient_tape/while/Tile:Tile", 0.25),
        ("while/body/_1/while/cond/then/_2/while/cond/adam/Sqrt:Sqrt", 3.0),
    ]
    parts = {part.name: (part.forward, part.backward) for part in parts_of(iter(found), model, 2)}
    assert parts == {
        "conv1": (2.0, 3.0),
        "optimiser": (1.5, 0.0),
        "images and loss": (1.125, 0.0),
        "fc_1": (0.5, 0.0),
        "within the network": (0.25, 0.0),
    }
    assert list(parts) == ["conv1", "optimiser", "images and loss", "fc_1", "within the network"]


def seen(settings: Config, monkeypatch: pytest.MonkeyPatch) -> list[Profiled]:
    from exprun.console import Console

    events: list[Profiled] = []
    monkeypatch.setattr(Console, "__call__", lambda self, event: events.append(event))
    kept(settings)
    return [event for event in events if isinstance(event, Profiled)]


def test_a_run_watches_some_steps_and_names_its_layers(monkeypatch, tmp_path):
    (profile,) = seen(config("trainer.profile=true", "trainer.epochs=2", f"run_dir={tmp_path}/run"), monkeypatch)
    assert 1 <= profile.steps <= 22
    assert profile.milliseconds > 0
    names = [part.name for part in profile.parts]
    assert {"conv1", "conv1_norm", "conv2", "dense1", "classifier", "optimiser", "images and loss"} <= set(names)
    conv = next(part for part in profile.parts if part.name == "conv2")
    assert conv.forward > 0
    assert conv.backward > 0
    assert list((tmp_path / "run" / "profile").rglob("*.xplane.pb"))


@pytest.mark.slow
def test_too_few_steps_are_said_to_be_too_few(monkeypatch):
    (profile,) = seen(config("trainer.profile=true", "trainer.max_steps=2"), monkeypatch)
    assert profile.parts == []


@pytest.mark.slow
def test_a_run_that_fails_ends_its_watch(monkeypatch):
    words = ["trainer.profile=true", "optim.learning_rate=1000", "norm=none", "input=raw"]
    for _ in range(2):
        assert len(seen(config(*words), monkeypatch)) == 1
