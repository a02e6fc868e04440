"""Scripts that never heard of exprun, watched as they run."""

import json
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from exprun.commands import diagnose
from exprun.config.errors import ConfigError

DATA = """
import sys
import numpy as np
import keras

keras.utils.set_random_seed(1)
rng = np.random.default_rng(0)
y = rng.integers(0, 3, 240)
x = rng.normal(size=(240, 4)).astype("float32") + 3 * np.eye(3, 4)[y].astype("float32")
"""
NETWORK = """
model = keras.Sequential([
    keras.Input((4,)),
    keras.layers.Dense(16, activation="relu"),
    keras.layers.Dense(3, name="out"{last}),
])
model.compile("adam", "sparse_categorical_crossentropy")
"""
CHILD = """
import multiprocessing, time
child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(100,))
child.start()
child.terminate()
child.join()
print(child.exitcode)
"""
FIT = """
model.fit(x, y, epochs=3, verbose=0)
print("weights", sum(float(abs(w).sum()) for w in model.get_weights()))
"""
BAD = DATA + NETWORK.format(last="") + FIT
GOOD = DATA + NETWORK.format(last=', activation="softmax"') + FIT


def script(folder, text, name="train.py"):
    path = folder / name
    path.write_text(textwrap.dedent(text))
    return path


OPTIONS = {"module": False, "max_minutes": None, "max_steps": None, "prove_minutes": 0, "strict": False}


def report():
    with open("report.json") as file:
        return json.load(file)


@pytest.fixture
def diagnosed(run_server):
    """Runs a script with options of `diagnose`, in a process that has imported Keras already."""

    def run(*words, **options):
        given = json.dumps({**OPTIONS, "json": "report.json", **options})
        return run_server.run(given, *words, module="exprun.diagnose")

    return run


def test_it_names_the_cause_and_the_line_and_changes_nothing(tmp_path):
    seen = "import os, sys; print(sorted(os.environ), sys.argv, sys.path[0], __file__)"
    script(tmp_path, seen)
    plain = subprocess.run([sys.executable, "train.py"], capture_output=True, text=True)
    script(tmp_path, seen + BAD)
    words = ["-m", "exprun", "diagnose", "--prove-minutes", "0", "--json", "report.json", "train.py"]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    assert done.returncode == 0
    assert "[missing-softmax] error, last layer" in done.stderr
    assert 'train.py:14: keras.layers.Dense(3, name="out"),' in done.stderr
    before, weights = done.stdout.splitlines()
    assert (f"{before}\n", weights.split()[0]) == (plain.stdout, "weights")
    (fit,) = report()["fits"]
    assert [finding["cause"] for finding in fit["findings"]] == ["missing-softmax"]
    assert fit["findings"][0]["line"] == {"file": "train.py", "line": 14, "path": str(tmp_path / "train.py")}
    assert fit["steps"] == 24


def test_it_is_quiet_about_a_sound_script_and_ends_with_its_exit_code(tmp_path, diagnosed):
    script(tmp_path, GOOD + "sys.exit(int(sys.argv[2]))\n")
    done = diagnosed("train.py", "--code", "7", strict=True)
    assert done.returncode == 7
    assert "found nothing" in done.stderr


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("import keras", 0, "without training"),
        pytest.param("import keras\nraise SystemExit('no data')", 1, "without training", marks=pytest.mark.slow),
        ("import keras\n1 / 0", 1, "ZeroDivisionError"),
    ],
)
def test_a_script_without_training(tmp_path, text, code, said, diagnosed):
    script(tmp_path, text)
    done = diagnosed("train.py")
    assert (done.returncode, "exprun/diagnose" in done.stderr) == (code, False)
    assert said in done.stderr


def test_a_script_without_keras(tmp_path):
    script(tmp_path, CHILD)
    done = subprocess.run([sys.executable, "-m", "exprun", "diagnose", "train.py"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "-15\n")
    assert done.stderr == "diagnose: train.py has ended without importing Keras, so there was nothing to watch.\n"


def test_strict_fails_if_something_is_wrong_and_a_limit_ends_the_script(tmp_path, diagnosed):
    script(tmp_path, BAD)
    done = diagnosed("train.py", strict=True, max_steps=2, html="report.html")
    assert (done.returncode, done.stdout) == (1, "")
    assert "in 2 steps" in (tmp_path / "report.html").read_text()
    assert "2 steps" in done.stderr


@pytest.mark.slow
def test_two_networks_a_thread_and_a_module_of_its_own_folder(tmp_path, diagnosed):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "sizes.py").write_text("EPOCHS = 2\n")
    text = DATA + NETWORK.format(last="") + "first = model\n" + NETWORK.format(last=', activation="softmax"')
    text += "import threading\nfrom sizes import EPOCHS\n"
    text += "thread = threading.Thread(target=lambda: model.fit(x, y, epochs=EPOCHS, verbose=0))\nthread.start()\n"
    text += "first.fit(x, y, epochs=EPOCHS, verbose=0)\n"
    script(tmp_path / "deep", text)
    done = diagnosed("deep/train.py")
    assert done.returncode == 0, done.stderr
    assert "2 networks" in done.stderr
    assert sorted(len(fit["findings"]) for fit in report()["fits"]) == [0, 1]


