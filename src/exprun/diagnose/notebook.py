"""The cell magic `%%diagnose`: a cell of a notebook, watched as a script is."""

import argparse
import shlex
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from exprun.diagnose import cells
from exprun.diagnose.after_import import AfterImport
from exprun.diagnose.ending import Enough
from exprun.diagnose.options import add_options

NAME = "the cell"  # in the report


class _Parser(argparse.ArgumentParser):
    """A parser that raises its errors: the end of the process would be that of the notebook."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"%%diagnose: {message}.")


class Notebook:
    """Watches cells. There is one for each process, because Keras can be watched only once.

    Args:
        ipython: the shell of the notebook.
    """

    def __init__(self, ipython: Any) -> None:
        self.ipython = ipython
        self._observation: Any = None
        self._options = options_of("")
        self._is_running = False  # whether a watched cell runs
        if "keras" in sys.modules:
            self._observe(sys.modules["keras"])
        else:
            sys.meta_path.insert(0, AfterImport(self._observe))

    def _observe(self, keras: ModuleType) -> None:
        """Begin to remember where layers are made; called as soon as Keras is imported."""
        from exprun.diagnose.observation import Observation

        self._observation = Observation(keras, self._options, Path(NAME), Path.cwd())
        if not self._is_running:
            self._observation.pause()

    def diagnose(self, line: str, cell: str) -> None:
        """Run a cell, watched, and print what is wrong.

        Args:
            line: the options after `%%diagnose`.
            cell: the rest of the cell.

        Raises:
            ValueError: an option is wrong.
        """
        self._options, self._is_running = options_of(line), True
        if self._observation is not None:
            self._observation.begin(self._options)
        try:
            result = self.ipython.run_cell(cell)
        finally:
            self._is_running = False
            if self._observation is not None:
                self._observation.pause()
        if self._observation is None:
            print("diagnose: the cell has ended without importing Keras, so there was nothing to watch.")
            return
        error = result.error_before_exec or result.error_in_exec
        self._observation.error = None if isinstance(error, Enough) else error
        self._observation.report()


def options_of(line: str) -> dict[str, Any]:
    """The options of a cell, as `Observation` takes them.

    Raises:
        ValueError: an option is wrong.
    """
    parser = _Parser(prog="%%diagnose", add_help=False)
    add_options(parser)
    return {"module": False, "strict": False, **vars(parser.parse_args(shlex.split(line)))}


_NOTEBOOKS: list[Notebook] = []  # the one of this process, if the extension is loaded


def load(ipython: Any) -> None:
    """Add the magic to a notebook."""
    if not _NOTEBOOKS:
        _NOTEBOOKS.append(Notebook(ipython))
    cells.name_files(lambda: getattr(ipython.compile, "_filename_map", {}))
    ipython.register_magic_function(_NOTEBOOKS[0].diagnose, "cell", "diagnose")
    ipython.set_custom_exc((Enough,), lambda *details: None)  # the report says why the cell was ended
