"""When a sweep measures how many workers are the fastest, and what it takes from that; on a simulated machine."""

import types

import pytest

from exprun import Session
from exprun.config.compose import Composer
from exprun.sweep import gpus, probe, sharing, speeds
from exprun.sweep.plan import Plan
from exprun.sweep.probe import Probe
from exprun.trainer import cores, memory
from tiny import TINY, checkpoint, config, same, tiny

CORES = 16
WORDS = [word for word in TINY if word != "progress=quiet"] + ["progress=plain", "trainer.epochs=100"]


class Process:
    """A process of the simulated machine."""

    def __init__(self, machine, events):
        self.machine, self.events = machine, events

    def send(self, message):
        self.machine.answer(self, message)

    def kill(self):
        self.machine.running.remove(self)


class Machine:
    """A machine whose processes take steps at a rate that depends on the number of workers that compute."""

    def __init__(self):
        self.rates = {1: 10.0}  # of all workers together
        self.others = 0.0  # the share of the cores that other programs use
        self.running = []
        self.measured = []
        self.gpus = []  # of each process

    def process(self, share, deterministic, log, events, gpu):
        self.gpus.append(gpu)
        self.running.append(Process(self, events))
        return self.running[-1]

    def answer(self, process, message):
        count = len(self.running)
        if "probe" in message:
            process.events.put((process, {"ready": True} if count in self.rates else {"error": "bad", "code": 1}))
        elif "seconds" in message:
            self.measured += [count] * (process is self.running[0])
            process.events.put((process, {"rate": self.rates[count] / count, "cores": 1.0}))


@pytest.fixture
def machine(monkeypatch):
    made = Machine()
    monkeypatch.setattr(cores, "allowed", lambda: list(range(CORES)))
    monkeypatch.setattr(cores, "usable", lambda: float(CORES))
    monkeypatch.setattr(memory, "available", lambda: 2**40)
    monkeypatch.setattr(memory, "may_have_gpu", lambda: False)
    monkeypatch.setattr(sharing, "FEWEST_STEPS", 300)
    monkeypatch.setattr(sharing, "Process", made.process)
    monkeypatch.setattr(sharing.Busy, "others", lambda *_: made.others)
    alone = types.SimpleNamespace(
        feed=range(320), step_seconds=lambda: 1 / made.rates[1], rate=lambda _: (made.rates[1], 2.0)
    )
    monkeypatch.setattr(probe, "Probe", lambda *_: alone)
    return made


def two_gpus(monkeypatch):
    """A machine with two GPUs, of which 16 GB are free."""
    monkeypatch.setattr(memory, "may_have_gpu", lambda: True)
    monkeypatch.delenv(gpus.VISIBLE, raising=False)
    lines = [f"{number}, GPU-{uuid}, NVIDIA A2, {16 * 1024}" for number, uuid in enumerate("ab")]
    monkeypatch.setattr(gpus, "QUERY", ("printf", r"%s\n", *lines))


def chosen(tmp_path, *words, seeds=20, more=()):
    configs = [Composer().config([*WORDS, *words]), *(Composer().config([*WORDS, *words, word]) for word in more)]
    workers = sharing.choose(configs[0], Plan([[f"seed={seed}"] for seed in range(seeds)], [], configs), tmp_path)
    return len(workers.shares) if workers is not None else 1


def test_the_fastest_number_is_measured_once(machine, tmp_path, capsys):
    machine.rates |= {16: 30.0, 8: 40.0, 4: 20.0}
    assert chosen(tmp_path) == 8
    assert machine.measured == [16, 8, 4]
    assert machine.running == []  # they had other shares
    said = "sweep: 8 workers with 2 cores each (4.00 times as fast as one run after the other, measured for this "
    assert said in capsys.readouterr().out
    assert chosen(tmp_path) == 8
    assert machine.measured == [16, 8, 4]
    assert said in capsys.readouterr().out


def test_the_workers_that_were_measured_go_on(machine, tmp_path):
    machine.rates |= {16: 30.0, 8: 40.0, 4: 50.0, 2: 60.0}
    assert chosen(tmp_path) == 2
    assert len(machine.running) == 2


def test_a_large_network_is_trained_one_run_after_the_other(machine, tmp_path, capsys):
    machine.rates |= {16: 8.0, 8: 9.0, 4: 10.5, 2: 10.2}
    assert chosen(tmp_path) == 1
    assert machine.running == []
    assert "sweep: one run after the other, as workers would be 1.05 times as fast" in capsys.readouterr().out
    assert chosen(tmp_path) == 1
    assert machine.measured == [16, 8, 4, 2]


