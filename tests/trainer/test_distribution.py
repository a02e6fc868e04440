"""Several devices, as virtual ones on the CPU and as two processes on loopback."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

TESTS = Path(__file__).parents[1]
LAYERS = "model.layers=[{conv: 8},{pool: max},{conv: 16},{pool: max},flatten,{dense: 32}]"
NEWER = (
    "model.layers=[{conv: 8, stride: 2},position,{residual: [{depthwise: 1},{attention: 2}], scale: 0.1},"
    "{inverted: 8, squeeze: 4},{conv: 8, dilation: 2},{separable: 8, stride: 2},{transpose: 8, stride: 2},flatten]"
)

VIRTUAL = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from tiny import tiny
SAM = ("optim=sam", "trainer.accumulate=2")
plain = ["norm=none", "trainer.epochs=1", {LAYERS!r}]
tiny(*plain, "run_dir=one")
tiny(*plain, "run_dir=two", "trainer.strategy=mirrored")
for clip in ("clip_norm", "clip_global_norm", "clip_value"):
    clipped = [*plain, f"optim.{{clip}}=0.001"]
    tiny(*clipped, f"run_dir=one_{{clip}}")
    tiny(*clipped, f"run_dir=two_{{clip}}", "trainer.strategy=mirrored")
tiny(*plain, "run_dir=one_parts")
tiny(*plain, "run_dir=two_parts", "trainer.strategy=mirrored", "trainer.accumulate=2")
full = ["augment=cifar", "optim.weight_decay=0.01", "trainer.ema=0.9", "trainer.epochs=1"]
CASES = {{"batch": (), "half": ("trainer.precision=mixed_float16",), "xla": ("trainer.jit=true",)}}
CHANGES = ("augment.mixup=1", "augment.cutmix=1", "augment.randaugment=0.5", "augment.erasing=0.5")
CASES |= {{"mixed": (*CHANGES, "trainer.accumulate=2")}}
CASES |= {{"swa": ("trainer.ema=null", "trainer.epochs=2", "trainer.swa_start=1")}}
CASES |= {{"sam": SAM, "sam_xla": (*SAM, "trainer.jit=true")}}
CASES |= {{"newer": ({NEWER!r}, "model.stochastic_depth=0.5", "trainer.jit=true")}}
for name, extra in CASES.items():
    assert tiny(*full, *extra, f"run_dir={{name}}", "trainer.strategy=mirrored").status == "FINISHED"
try:
    tiny("trainer.batch_size=33", "trainer.strategy=mirrored", "run_dir=odd")
except Exception as error:
    print(type(error).__name__, error)
"""


def python(code: list[str], **environment: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, *code], stdout=pipe, stderr=pipe, text=True, env={**os.environ, **environment}
    )


@pytest.mark.slow
def test_two_virtual_devices_train_as_one_does(tmp_path):
    process = python(["-c", VIRTUAL])
    out, err = process.communicate(timeout=400)
    assert process.returncode == 0, err[-2000:]
    assert "RunError trainer.batch_size=33 cannot be shared evenly by 2 devices." in out
    for case in ("", "_parts", "_clip_norm", "_clip_global_norm", "_clip_value"):
        with np.load(f"one{case}/checkpoints/last.npz") as one, np.load(f"two{case}/checkpoints/last.npz") as two:
            weights = [key for key in one.files if key.startswith("model/") and key.endswith(("kernel", "bias"))]
            assert len(weights) == 8
            for key in weights:
                np.testing.assert_allclose(one[key], two[key], atol=1e-5, err_msg=f"{case} {key}")


@pytest.mark.slow
def test_two_workers_on_loopback_train_together(tmp_path):
    ports = []
    for _ in range(2):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            ports.append(probe.getsockname()[1])
    workers = [f"127.0.0.1:{port}" for port in ports]
    words = ["-m", "exprun", "experiment=smoke", "trainer.strategy=multi_worker", "tracking=none", "run_dir=both"]
    processes = [
        python(
            words, TF_CONFIG=json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}})
        )
        for index in range(2)
    ]
    for process in processes:
        _, err = process.communicate(timeout=300)
        assert process.returncode == 0, err[-2000:]
    results = [json.loads(Path(folder, "result.json").read_text()) for folder in ("both", "both/worker-1")]
    assert results[0]["metrics"]["val/loss"] == pytest.approx(results[1]["metrics"]["val/loss"])
