"""The magic `%%diagnose`, in a small fake of a notebook and in the real one."""

import importlib.util
from pathlib import Path

import pytest

FAKE = """
import linecache
from types import SimpleNamespace

class Shell:
    def __init__(self):
        self.user_ns, self.magics, self.compile = {}, {}, SimpleNamespace(_filename_map={})

    def register_magic_function(self, function, magic_kind, magic_name):
        assert magic_kind == "cell"
        self.magics[magic_name] = function

    def set_custom_exc(self, kinds, handler):
        pass

    def run_cell(self, cell):
        number = len(self.compile._filename_map) + 1
        file = f"/tmp/ipykernel_1/{number}.py"
        self.compile._filename_map[file] = number
        linecache.cache[file] = len(cell), None, cell.splitlines(True), file
        error = None
        try:
            exec(compile(cell, file, "exec"), self.user_ns)
        except BaseException as caught:
            error = caught
        return SimpleNamespace(error_before_exec=None, error_in_exec=error)

shell = Shell()
"""
REAL = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
"""
CELLS = """
import exprun
exprun.load_ipython_extension(shell)
diagnose = shell.magics["diagnose"] if hasattr(shell, "magics") else shell.find_cell_magic("diagnose")
diagnose("", "answer = 41 + 1")
shell.run_cell('''
import numpy as np
import keras
keras.utils.set_random_seed(1)
y = np.arange(96) % 3
x = np.eye(3, 4)[y].astype("float32")
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8)])
model.add(keras.layers.Dense(3))
''')
diagnose("--prove-minutes 0 --json report.json", '''
model.compile("adam", "sparse_categorical_crossentropy")
model.fit(x, y, epochs=1, verbose=0)
''')
print("again")
shell.run_cell("model.fit(x, y, epochs=1, verbose=0)")
diagnose("--prove-minutes 0 --max-steps 2", "model.fit(x, y, epochs=9, verbose=0)")
diagnose("--prove-minutes 0", "model.fit(x, y, verbose=0); 1 / 0")
try:
    diagnose("--prove", "1 / 0")
except ValueError as error:
    print(error)
print("answer", shell.user_ns["answer"])
"""


@pytest.mark.parametrize("shell", ["fake", "real"])
def test_cells_are_watched_as_scripts_are(run_server, shell):
    if shell == "real" and importlib.util.find_spec("IPython") is None:
        pytest.skip("IPython is not installed")
    Path("cells_of_a_notebook.py").write_text((FAKE if shell == "fake" else REAL) + CELLS)
    done = run_server.run(module="cells_of_a_notebook")
    assert done.returncode == 0, done.stderr
    assert "the cell has ended after 0 s without training" in done.stderr
    assert "diagnose: the cell has trained 1 network in 3 steps" in done.stderr
    assert "[missing-softmax] error, last layer" in done.stderr
    assert ", line 8: model.add(keras.layers.Dense(3))" in done.stderr
    assert done.stderr.count("the cell has trained") == 3  # a cell without the magic is not watched
    assert "was ended after 2 steps" in done.stderr
    assert "and failed with ZeroDivisionError" in done.stderr
    assert "%%diagnose: " in done.stdout
    assert "answer 42" in done.stdout
    assert Path("report.json").exists()
