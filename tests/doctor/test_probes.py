"""What probes have measured of each layer: thinned, written, read again."""

import numpy as np
import pytest

from exprun.doctor.instruments.layers import Layer
from exprun.doctor.instruments.passes import Call, Pass
from exprun.doctor.instruments.weights import Moves, Weight
from exprun.doctor.probes import MOST, Probes, measured


class Variable:
    def __init__(self, path, shape=(3, 2)):
        self.path, self.shape = path, shape


class Relu:
    name = "relu1"
    activation = type("relu", (), {"__name__": "relu"})()


def test_the_number_of_columns_is_bounded_and_they_stay_evenly_spaced():
    probes = Probes()
    for step in range(1, 1001):
        probes.add(step, {"dead": {"relu1": step / 1000}})
    assert MOST / 2 <= len(probes.steps) <= MOST
    assert len(set(np.diff(probes.steps))) == 1
    assert probes.values["dead"]["relu1"] == [step / 1000 for step in probes.steps]


def test_a_layer_without_a_value_in_a_probe_has_none():
    probes = Probes()
    probes.add(1, {"gradients": {"conv1": 2.0}})
    probes.add(2, {"gradients": {"conv1": 1.0}, "updates": {"conv1": 0.5}})
    probes.add(3, {"updates": {"conv1": 0.25}})
    assert np.array_equal(probes.values["updates"]["conv1"], [np.nan, 0.5, 0.25], equal_nan=True)
    assert np.array_equal(probes.values["gradients"]["conv1"], [2.0, 1.0, np.nan], equal_nan=True)


def test_a_resumed_run_goes_on_after_its_checkpoint(tmp_path):
    probes = Probes()
    for step in range(1, MOST + 2):
        probes.add(step, {"updates": {"a": 0.5, "b/c": 0.25}})
    probes.write(tmp_path / "probes.npz")
    again = Probes.read(tmp_path / "probes.npz", until=51)
    assert again.steps == probes.steps[:26]
    assert again.every == probes.every == 2
    for step in (52, 53):
        again.add(step, {"updates": {"a": 1.0, "b/c": 1.0}})
    assert again.steps == [*probes.steps[:26], 52]


def test_a_file_with_damaged_values_has_no_probes(tmp_path):
    path, probes = tmp_path / "probes.npz", Probes()
    for step in range(100):
        probes.add(step, {"gradients": {f"layer {number}": step / 7 + number for number in range(20)}})
    probes.write(path)
    content = bytearray(path.read_bytes())
    content[300 : len(content) // 2] = b"\xff" * (len(content) // 2 - 300)
    path.write_bytes(content)
    assert Probes.read(path).steps == []


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 damaged"])
def test_a_missing_or_damaged_file_has_no_probes(tmp_path, content):
    if content is not None:
        (tmp_path / "probes.npz").write_bytes(content)
    assert Probes.read(tmp_path / "probes.npz").steps == []


def test_matrices_and_rectifiers_are_measured_by_layer():
    weights = [Weight(Variable("conv1/kernel"), np.ones(6)), Weight(Variable("conv1/bias", (2,)), np.ones(2))]
    outputs = np.array([[0.0, 1.0], [0.0, 0.0]], np.float32)
    gradients = [np.full((3, 2), 2.0), np.ones(2)]
    found = Pass([Call(Layer(Relu()), outputs, outputs)], outputs, np.ones(2), gradients=gradients)
    assert measured(found, weights, Moves(10, [0.125])) == {
        "updates": {"conv1": 0.125},
        "gradients": {"conv1": pytest.approx(24**0.5)},
        "dead": {"relu1": 0.5},
    }
    assert measured(found, weights, None)["updates"] == {}
