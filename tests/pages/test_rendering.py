"""The base of all pages: one file, which runs only its own script, in colours that everybody tells apart."""

import base64
import hashlib
import itertools
import json
import re

import numpy as np
import pytest

from exprun.files import sha256
from exprun.pages import rendering

# The colours that people see who lack one kind of cone, from linear RGB: Machado, Oliveira and Fernandes 2009,
# doi:10.1109/TVCG.2009.113, severity 1.
CONES = {
    "none lacks": np.eye(3),
    "protanopia": np.array([[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.0520]]),
    "deuteranopia": np.array([[0.3673, 0.8606, -0.2280], [0.2801, 0.6726, 0.0473], [-0.0118, 0.0430, 0.9689]]),
    "tritanopia": np.array([[1.2555, -0.0767, -0.1788], [-0.0784, 0.9308, 0.1476], [0.0047, 0.6914, 0.3039]]),
}
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])  # from linear sRGB
INKS = {"light": "#1b1f24", "dark": "#e6e9ec"}  # of text and of the seventh colour


@pytest.fixture
def template(tmp_path):
    path = tmp_path / "a.html"
    path.write_text(
        '{% extends "base.html" %}{% block title %}t{% endblock %}{% block content %}{{ name }}{% endblock %}'
    )
    return path


def linear(color: str) -> np.ndarray:
    """Linear RGB, 0 to 1, of a colour in hexadecimal."""
    value = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of linear RGB under D65."""
    xyz = XYZ @ np.clip(rgb, 0, 1) / (XYZ @ np.ones(3))
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_the_library_is_the_released_one():
    folder = rendering.LIBRARY.parent
    listed = dict(re.findall(r"\| `(\S+)` \| ([0-9a-f]{64}) \|", (folder / "README.md").read_text()))
    assert listed == {name: sha256(folder / name) for name in ("uPlot.iife.min.js", "uPlot.min.css")}
    assert "Permission is hereby granted" in (folder / "LICENSE").read_text()


def test_text_and_data_cannot_become_markup(template):
    hostile = "</script><img src=x onerror=alert(1)><!--"
    page = rendering.render(template, {"name": hostile, "none": float("nan")}, name=hostile)
    assert hostile not in page
    assert "&lt;/script&gt;" in page
    [data] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    assert json.loads(data) == {"name": hostile, "none": None}


def test_only_the_script_of_the_page_may_run_and_nothing_is_loaded(template):
    page = rendering.render(template, {}, rendering.CHARTS, name="")
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    [script] = re.findall(r'<script type="module">(.*?)</script>', page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    rest = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert policy == f"{rest}; script-src 'sha256-{digest}'"
    for word in ("src=", "@import", "url(", '<link rel="stylesheet'):
        assert word not in page
    assert len(page) < 150_000


@pytest.mark.parametrize("scheme", INKS)
@pytest.mark.parametrize("cones", CONES)
def test_people_with_any_cones_tell_the_colours_apart(scheme, cones):
    seen = [lab(CONES[cones] @ linear(color)) for color in (*rendering.PALETTE, INKS[scheme])]
    # 2.3 is the smallest difference that people notice (Mahy, Van Eycken and Oosterlinck 1994).
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 4 * 2.3


def test_text_has_contrast_in_both_schemes():
    style = (rendering.FOLDER / "style.css").read_text()
    colors = {name: both for name, *both in re.findall(r"--(\w+): light-dark\((#\w{6}), (#\w{6})\)", style)}
    for scheme in (0, 1):
        light = {name: float(XYZ[1] @ linear(both[scheme])) + 0.05 for name, both in colors.items()}
        for text, paper in itertools.product(("ink", "soft", "strong", "bad", "care"), ("paper", "mark")):
            low, high = sorted((light[text], light[paper]))
            assert high / low >= 4.5, (text, paper, scheme)  # WCAG 2.2, 1.4.3
