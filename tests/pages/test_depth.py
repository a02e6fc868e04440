"""The titles of charts of the signal state the result."""

import math

import pytest

from exprun.pages.depth import Depth, charts

LAYERS = ("conv1", "conv2", "classifier")


def depth(name="this network", signal=(1.0, 0.1, 0.001, 0.002), at_input=None, **more):
    values = {"gradient": (1e-3,) * 3, "dead": (0.0, 0.5, None), "update": (1e-3,) * 3} | more
    return Depth(name, LAYERS, at_input, signal, **values)


def test_the_title_compares_the_network_with_others():
    found = charts([depth(), depth("norm=batch", (1.0, 1.0, 0.9, 1.0))])["signal"]
    assert "1,000 times smaller" in found.title
    assert "norm=batch: 0.9 times as large" in found.title
    assert [line.name for line in found.lines] == ["this network", "norm=batch"]


def test_the_first_layer_is_at_the_input_of_the_network():
    [line] = charts([depth()])["signal"].lines
    names = charts([depth()])["signal"].names
    assert [names[x] for x in line.x] == [*LAYERS, "output"]


def test_what_comes_before_the_first_layer_of_weights_is_a_place_of_its_own():
    found = charts([depth(signal=(0.0, 0.0, 0.0, 0.0), at_input=0.3)])["signal"]
    assert [found.names[x] for x in found.lines[0].x] == ["input", *LAYERS, "output"]
    assert found.title == "All images are the same from the input of conv1 on"


@pytest.mark.parametrize(
    ("values", "title"),
    [
        ({"gradient": (0.0, 1.0, 1.0)}, "No gradient arrives at conv1"),
        ({"gradient": (1e-5, 1.0, 1.0)}, "100,000 times smaller in conv1"),
        ({"gradient": (0.5, 1.0, 1.0)}, "similar size"),
        ({"gradient": (0.0, 0.0, 0.0)}, "No gradient arrives"),
    ],
)
def test_the_title_of_gradients(values, title):
    assert title in charts([depth(**values)])["gradient"].title


@pytest.mark.parametrize(
    ("update", "title"),
    [
        ((0.5, 1e-3, 1e-3), "changes conv1 by 50% of its size"),
        ((18.2, 1e-3, 1e-3), "changes conv1 by 18 times its size"),
        ((1e-3, 1e-3, 1e-3), "changes each layer by 0.001 of its size"),
        ((1e-8, 1e-3, 1e-3), "hardly changes conv1"),
        ((1e-8, 1e-9, 1e-9), "hardly changes any layer"),
        ((0.0, 0.0, 0.0), "changes no layer"),
        ((1e-3, 2e-3, 1e-3), "changes each layer by 0.001 to 0.002"),
    ],
)
def test_the_title_of_updates(update, title):
    assert title in charts([depth(update=update)])["update"].title


def test_dead_units_are_percentages_and_the_worst_layer_is_named():
    found = charts([depth(), depth("now", dead=(0.1, 0.98, None))])["dead"]
    assert found.title == "98% of the units after conv2 are dead (now)"
    assert found.lines[1].y[:2] == [10.0, 98.0]


def test_a_network_that_is_not_finite_has_a_chart_all_the_same():
    nothing = (math.nan,) * 4
    found = charts([depth(signal=nothing, gradient=(math.nan,) * 3, update=(None,) * 3), depth("norm=batch")])
    assert "signal" not in found  # the chart is about the first network
    assert "dead" in found


def test_layers_that_have_not_changed_are_named():
    found = charts([depth(), depth("now", moved=(0.0, 0.1, 0.2))])["moved"]
    assert found.title == "The training has not changed conv1"
    assert [line.name for line in found.lines] == ["now"]
    assert charts([depth("now", moved=(0.0,) * 3)])["moved"].title == "The training has not changed any layer"
    assert "moved" not in charts([depth()])


def test_frozen_layers_that_have_changed_are_named():
    moved = depth("now", moved=(0.0, 0.1, 0.2), frozen=(True, True, False))
    found = charts([depth(), moved])["moved"]
    assert found.title == "conv2 is frozen, but changed since the start"
    assert found.names == ("conv1, frozen", "conv2, frozen", "classifier")


def test_a_network_has_the_same_colour_in_all_charts():
    found = charts([depth(), depth("after", update=(None,) * 3), depth("norm=batch")])
    assert [line.style for line in found["signal"].lines] == [0, 1, 2]
    assert [line.style for line in found["update"].lines] == [0, 2]
