"""Plurals, lists in a sentence, and JSON without numbers that it has no word for."""

import json
import math

import pytest

from exprun.text import folded, html_lines, html_table, joined, json_text, listed, nouns, plural, rounded


@pytest.mark.parametrize(("count", "said"), [(0, "0 layers"), (1, "1 layer"), (2, "2 layers"), (1200, "1,200 layers")])
def test_a_noun_goes_with_its_count(count, said):
    assert plural(count, "layer") == said
    assert nouns(count, "layer") == said.split()[1]


def test_names_are_joined_to_a_part_of_a_sentence():
    assert [joined(list(names)) for names in ("a", "ab", "abc")] == ["a", "a and b", "a, b and c"]


def test_a_long_list_is_cut_and_names_no_value_twice():
    assert listed([3, 1, 3, 2]) == "3, 1, 2"
    assert listed("abcdefg") == "a, b, c, d, e and 2 more"
    assert listed("abc", most=2) == "a, b and 1 more"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (0.000123456, "0.000123"), (1.5, "1.5"), (999.4, "999"), (999.6, "1,000"), (-1374.2, "-1,370"),
        (65535, "65,500"), (999_600, "1e+06"), (2.5e7, "2.5e+07"), (math.inf, "inf"), (math.nan, "nan"),
    ],
)  # fmt: skip
def test_values_below_a_million_have_no_exponent(value, text):
    assert rounded(value) == text


def test_more_digits_are_kept_if_asked_for():
    assert rounded(12345.6, 4) == "12,350"
    assert rounded(1374.2, 4) == "1,374"
    assert rounded(137.2, 2) == "140"


def test_numbers_that_json_cannot_hold_are_null():
    values = {"a": [1.5, math.nan], "b": (math.inf, {"c": -math.inf}), 3: "ü"}
    assert json.loads(json_text(values)) == {"a": [1.5, None], "b": [None, {"c": None}], "3": "ü"}
    assert "ü" in json_text(values)


def test_long_lines_are_folded_behind_their_number():
    lines = ["  1. one two three four", "short", "     five six seven eight"]
    assert list(folded(lines, 16)) == ["  1. one two", "     three four", "short", "     five six", "     seven eight"]
    assert list(folded(lines, None)) == lines


def test_cells_and_lines_of_html_are_text():
    table = html_table(["<b>", "n"], [["<i>x</i>", 3]])
    assert "<b>" not in table
    assert "&lt;i&gt;x&lt;/i&gt;" in table
    assert html_lines("a<b", "c & d") == "<p><b>a&lt;b</b></p><p>c &amp; d</p>"