@pytest.mark.slow
def test_a_loop_of_fits_of_one_epoch_is_one_training(tmp_path, diagnosed):
    loop = "for _ in range(4):\n    model.fit(x, y, verbose=0)\n"
    parts = "for part in range(2):\n    model.fit(x[part::2], y[part::2], verbose=0)\n"
    script(tmp_path, DATA + NETWORK.format(last="") + loop + loop + parts)
    done = diagnosed("train.py")
    assert "1 network in 72 steps" in done.stderr
    # Another line is another training, and so are other data.
    assert [fit["steps"] for fit in report()["fits"]] == [32, 32, 4, 4]


@pytest.mark.slow
def test_it_looks_for_the_change_that_makes_a_network_learn(tmp_path, diagnosed):
    text = DATA + NETWORK.format(last=', activation="softmax"').replace('"adam"', "keras.optimizers.SGD(100.0)")
    script(tmp_path, text + FIT.replace("epochs=3", "epochs=10"))
    done = diagnosed("train.py", prove_minutes=60)
    (fit,) = report()["fits"]
    assert done.returncode == 0, done.stderr
    assert fit["findings"][0]["severity"] == "error"
    assert fit["evidence"]["decisive"]["score"] > 0.5
    assert "From its first weights" in done.stderr


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.py", None, "does not exist"),
        ("folder", "", "is a folder"),
        ("note.ipynb", "{}", "%%diagnose"),
        ("train.py", "def f(:\n", "train.py, line 1, is not Python"),
        ("train.py", "\0", "is not Python"),
    ],
)
def test_what_cannot_be_run_is_refused_in_a_sentence(tmp_path, name, content, said):
    if name == "folder":
        (tmp_path / name).mkdir()
    elif content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(ConfigError, match=said):
        diagnose.run([name])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--max-steps", "0", "train.py"], "a whole number of at least 1"),
        (["--prove-minutes", "soon", "train.py"], "soon is not a number"),
        (["--max-steps", "inf", "train.py"], "inf is not a number"),
        (["--max-steps", "1.5", "train.py"], "a whole number of at least 1"),
        (["--max-minutes", "0", "train.py"], "not above 0"),
        (["--prove-minutes", "-1", "train.py"], "below 0"),
        ([], "SCRIPT"),
    ],
)
def test_a_wrong_option_is_refused_in_a_sentence(words, said):
    with pytest.raises(ConfigError, match=said):
        diagnose.run(words)


@pytest.mark.parametrize("option", ["--json", "--html"])
def test_a_report_in_a_folder_that_does_not_exist_is_refused(tmp_path, option):
    script(tmp_path, "")
    with pytest.raises(ConfigError, match=f"{option} missing/report: the folder does not exist"):
        diagnose.run([option, "missing/report", "train.py"])


def test_everything_after_the_script_is_the_scripts():
    args = diagnose.parse(["--strict", "train.py", "--strict", "--json", "x", "-m"])
    assert (args.script, args.arguments) == ("train.py", ["--strict", "--json", "x", "-m"])


