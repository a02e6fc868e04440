"""Measure how long people wait for a command, in turn with what it is compared with, each in a process of its own.

- first step: from the start to the first training step of VGG-16 with batch norm for images of 32×32×3, on one batch of
  64 images in float32, compared with a plain Keras script.
- check: `check experiment=stuck_vgg16 data=digits`, compared with the import of TensorFlow and Keras.
- run: `experiment=smoke`, a small CNN on 400 digits for two epochs, compared with a plain Keras script of the same
  steps.
- warm: the first output of `check`, `show` and a run, after `python -m exprun warm`.
- others: commands that read four such runs, and `diagnose` of the plain Keras script; they have no limit.

Each time and the medians are printed. The exit code is 1 if a median is above its limit.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from arguments import repeats

MAX_RATIO = 1.25  # of the first step to that of Keras
MAX_IMPORTS, MORE_SECONDS = 1.25, 2.0  # of check: this many imports, and these seconds
MAX_RUN_RATIO = 1.3  # of the run to the script
MAX_WARM_SECONDS = 1.0  # to the first output
KERAS = """
import keras
import numpy as np

x = inputs = keras.Input((32, 32, 3))
for filters, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
    for _ in range(count):
        x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.9)(x))
    x = keras.layers.MaxPooling2D()(x)
x = keras.layers.Flatten()(x)
for _ in range(2):
    x = keras.layers.Dense(4096, use_bias=False, kernel_initializer="he_normal")(x)
    x = keras.layers.Dropout(0.5)(keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.9)(x)))
model = keras.Model(inputs, keras.layers.Dense(10)(x))
model.compile(
    keras.optimizers.SGD(0.01, momentum=0.9),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
model.train_on_batch(np.random.rand(64, 32, 32, 3), np.random.randint(0, 10, 64))
print("step 1/1", flush=True)
"""
EXPRUN = ["-m", "exprun", "model=vgg16", "optim=sgd_momentum", "progress=plain", "trainer.precision=float32"]
IMPORT = "import tensorflow, keras"
CHECK = ["-m", "exprun", "check", "experiment=stuck_vgg16", "data=digits"]
RUN = ["-m", "exprun", "experiment=smoke"]
KERAS_RUN = """
import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(0)
images, labels = load_digits(return_X_y=True)
images, labels = images[:400].reshape(-1, 8, 8, 1) / 16, labels[:400]
images = np.repeat(tf.image.resize(images, (32, 32)), 3, axis=-1)
x_train, x_rest, y_train, y_rest = train_test_split(images, labels, test_size=80, random_state=0)
x_val, x_test, y_val, y_test = train_test_split(x_rest, y_rest, test_size=40, random_state=0)

x = inputs = keras.Input((32, 32, 3))
for filters in (32, 64):
    for _ in range(2):
        x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.9)(x))
    x = keras.layers.MaxPooling2D()(x)
x = keras.layers.Flatten()(x)
x = keras.layers.Dense(128, use_bias=False, kernel_initializer="he_normal")(x)
x = keras.layers.Dropout(0.3)(keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.9)(x)))
model = keras.Model(inputs, keras.layers.Dense(10)(x))
model.compile(
    keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.01, 10), momentum=0.9),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
