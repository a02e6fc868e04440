"""What TensorFlow reads from the environment."""

import os
import platform

import pytest

from exprun import backend, cli
from tiny import tiny

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
def test_commands_and_runs_from_python_set_it():
    assert cli.main(["--cfg", "job", "seed=1"]) == 0
    assert os.environ.pop(ONEDNN) == "1"
    assert tiny("trainer.max_steps=1", "trainer.checkpoint=false").status == "FINISHED"
    assert os.environ[ONEDNN] == "1"


@X86
def test_tensorflow_computes_by_onednn():
    backend.prepare()
    from tensorflow.python.util import _pywrap_util_port

    assert _pywrap_util_port.IsMklEnabled()
