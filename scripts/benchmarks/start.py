"""Measure the time from the start of a process to its first training step, in exprun and in a plain Keras script.

Both build VGG-16 with batch norm for ten classes and images of 32×32×3, and train on one batch of 64 images in
float32. They run in turn, each in a separate process. Each pair of times and the median of their ratios are printed.
The exit code is 1 if the median is above 1.25.
"""

import statistics
import subprocess
import sys
import tempfile
import time

from arguments import repeats

MAX_RATIO = 1.25
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


def main() -> int:
    """Measure and print the times; returns 1 if the limit is missed."""
    number = repeats("start", __doc__, "pairs of processes")
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(number + 1):
            keras, exprun = seconds_to_first_step(["-c", KERAS], folder), seconds_to_first_step(EXPRUN, folder)
            if turn:  # the first turn is not counted, as it fills the disk's cache
                ratios.append(exprun / keras)
                print(f"Keras {keras:.2f} s   exprun {exprun:.2f} s   ratio {exprun / keras:.2f}", flush=True)
    median = statistics.median(ratios)
    print(f"median ratio of {number} pairs: {median:.2f} (limit: {MAX_RATIO})")
    return int(median > MAX_RATIO)


if __name__ == "__main__":
    sys.exit(main())