@pytest.mark.slow
def test_what_goes_on_beside_the_training_ends_as_it_does_alone(tmp_path, diagnosed):
    text = BAD.replace("y = rng.integers(0, 3, 240)", "y = np.where(np.arange(240) == 200, 7, rng.integers(0, 3, 240))")
    text = text.replace("np.eye(3, 4)[y]", "np.eye(3, 4)[y % 3]")
    text = """
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(1)
pool.submit(print, "pool")
""" + text.replace("epochs=3", "shuffle=False, epochs=3")
    script(tmp_path, text)
    done = diagnosed("train.py")
    assert done.returncode == 1
    assert done.stdout == "pool\n"
    assert "InvalidArgumentError" in done.stderr
    assert "label-out-of-range" in {finding["cause"] for finding in report()["fits"][0]["findings"]}


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_signal_ends_the_script_after_a_report(tmp_path, run_server, number):
    script(tmp_path, BAD.replace("epochs=3, verbose=0", "epochs=100_000, verbose=2"))
    given = json.dumps(OPTIONS | {"json": "report.json", "prove_minutes": 60 * (number == signal.SIGTERM)})
    with open("out", "w+") as out, open("err", "w+") as err:
        process = run_server.start([given, "train.py"], out.fileno(), err.fileno(), module="exprun.diagnose")
        while "Epoch 3/" not in Path("out").read_text():
            assert process.poll() is None
        process.send_signal(number)
        assert process.wait(timeout=600) == -number
    assert "[missing-softmax] error" in Path("err").read_text()
    assert report()["fits"][0]["evidence"] is None


LATER = """
import tensorflow as tf
ordered = tf.data.Dataset.from_tensor_slices((x, y)).batch(60)
mixed = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(240, seed=1).batch(60)
print(model.evaluate(ordered, verbose=0), model.predict(mixed, verbose=0).sum())
print(model.predict(x * 100, verbose=0).sum())
model.save("copy.keras")
copy = keras.models.load_model("copy.keras")
print(copy.evaluate(ordered.map(lambda a, b: (a * 100, b)), verbose=0), copy(x[:9], training=False).numpy().sum())
"""


@pytest.mark.slow
def test_calls_after_the_training_are_watched_and_change_nothing(tmp_path, diagnosed, run_server):
    path = script(tmp_path, GOOD + LATER)
    done = diagnosed("train.py")
    plain = run_server.run(module="train")
    assert done.stdout == plain.stdout
    found = {(one["cause"], path.read_text().splitlines()[one["line"]["line"] - 1][:20]) for one in findings()}
    assert ("shuffled-predictions", "print(model.evaluate") in found
    assert ("unscaled-evaluation", "print(model.predict(") in found
    script(tmp_path, GOOD + LATER.replace("x * 100", "x").replace("predict(mixed", "predict(ordered"))
    assert diagnosed("train.py").returncode == 0
    (found,) = findings()
    assert found["line"]["line"] == len(path.read_text().splitlines())


@pytest.mark.parametrize(
    "call",
    [
        "model.test_on_batch(x * 100, y)",
        pytest.param("[model.predict_on_batch(row[None] * 100) for row in x[:40]]", marks=pytest.mark.slow),
    ],
)
def test_calls_with_one_batch_are_watched(tmp_path, diagnosed, call):
    path = script(tmp_path, f"{GOOD}\n{call}\n")
    diagnosed("train.py")
    (found,) = findings()
    assert found["cause"] == "unscaled-evaluation"
    assert path.read_text().splitlines()[found["line"]["line"] - 1] == call


SEVERAL = (
    DATA
    + """
first, second = keras.Input((3,)), keras.Input((1,))
hidden = keras.layers.Dense(16, activation="relu")(keras.layers.Concatenate()([first, second]))
kind = keras.layers.Dense(3, activation="softmax", name="kind")(hidden)
size = keras.layers.Dense(1, name="size"{last})(hidden)
model = keras.Model([first, second], [kind, size])
model.compile("adam", ["sparse_categorical_crossentropy", "mse"])
model.fit([x[:, :3], x[:, 3:]], [y, x.sum(1) * 10], epochs=3, verbose=0)
print("weights", sum(float(abs(w).sum()) for w in model.get_weights()))
"""
)


@pytest.mark.slow
def test_each_of_several_outputs_is_examined_and_the_training_is_the_same(tmp_path, diagnosed, run_server):
    path = script(tmp_path, SEVERAL.replace("{last}", ", activation='sigmoid'"))
    done = diagnosed("train.py", prove_minutes=0.05)
    assert done.stdout == run_server.run(module="train").stdout
    (found,) = [one for one in findings() if one["cause"] == "output-activation"]
    assert found["evidence"].startswith("Output size: The last layer ends in sigmoid")
    assert 'name="size"' in path.read_text().splitlines()[found["line"]["line"] - 1]
    assert report()["fits"][-1]["evidence"]["references"]  # of the output that is worst
    script(tmp_path, SEVERAL.replace("{last}", ""))
    diagnosed("train.py")
    assert "output-activation" not in [one["cause"] for one in findings()]


def findings():
    return [finding for fit in report()["fits"] for finding in fit["findings"]]