def test_workers_that_fail_are_not_used_and_tried_again(machine, tmp_path, capsys):
    assert chosen(tmp_path) == 1
    assert "as workers could not be started" in capsys.readouterr().out
    machine.rates |= {8: 40.0, 4: 20.0}
    assert chosen(tmp_path) == 8


def test_what_is_measured_on_a_busy_machine_is_not_remembered(machine, tmp_path):
    machine.rates |= {16: 30.0, 8: 20.0}
    machine.others = 0.5
    assert chosen(tmp_path) == 16
    assert chosen(tmp_path) == 16
    assert machine.measured == [16, 8] * 2


@pytest.mark.parametrize(
    ("words", "seeds"),
    [
        (["trainer.epochs=1"], 20),  # 200 steps
        (["trainer.max_steps=20"], 14),  # 280 steps
        (["trainer.max_steps=20"], 12),  # 24 s
        ([], 1),
        (["sweep.workers=1"], 20),
        (["trainer.max_seconds=10"], 20),
        (["model=python", "model.builder=package.module:function"], 20),
        (["trainer.strategy=mirrored"], 20),
    ],
)
def test_short_sweeps_and_those_that_cannot_be_measured_have_no_workers(machine, tmp_path, words, seeds, monkeypatch):
    monkeypatch.setattr("exprun.config.checks.check_model", lambda *_: None)
    assert chosen(tmp_path, *words, seeds=seeds) == 1
    assert machine.measured == []


def test_the_largest_network_has_to_fit_for_each_worker(machine, tmp_path, monkeypatch):
    machine.rates |= {16: 30.0, 8: 60.0, 4: 40.0, 2: 20.0}
    layers = ["model.layers=[flatten,{dense: 10000},{dense: 10000}]"]  # 1.3 · 10^8 weights, with gradients and momentum
    monkeypatch.setattr(memory, "available", lambda: 9e9)
    monkeypatch.setattr(probe, "peak", lambda: 10**8)
    assert chosen(tmp_path) == 8
    assert chosen(tmp_path, more=layers) == 4  # of 1.7 GB each, in 80 % of 9 GB


def test_a_machine_whose_gpu_is_not_known_has_one_process(machine, tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "may_have_gpu", lambda: True)
    monkeypatch.setattr(gpus, "QUERY", ("false",))
    assert chosen(tmp_path) == 1


def test_small_runs_share_gpus_as_far_as_their_memory_suffices(machine, tmp_path, monkeypatch, capsys):
    two_gpus(monkeypatch)
    monkeypatch.setattr(probe, "gpu_peak", lambda: 2**30)  # with the context 3 GB of a GPU, of which 13 GB are used
    machine.rates |= {2: 20.0, 4: 35.0, 8: 50.0}
    assert chosen(tmp_path) == 8
    assert machine.measured == [2, 4, 8]
    assert machine.gpus[-8:] == ["GPU-a", "GPU-b"] * 4
    assert "sweep: 8 workers on 2 GPUs with 2 cores each (5.00 times as fast" in capsys.readouterr().out
    machine.running.clear()
    monkeypatch.setattr(probe, "gpu_peak", lambda: 5 * 2**30)
    assert chosen(tmp_path, "trainer.batch_size=16") == 2


def test_runs_too_large_for_a_share_of_a_gpu_are_trained_one_after_the_other(machine, tmp_path, monkeypatch):
    two_gpus(monkeypatch)
    monkeypatch.setattr(probe, "gpu_peak", lambda: 8 * 2**30)
    assert chosen(tmp_path) == 1
    assert machine.measured == []


def test_a_given_number_is_used_as_it_is(machine, tmp_path):
    assert chosen(tmp_path, "sweep.workers=3", "trainer.max_seconds=1") == 3
    assert chosen(tmp_path, "sweep.workers=30") == 20
    assert machine.measured == []


def test_known_workers_are_not_started_for_a_few_seconds(machine, tmp_path):
    found = speeds.Speeds(320, 0, {1: 100.0, 16: 200.0, 8: 100.0})
    speeds.remember(config(), found)
    assert chosen(tmp_path, "trainer.epochs=4") == 1  # 20 runs of 40 steps, 8 s
    assert chosen(tmp_path, "trainer.epochs=6") == 16


@pytest.mark.slow
def test_a_probe_leaves_no_trace_in_a_run():
    words = ["trainer.deterministic=true", "trainer.max_steps=3", "trainer.checkpoint=true", "seed=7"]
    session = Session()
    before = checkpoint(tiny(*words, "run_dir=a"))
    rate, used = Probe(config(*words), session).rate(0.01)
    assert rate > 0
    assert used > 0
    assert same(before, checkpoint(tiny(*words, "run_dir=b")))
