"""The page: findings first, each picture once, text that stays text."""

from doctor_page.examples import HOSTILE, finding, known
from exprun.doctor_page import page as pages
from exprun.doctor_page.page import Part, Shown, drawn, page, verdict


def part(*findings):
    return Part("", [Shown(one) for one in findings], drawn(findings, known))


def test_each_picture_is_shown_once_with_the_first_finding_that_it_proves():
    found = part(finding("vanishing-signal"), finding("exploding-signal"), finding("wrong-loss"))
    first, second, third = found.proofs
    assert first[1].kind == "signal"
    assert second[1:] == (None, "vanishing-signal")
    assert third[1:] == (None, "")
    assert all(figure.kind != "signal" for _, figures in found.sections for figure in figures)


def test_the_verdict_names_findings_and_what_to_try():
    assert verdict([]) == [pages.NOTHING]
    assert verdict([finding("overfitting", "note")]) == [pages.NOTHING]
    [sentence] = verdict([finding("vanishing-signal", overrides=("norm=batch",))])
    assert sentence == f"Error: vanishing-signal, {HOSTILE}. Try norm=batch."
    many = [finding("vanishing-signal")] * 7
    assert verdict(many)[-1] == "3 further findings below."


def test_names_are_text_and_nothing_is_loaded():
    text = page(
        "A <title>", [HOSTILE], [part(finding("vanishing-signal"), finding("unscaled-evaluation"))], "typed <x>"
    )
    assert HOSTILE not in text
    assert "&lt;img" in text
    assert "http://" not in text.replace("http://www.w3.org", "")


def test_pictures_that_fail_do_not_keep_the_page_from_being_written():
    def broken():
        raise RuntimeError

    found = Part("", [Shown(finding("vanishing-signal"))], drawn([], broken))
    text = page("A page", [], [found])
    assert "vanishing-signal" in text


def test_a_finding_without_a_picture_shows_its_numbers():
    text = page("A page", [], [part(finding("wrong-loss", numbers={"units_of": 3.25}))])
    assert "units of" in text
    assert "3.25" in text
