"""Line charts as plain values: gaps, thinning and their tables."""

import math

from exprun.pages.series import MOST_POINTS, MOST_ROWS, Line, Series


def test_values_that_are_not_finite_are_gaps():
    data = Series("t", "loss", [Line("a", [1, 2, 3], [1.0, math.nan, None])], "epoch").data
    assert data["lines"][0]["y"] == [1.0, None, None]


def test_a_long_line_keeps_its_ends():
    count = 10 * MOST_POINTS
    data = Series("t", "loss", [Line("a", range(count), [float(i) for i in range(count)])], "step").data
    [line] = data["lines"]
    assert len(line["x"]) == MOST_POINTS
    assert (line["x"][0], line["x"][-1]) == (0, count - 1)


def test_the_table_has_a_row_for_each_place_of_any_line():
    chart = Series("t", "loss", [Line("a", [0, 1], [1.0, 2.0]), Line("b", [1], [3.0])], "layer", ["conv1", "dense"])
    assert chart.rows == [("conv1", ["1", "–"]), ("dense", ["2", "3"])]
    long = Series("t", "loss", [Line("a", range(5000), [0.0] * 5000)], "step")
    assert len(long.rows) == MOST_ROWS


def test_a_level_that_is_unknown_is_left_out():
    levels = [("chance level", math.nan), ("usual", 1.0)]
    assert [one["name"] for one in Series("t", "loss", [], "epoch", levels=levels).data["levels"]] == ["usual"]


def test_a_logarithmic_axis_says_how_0_is_shown():
    assert "cross" in Series("t", "x", [Line("a", [0, 1], [0.0, 1.0])], "layer", log=True).note
    assert "cross" not in Series("t", "x", [Line("a", [0, 1], [0.5, 1.0])], "layer", log=True).note
