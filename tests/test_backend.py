"""What TensorFlow and Keras read from the environment and the user's files."""

import gc
import importlib
import json
import os
import platform
import subprocess
import sys
from types import SimpleNamespace

import pytest

import exprun
from exprun import backend
from exprun.config.errors import RunError

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
    "start",
    ["from exprun.cli import main; main(RUN)", pytest.param("import exprun; exprun.run(RUN)", marks=pytest.mark.slow)],
    ids=["command", "Python"],
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


RUN = [
    "data.limit=100", "data.size=8", "norm=batch", "trainer.batch_size=20", "trainer.max_steps=2", "doctor=none",
    "tracking=none", "progress=quiet", "trainer.deterministic=true", "model.layers=[{conv: 4},{global_pool: avg}]",
]  # fmt: skip
HOSTILE = {"backend": "jax", "image_data_format": "channels_first", "floatx": "bfloat16", "epsilon": 0.1}
PROGRAM = """
import json, os
before = dict(os.environ)
import exprun
metrics = exprun.run(json.loads(os.environ["WORDS"])).metrics
import keras
print(json.dumps({
    "metrics": {name: value for name, value in metrics.items() if "time" not in name},
    "keras": [getattr(keras.config, name)() for name in ("backend", "image_data_format", "floatx", "epsilon")],
    "home": keras.src.backend.config.keras_home(),
    "environment": [name for name in before if os.environ.get(name) != before[name]],
}))
"""


def ran(folder, **variables):
    """What a program of its own, that starts a run, tells; and what was said."""
    words = json.dumps([*RUN, f"run_dir={folder}"])
    environment = {key: value for key, value in os.environ.items() if not key.startswith("KERAS_")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment | {"WORDS": words} | variables,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


@pytest.mark.slow
def test_a_run_decides_over_the_settings_of_keras_and_says_so(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    plain, said = ran("plain", KERAS_HOME=str(home))
    assert "overruled" not in said
    (home / "keras.json").write_text(json.dumps(HOSTILE))
    other, told = ran("other", KERAS_HOME=str(home), KERAS_NNX_ENABLED="1", TF_USE_LEGACY_KERAS="1")
    assert other["metrics"] == plain["metrics"]
    assert other["keras"] == plain["keras"] == ["tensorflow", "channels_last", "float32", 1e-7]
    assert other["home"] == str(home)
    assert other["environment"] == []
    wanted = "overruled: a run uses backend=tensorflow, image_data_format=channels_last, floatx=float32, epsilon=1e-07,"
    assert f"{wanted} not backend=jax, image_data_format=channels_first, floatx=bfloat16, epsilon=0.1.\n" in told
    assert told.count("overruled") == 1
    assert json.loads((home / "keras.json").read_text()) == HOSTILE


@pytest.mark.parametrize(
    ("content", "variable", "found"),
    [
        (json.dumps(HOSTILE), None, HOSTILE),
        (json.dumps(HOSTILE), "torch", HOSTILE | {"backend": "torch"}),
        ('{"floatx": "float16", "nnx_enabled": true}', "", {"floatx": "float16"}),
        ('{"backend": ', None, {}),
        ("[1]", None, {}),
        (None, "jax", {"backend": "jax"}),
    ],
)
def test_settings_of_the_user_are_read_and_damaged_ones_are_none(tmp_path, monkeypatch, content, variable, found):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    if variable is not None:
        monkeypatch.setenv("KERAS_BACKEND", variable)
    file = tmp_path / "keras.json"
    if content is None:
        file.mkdir()
    else:
        file.write_text(content)
    assert backend._settings_of_user(file) == found


def test_settings_of_the_process_hold_for_no_run(monkeypatch, capsys):
    import keras

    before = keras.config.floatx(), keras.config.epsilon()
    keras.config.set_floatx("float64")
    try:
        backend.load()
        assert keras.config.floatx() == "float32"
        assert "a run uses floatx=float32, not floatx=float64." in capsys.readouterr().err
        backend.load()
        assert not capsys.readouterr().err
    finally:
        keras.config.set_floatx(before[0])
    assert before == (keras.config.floatx(), keras.config.epsilon())


def test_a_process_that_has_keras_with_another_backend_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", SimpleNamespace(config=SimpleNamespace(backend=lambda: "torch")))
    with pytest.raises(RunError, match="with the backend torch, but a run needs tensorflow: set KERAS_BACKEND=tensor"):
        exprun.run([*RUN, "run_dir=out"])
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_doctor_leaves_the_settings_of_keras_to_the_user(tmp_path):
    program = """
import keras, numpy as np
found = lambda: [getattr(keras.config, name)() for name in ("backend", "image_data_format", "floatx", "epsilon")]
before = found(), keras.config.dtype_policy().name
from exprun.doctor import Doctor
x = np.random.default_rng(0).normal(size=(64, 4))
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
model.fit(x, (x[:, 0] > 0).astype("int32"), verbose=0, callbacks=[Doctor()])
assert before == (found(), keras.config.dtype_policy().name), before
print(*before[0])
"""
    settings = {"image_data_format": "channels_first", "floatx": "float64", "epsilon": 0.001}
    (tmp_path / "keras.json").write_text(json.dumps(settings))
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | {"KERAS_HOME": str(tmp_path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "tensorflow channels_first float64 0.001"


def test_keras_is_imported_without_what_no_run_uses(monkeypatch):
    import scipy

    monkeypatch.delitem(sys.modules, "sklearn", raising=False)
    with backend._light_import():
        with pytest.raises(ImportError):
            importlib.import_module("sklearn")
        assert sys.modules["scipy"] is scipy  # what is imported already stays
        assert not gc.isenabled()
    assert "sklearn" not in sys.modules
    assert gc.isenabled()


@pytest.mark.slow
def test_only_a_process_of_exprun_alone_imports_keras_so():
    program = """
import sys
from exprun import backend
if sys.argv[1] == "own":
    backend.own_process()
backend.load()
print(*(name for name in ("sklearn", "matplotlib.pyplot") if name in sys.modules))
import keras, sklearn, matplotlib.pyplot
print(issubclass(keras.wrappers.SKLearnClassifier, sklearn.base.BaseEstimator))
"""
    outputs = [
        subprocess.run([sys.executable, "-c", program, word], capture_output=True, text=True, check=True).stdout
        for word in ("own", "shared")
    ]
    assert outputs == ["\nFalse\n", "sklearn matplotlib.pyplot\nTrue\n"]
