"""How the checks of a phase are made: each once, and not if a cause is found that preempts it."""

from types import SimpleNamespace

import numpy as np
import pytest

from doctor.contexts import context_of
from doctor.histories import TEN, training
from exprun.doctor import diagnosis
from exprun.doctor.cause import Phase
from exprun.doctor.causes import CHAIN
from exprun.doctor.history import History
from exprun.doctor.subject import Images


@pytest.fixture
def checks(monkeypatch):
    """Replaces the causes by some that find what the test says, and lists the checks that are made."""
    made = []

    def use(**causes):
        modules = []
        for name, (phases, finds, more) in causes.items():

            def check(context, name=name, finds=finds):
                made.append(name)
                if finds(context) if callable(finds) else finds:
                    yield context.finding("error", name, "")

            cause = SimpleNamespace(**{"id": name, "phases": phases, "confirm": {}, "preempts": ()} | more)
            modules.append(SimpleNamespace(CAUSE=cause, check=check))
        preempting = {m.CAUSE.id: [o.CAUSE.id for o in modules if m.CAUSE.id in o.CAUSE.preempts] for m in modules}
        by_phase = {phase: {m.CAUSE.id: m for m in modules if phase in m.CAUSE.phases} for phase in Phase}
        monkeypatch.setattr(diagnosis, "_BY_PHASE", by_phase)
        monkeypatch.setattr(diagnosis, "_PREEMPTING", preempting)
        return made

    return use


def probe(history=None):
    return training(Phase.PROBE, history or History(TEN), 20)


def causes_of(context, *phases):
    return [(finding.cause, finding.step) for finding in diagnosis.examine(context, *phases)]


def test_only_the_checks_of_a_phase_are_made_in_the_order_of_the_chain(checks):
    made = checks(a=((Phase.PROBE,), True, {}), b=((Phase.STEP,), True, {}), c=((Phase.PROBE,), False, {}))
    assert causes_of(probe()) == [("a", 20)]
    assert made == ["a", "c"]
    assert causes_of(probe(), Phase.STEP, Phase.PROBE) == [("b", 20), ("a", 20)]


def test_a_check_is_not_made_if_a_later_one_finds_a_cause_that_preempts_it(checks):
    made = checks(a=((Phase.PROBE,), True, {}), b=((Phase.PROBE,), True, {"preempts": ("a",)}))
    assert causes_of(probe()) == [("b", 20)]
    assert made == ["b"]


def test_a_cause_that_is_preempted_preempts_nothing(checks):
    checks(
        a=((Phase.PROBE,), True, {"preempts": ("b",)}),
        b=((Phase.PROBE,), True, {"preempts": ("c",)}),
        c=((Phase.PROBE,), True, {}),
    )
    assert causes_of(probe()) == [("a", 20), ("c", 20)]


def test_a_check_may_ask_what_another_one_finds_which_is_made_only_once(checks):
    made = checks(
        a=((Phase.PROBE,), lambda context: context.finds("b") and not context.finds("c"), {}),
        b=((Phase.PROBE,), True, {}),
        c=((Phase.STEP,), True, {}),
    )
    assert causes_of(probe()) == [("a", 20), ("b", 20)]
    assert made == ["a", "b"]


def test_a_cause_that_has_to_be_found_in_a_row(checks):
    finds = {"a": True, "b": False}
    checks(
        a=((Phase.PROBE,), lambda _: finds["a"], {"confirm": {Phase.PROBE: 2}}),
        b=((Phase.PROBE,), lambda _: finds["b"], {"preempts": ("a",)}),
    )
    history, said = History(TEN), []
    for finds["a"], finds["b"] in ((1, 0), (1, 0), (1, 1), (1, 0), (0, 0), (1, 0), (1, 0)):
        said.append([name for name, _ in causes_of(probe(history))])
    assert said == [[], ["a"], ["b"], [], [], [], ["a"]]


def test_a_check_that_fails_is_skipped_and_logged(checks, failures):
    checks(a=((Phase.PROBE,), lambda _: 1 / 0, {}), b=((Phase.PROBE,), True, {}))
    assert causes_of(probe()) == [("b", 20)]
    assert ["ZeroDivisionError" in failure for failure in failures] == [True]
    failures.clear()


def test_no_causes_preempt_each_other():
    preempting = dict(diagnosis._PREEMPTING)
    assert preempting.keys() == {module.CAUSE.id for module in CHAIN}
    while free := [name for name, others in preempting.items() if not preempting.keys() & set(others)]:
        for name in free:
            del preempting[name]
    assert not preempting


@pytest.mark.parametrize(("shape", "word"), [((2, 3), "a row"), ((2, 9, 3), "an example"), ((2, 9, 9, 3), "an image")])
def test_a_finding_calls_what_the_network_sees_by_its_name(shape, word):
    context = context_of(Images(np.zeros(shape, np.float32)))
    finding = context.finding("note", "training images", "Of 2 images, an image at image_input.")
    several = f"{word.split()[1]}s"
    assert (finding.where, finding.evidence) == (f"training {several}", f"Of 2 {several}, {word} at image_input.")
