"""uncalled-hook: methods that look like hooks, but that Keras never calls; classes that look like those of Keras."""

import sys
from dataclasses import replace
from types import ModuleType

import pytest

from doctor.contexts import context_of, found
from exprun.doctor.cause import Phase
from exprun.doctor.causes import uncalled_hook
from exprun.doctor.instruments.hooks import uncalled_hooks


class Callback:
    """The class of Keras."""

    __module__ = "keras.src.callbacks"

    def on_epoch_begin(self, epoch):
        pass

    on_epoch_end = on_train_begin = on_batch_begin = on_test_end = on_epoch_begin


class Lambda(Callback):
    """A class of Keras that takes functions."""

    __module__ = "keras.src.callbacks"

    def __init__(self, **functions):
        vars(self).update(functions)


class Late(Callback):
    def on_epoch_finished(self, epoch):
        pass

    def on_epoch_end(self, epoch):
        pass


class Many(Callback):
    def on_train_start(self):
        pass

    def on_batch_start(self):
        pass

    def on_validation_end(self):
        pass

    def on_improvement(self):
        pass


class Careful(Callback):
    """Calls its own methods."""

    on_what = "loss"

    def on_epoch_end(self, epoch):
        self.on_new_best()

    def on_new_best(self):
        pass

    def on_epoch_over(self):
        pass

    def _on_epoch_start(self):
        pass


def over(callback):
    callback.on_epoch_over()  # called from elsewhere in this file


class Own(Callback):
    def on_improvement(self):
        pass


def check(*things):
    hooks = [hook for thing in things for hook in uncalled_hooks(thing, Callback)]
    return found(uncalled_hook, replace(context_of(phase=Phase.FIRST_STEP), hooks=hooks))


@pytest.mark.parametrize(
    ("thing", "severity", "text", "remedy"),
    [
        (Late(), "warning", "Late.on_epoch_finished", "rename on_epoch_finished to on_epoch_end."),
        (Own(), "note", "Own.on_improvement", ""),
        (Lambda(on_epoch_start=print), "warning", "Lambda.on_epoch_start", "rename on_epoch_start to on_epoch_begin."),
    ],
)
def test_a_name_that_is_no_hook(thing, severity, text, remedy):
    [finding] = check(thing)
    assert (finding.severity, finding.keras) == (severity, remedy)
    assert finding.evidence == f"Keras never calls {text}: it has no hook of this name."


@pytest.mark.slow
def test_several_names_are_one_finding():
    [finding] = check(Late(), Many())
    assert finding.severity == "warning"
    assert "and 1 more: it has no hook of these names" in finding.evidence
    assert "on_train_start to on_train_begin" in finding.keras
    assert "on_validation_end to on_test_end" in finding.keras


@pytest.mark.parametrize("thing", [Callback(), Careful(), Lambda(on_epoch_end=print)])
def test_hooks_and_methods_that_are_called(thing):
    assert check(thing) == check() == []


def test_anything_may_be_registered_as_a_module(monkeypatch):
    class Slotted:
        __slots__ = ()
        __class__ = ModuleType  # as cffi's libraries say of themselves

    monkeypatch.setitem(sys.modules, "registered", Slotted())
    assert [hook.name for hook in uncalled_hooks(Late(), Callback)] == ["on_epoch_finished"]
