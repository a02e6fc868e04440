"""One or several inputs."""

from collections import namedtuple

import keras
import numpy as np
import pytest

from exprun.doctor.instruments.inputs import first_rows, parts

X, Y = np.arange(6), np.arange(12).reshape(6, 2)
Pair = namedtuple("Pair", ["one", "other"])


@pytest.mark.parametrize(
    ("inputs", "names"),
    [
        (X, [""]),
        ({"b": X, "a": Y}, ["a", "b"]),
        ([X, Y], ["0", "1"]),
        ((X, {"b": Y, "a": X}), ["0", "a", "b"]),
        (Pair(X, Y), ["0", "1"]),
    ],
)
def test_parts_have_names_and_the_order_of_keras(inputs, names):
    found = list(parts(inputs))
    assert [name for name, _ in found] == names
    assert [id(part) for _, part in found] == [id(part) for part in keras.tree.flatten(inputs)]
    few = first_rows(inputs, 2)
    assert type(few) is type(inputs)
    assert [len(part) for _, part in parts(few)] == [2] * len(names)
    assert [len(part) for _, part in parts(first_rows(inputs, None))] == [6] * len(names)
