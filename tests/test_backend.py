"""What TensorFlow reads from the environment."""

import os
import platform
import subprocess
import sys

import pytest

from exprun import backend

ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
X86 = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="oneDNN is left as it is elsewhere")


@pytest.fixture(autouse=True)
def _unset(monkeypatch):
    monkeypatch.setenv(ONEDNN, "")  # so that what a test sets goes with it
    monkeypatch.delenv(ONEDNN)


@pytest.mark.parametrize(("machine", "value"), [("x86_64", "1"), ("AMD64", "1"), ("aarch64", None)])
def test_x86_processors_compute_by_onednn(machine, value, monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: machine)
    backend.prepare()
    assert os.environ.get(ONEDNN) == value


def test_what_is_set_stays(monkeypatch):
    monkeypatch.setenv(ONEDNN, "0")
    backend.prepare()
    assert os.environ[ONEDNN] == "0"


@X86
@pytest.mark.parametrize(
    "start", ["from exprun.cli import main; main(RUN)", "import exprun; exprun.run(RUN)"], ids=["command", "Python"]
)
def test_commands_and_runs_from_python_set_it_before_tensorflow_is_imported(start, tmp_path):
    seen = """
import os, sys

class Imports:
    def find_spec(self, name, path=None, target=None):
        if name == "tensorflow":
            print("as it is imported:", os.environ.get("TF_ENABLE_ONEDNN_OPTS"), flush=True)
            os._exit(0)

sys.meta_path.insert(0, Imports())
RUN = ["experiment=smoke", "tracking=none"]
"""
    done = subprocess.run(
        [sys.executable, "-c", seen + start], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "as it is imported: 1"


@X86
def test_tensorflow_computes_by_onednn():
    backend.prepare()
    from tensorflow.python.util import _pywrap_util_port

    assert _pywrap_util_port.IsMklEnabled()
