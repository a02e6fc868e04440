"""Curves in one line of text."""

import math

from exprun.sparkline import sparkline


def test_heights_follow_the_values():
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8) == "▁▂▃▄▅▆▇█"
    assert sparkline([7, 0, 7], 8) == "█▁█"


def test_of_many_values_each_character_shows_a_mean():
    assert sparkline([0, 0, 0, 0, 10, 10, 10, 10], 2) == "▁█"
    assert len(sparkline(range(1000), 12)) == 12


def test_a_curve_without_change_or_without_values():
    assert len(set(sparkline([3.0] * 5, 5))) == 1
    assert sparkline([], 5) == ""


def test_values_that_are_not_finite_are_marked():
    assert sparkline([1.0, math.nan, 2.0, math.inf], 4) == "▁x█x"
    assert sparkline([math.nan], 4) == "x"


def test_terminals_without_the_characters_get_plain_ones():
    line = sparkline([0, 1, 2, 3], 4, "ascii")
    assert line.isascii()
    assert line[0] != line[-1]
    assert sparkline([0, 1], 2, "no-such-encoding").isascii()
