"""Methods of callbacks and data sets that look like hooks, but that Keras never calls."""

import contextlib
import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

PREFIX = "on_"  # with which the names of all hooks of Keras begin
# Words of other libraries, and those of Keras.
WORDS = {
    **dict.fromkeys(("start", "started", "starts", "begins", "began", "before"), "begin"),
    **dict.fromkeys(("finish", "finished", "stop", "complete", "completed", "done", "ends", "ended", "after"), "end"),
    **dict.fromkeys(("training", "fit"), "train"),
    **dict.fromkeys(("validation", "val", "eval", "evaluate", "evaluation"), "test"),
    **dict.fromkeys(("step", "iteration"), "batch"),
    **dict.fromkeys(("epochs",), "epoch"),
    **dict.fromkeys(("batches",), "batch"),
}
OF_KERAS = {"epoch", "batch", "train", "test", "predict"}  # words that say when Keras calls a hook


@dataclass(frozen=True)
class Hook:
    """A method that looks like a hook, but that Keras never calls.

    Args:
        owner: the name of the class.
        name: the name of the method.
        instead: the name of the hook that may be meant; empty if none is similar.
        is_timed: whether the name says when in a training it is to be called.
    """

    owner: str
    name: str
    instead: str
    is_timed: bool


def uncalled_hooks(thing: Any, base: type) -> list[Hook]:
    """The methods of an object that look like hooks of Keras, but have other names, and that nothing else calls.

    Args:
        thing: a callback or a data set.
        base: the class of Keras that defines its hooks.
    """
    found = []
    for name in sorted(set(_names(thing))):
        if not hasattr(base, name) and callable(getattr(thing, name, None)) and not _is_called(thing, name):
            words = [WORDS.get(word, word) for word in name.split("_")]
            meant = "_".join(words)
            timed = not OF_KERAS.isdisjoint(words)
            found.append(Hook(type(thing).__name__, name, meant if hasattr(base, meant) else "", timed))
    return found


def _names(thing: Any) -> Iterator[str]:
    """The names like those of hooks that a script has given, in a class of its own or as an attribute."""
    for defining in (vars(thing), *(vars(kind) for kind in type(thing).__mro__ if not _is_installed(kind))):
        yield from (name for name in defining if name.startswith(PREFIX))


def _is_installed(kind: type) -> bool:
    """Whether a class comes with Python or with a package, which may call its methods itself."""
    module = sys.modules.get(kind.__module__)
    file = str(getattr(module, "__file__", None) or "")
    return kind is object or kind.__module__.split(".")[0] == "keras" or "site-packages" in file


def _is_called(thing: Any, name: str) -> bool:
    """Whether a method of the same object, or any code in the folder of its class, calls a method of this name."""
    for kind in type(thing).__mro__:
        functions = [getattr(one, "__code__", None) for one in vars(kind).values()]
        if not _is_installed(kind) and any(code is not None and name in _used(code) for code in functions):
            return True
    return any(f".{name}(" in text for text in _sources_near(sys.modules.get(type(thing).__module__)))


def _sources_near(module: Any) -> Iterator[str]:
    """The text of a module, and of the other imported modules in its folder and below."""
    folder = Path(str(getattr(module, "__file__", None) or ".")).absolute().parent
    for other in list(sys.modules.values()):
        if not issubclass(type(other), ModuleType):  # a library may register anything, and what claims to be a module
            continue
        file = object.__getattribute__(other, "__dict__").get("__file__")  # a lazy module is not to be loaded
        near = isinstance(file, str) and folder in Path(file).absolute().parents and "site-packages" not in file
        if other is module or near:
            with contextlib.suppress(OSError, TypeError):
                yield inspect.getsource(other)


def _used(code: CodeType) -> set[str]:
    """The names that some code uses, that of functions inside included."""
    inner = (_used(one) for one in code.co_consts if isinstance(one, CodeType))
    return set(code.co_names).union(*inner)
