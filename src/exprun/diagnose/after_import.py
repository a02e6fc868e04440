"""What is done as soon as a script imports Keras, and not before."""

import importlib.machinery
import importlib.util
from collections.abc import Callable, Sequence
from types import ModuleType


class AfterImport:
    """Calls a function after the package `keras` has been imported, whoever imports it."""

    def __init__(self, after: Callable[[ModuleType], None]) -> None:
        self._after, self._finding = after, False

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec of `keras`, whose loader calls the function; None for other modules."""
        if name != "keras" or self._finding:
            return None
        self._finding = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._finding = False
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module = self._executing(spec.loader.exec_module)  # type: ignore[method-assign,assignment]
        return spec

    def _executing(self, original: Callable[[ModuleType], None]) -> Callable[[ModuleType], None]:
        def exec_module(module: ModuleType) -> None:
            original(module)
            self._after(module)

        return exec_module
