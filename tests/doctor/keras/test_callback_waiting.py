"""Waiting for images, where TensorFlow has one thread for everything."""

import subprocess
import sys

import pytest

SCRIPT = """
import sys, time
import keras, numpy as np, tensorflow as tf
from exprun.doctor import Doctor
tf.config.threading.set_inter_op_parallelism_threads(1)
tf.config.threading.set_intra_op_parallelism_threads(1)
x = np.random.default_rng(0).random((26, 16, 96, 96, 3)).astype("float32")
y = np.arange(26 * 16).reshape(26, 16) % 4
layers = [keras.layers.Conv2D(24, 5, activation="relu") for _ in range(2)]
model = keras.Sequential([*layers, keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(4, activation="softmax")])
model.compile("sgd", "sparse_categorical_crossentropy")
doctor = Doctor(report=lambda text: None)
if sys.argv[1] == "arrays":
    model.fit(x.reshape(-1, 96, 96, 3), y.ravel(), batch_size=16, verbose=0, callbacks=[doctor])
else:
    def slowly():
        for pair in zip(x, y):
            time.sleep(1.5)  # far longer than a step
            yield pair
    model.fit(slowly(), verbose=0, callbacks=[doctor])
print("slow-input" in {finding.cause for finding in doctor.findings})
"""


@pytest.mark.slow
@pytest.mark.parametrize(("source", "waits"), [("arrays", "False"), ("slow", "True")])
def test_a_step_that_holds_the_only_thread_is_no_waiting_for_images(source, waits):
    done = subprocess.run([sys.executable, "-c", SCRIPT, source], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == waits
