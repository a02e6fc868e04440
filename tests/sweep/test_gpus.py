"""The GPUs that the workers of a sweep share: what NVIDIA's tool reports, and the memory model."""

import queue
import subprocess
import sys

import pytest

from exprun.sweep import gpus
from exprun.sweep.gpus import VISIBLE, Gpu
from exprun.sweep.process import Process, Said
from exprun.trainer import memory

GIGABYTE = 2**30
LINES = ("0, GPU-a, NVIDIA A2, 15000", "1, GPU-b, NVIDIA A2, 9000", "2, GPU-c, NVIDIA A2, 15000")


@pytest.fixture(autouse=True)
def tool(monkeypatch):
    monkeypatch.setattr(memory, "may_have_gpu", lambda: True)
    monkeypatch.setattr(gpus, "QUERY", ("printf", r"%s\n", *LINES))
    monkeypatch.delenv(VISIBLE, raising=False)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (None, "abc"),
        ("", ""),
        ("-1", ""),
        ("1", "b"),
        ("2, 0", "ca"),
        ("GPU-c,GPU-b", "cb"),
        ("0,-1,1", "a"),
        ("MIG-a", ""),
    ],
)
def test_those_that_this_process_may_use(value, found, monkeypatch):
    if value is not None:
        monkeypatch.setenv(VISIBLE, value)
    assert [gpu.uuid for gpu in gpus.visible()] == [f"GPU-{letter}" for letter in found]


@pytest.mark.parametrize("query", [("no-such-tool",), ("false",), ("echo", "No devices were found"), ("sleep", "9")])
def test_a_tool_that_is_missing_or_fails_knows_none(query, monkeypatch):
    monkeypatch.setattr(gpus, "QUERY", query)
    monkeypatch.setattr(gpus, "QUERY_SECONDS", 0.1)
    assert gpus.visible() == []
    assert gpus.shares(2) == [None, None]


def test_the_tool_is_not_called_without_a_gpu(monkeypatch):
    monkeypatch.setattr(memory, "may_have_gpu", lambda: False)
    assert gpus.visible() == []


def test_workers_take_the_gpus_in_turn():
    assert gpus.shares(5) == ["GPU-a", "GPU-b", "GPU-c", "GPU-a", "GPU-b"]


def test_a_worker_sees_only_its_gpu(tmp_path, monkeypatch):
    command = [sys.executable, "-c", f"import os; os.write(2, os.environ[{VISIBLE!r}].encode())"]
    start = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda _, **options: start(command, **options))
    events = queue.Queue()
    process = Process([0], False, tmp_path / "log", events, "GPU-b")
    assert events.get(timeout=60) == (process, Said("GPU-b"))
    process.kill()


@pytest.mark.parametrize(
    ("free", "most", "needed", "numbers"),
    [
        ([16], 100, 1, [2, 4]),  # 0.8 · 16 GB for runs of 1 + 2 · 1 GB
        ([80], 100, 1, [2, 4, 8, 16, 21]),
        ([80], 6, 1, [2, 4, 6]),
        ([80], 1, 1, []),
        ([16], 100, 4, []),
        ([16, 16], 100, 4, [2]),
        ([16, 8], 100, 1, [2, 4]),  # each GPU gets as many
        ([80] * 8, 100, 1, [8, 16, 32, 64, 100]),
        ([80] * 8, 4, 1, [4]),
        ([2, 80], 100, 4, []),
        ([], 100, 1, []),
    ],
)
def test_as_many_workers_as_the_memory_of_each_gpu_holds(free, most, needed, numbers):
    found = [Gpu(str(number), "NVIDIA A2", gigabytes * GIGABYTE) for number, gigabytes in enumerate(free)]
    assert gpus.possible(found, most, needed * GIGABYTE, 0.8) == numbers