best = keras.callbacks.ModelCheckpoint("best.weights.h5", "val_accuracy", save_best_only=True, save_weights_only=True)
model.fit(x_train, y_train, batch_size=64, epochs=2, validation_data=(x_val, y_val), callbacks=[best])
model.load_weights("best.weights.h5")
model.evaluate(x_test, y_test)
"""
READERS = {
    "runs": ["runs"],
    "compare": ["compare", "outputs"],
    "predict": ["predict", "last", "digits/0/0.png"],
    "evaluate": ["evaluate", "last", "digits"],
}
WARM = {"check": CHECK, "show": ["-m", "exprun", "show", "data=digits"], "run": RUN}


def seconds_to_first_step(words: list[str], folder: str) -> float:
    """The time in seconds from the start of a Python process until it prints its first step; the process is then ended.

    Args:
        words: the arguments of Python.
        folder: the current folder of the process.
    """
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=folder
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "step 1/" in line:
            seconds = time.perf_counter() - started
            process.kill()
            process.wait()
            return seconds
    sys.exit(f"{' '.join(words[:4])} ended without a training step")


def seconds(words: list[str], folder: str, environment: dict[str, str] | None = None) -> tuple[float, float]:
    """The time in seconds until a Python process prints its first line, and until it ends.

    Args:
        words: the arguments of Python.
        folder: the current folder of the process.
        environment: its environment; None for that of this process.
    """
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=folder, env=environment
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        first = time.perf_counter() - started
        process.stdout.read()
    if process.returncode not in (0, 1):  # `check` returns 1 if it finds something
        sys.exit(f"{' '.join(words[:4])} ended with exit code {process.returncode}")
    return first, time.perf_counter() - started


def in_turn(
    name: str, number: int, base: Callable[[], float], measured: Callable[[], float], factor: float, more: float = 0.0
) -> bool:
    """Measure two times in turn and print them; returns whether the median of the second keeps within its limit.

    Args:
        name: what is measured.
        number: the number of pairs; the first pair, which fills the disk's cache, is not counted.
        base: measures the time of Keras, in seconds.
        measured: measures the time of exprun, in seconds.
        factor: the limit of the second time, in medians of the first.
        more: seconds that are added to the limit.
    """
    pairs = [(base(), measured()) for _ in range(number + 1)][1:]
    for first, second in pairs:
        print(f"{name}: Keras {first:.2f} s   exprun {second:.2f} s", flush=True)
    excess = statistics.median(second - factor * first for first, second in pairs)
    ratio = statistics.median(second / first for first, second in pairs)
    limit = f"{factor}" + (f" and {more:g} s" if more else "")
    print(f"{name}: median ratio of {number} pairs: {ratio:.2f} (limit: {limit})", flush=True)
    return excess <= more


def warm(number: int, folder: str) -> bool:
    """Measure and print the first output of commands in a warm server; returns whether each keeps within its limit.

    Args:
        number: the number of repeats; the first, which fills the disk's cache, is not counted.
        folder: the current folder of the commands, and the folder of the socket.
    """
    environment = {**os.environ, "XDG_RUNTIME_DIR": folder}
    server = [sys.executable, "-m", "exprun", "warm"]
    subprocess.run(server, cwd=folder, env=environment, check=True)
    try:
        medians = {}
        for name, words in WARM.items():
            times = [seconds(words, folder, environment) for _ in range(number + 1)][1:]
            for first, whole in times:
                print(f"warm {name}: first output {first:.2f} s   end {whole:.2f} s", flush=True)
            medians[name] = statistics.median(first for first, _ in times)
            print(f"warm {name}: median {medians[name]:.2f} s (limit: {MAX_WARM_SECONDS:g} s)", flush=True)
    finally:
        subprocess.run([*server, "--stop"], cwd=folder, env=environment, check=True)
    return max(medians.values()) <= MAX_WARM_SECONDS


def others(number: int, folder: str) -> None:
    """Measure and print the times of commands that read runs, and of `diagnose`.

    Args:
        number: the number of repeats; the first, which fills the disk's cache, is not counted.
        folder: the current folder of the commands.
    """
    digits = load_digits()
    for index, (image, label) in enumerate(zip(digits.images[:200], digits.target, strict=False)):
        of_class = Path(folder, "digits", str(label))
        of_class.mkdir(parents=True, exist_ok=True)
        Image.fromarray((image * 15).astype(np.uint8)).resize((32, 32)).save(of_class / f"{index}.png")
    script = Path(folder, "script.py")
    script.write_text(KERAS_RUN)
    seconds(["-m", "exprun", "-m", "experiment=smoke", "norm=none,batch", "seed=0,1"], folder)
    commands = {name: ["-m", "exprun", *words] for name, words in READERS.items()}
    commands |= {"the script": [script.name], "diagnose of the script": ["-m", "exprun", "diagnose", script.name]}
    for name, words in commands.items():
        times = [seconds(words, folder)[1] for _ in range(number + 1)][1:]
        print(f"{name}: median {statistics.median(times):.2f} s ({min(times):.2f} to {max(times):.2f} s)", flush=True)


def main() -> int:
    """Measure and print the times; returns 1 if a limit is missed."""
    number = repeats("start", __doc__, "pairs of processes")
    with tempfile.TemporaryDirectory() as folder:
        kept = [
            in_turn(
                "first step",
                number,
                lambda: seconds_to_first_step(["-c", KERAS], folder),
                lambda: seconds_to_first_step(EXPRUN, folder),
                MAX_RATIO,
            ),
            in_turn(
                "check",
                number,
                lambda: seconds(["-c", IMPORT], folder)[1],
                lambda: seconds(CHECK, folder)[1],
                MAX_IMPORTS,
                MORE_SECONDS,
            ),
            in_turn(
                "run",
                number,
                lambda: seconds(["-c", KERAS_RUN], folder)[1],
                lambda: seconds(RUN, folder)[1],
                MAX_RUN_RATIO,
            ),
            *([warm(number, folder)] if sys.platform == "linux" else []),
        ]
        others(number, folder)
    return int(not all(kept))


if __name__ == "__main__":
    sys.exit(main())
