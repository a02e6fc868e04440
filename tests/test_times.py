"""Where the time of a run goes."""

import numpy as np
import pytest

from exprun.times import Times, read_times
from exprun.trainer.events import EpochDone, Evaluated, RunStarted, StepsDone


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("exprun.times.time.perf_counter", lambda: now[0])
    return now


def steps(speed: float | None, waiting: float = 0.0) -> StepsDone:
    return StepsDone(1, 0.1, np.zeros(1), np.zeros(1), np.zeros(1), speed, waiting)


def test_the_time_between_events_belongs_to_the_later_one_and_a_timed_listener_apart(clock):
    times = Times()

    def doctor(event):
        clock[0] += 5

    def failing(event):
        clock[0] += 7
        raise ValueError

    timed = times.timed("doctor", doctor)
    clock[0] += 2
    assert times.lap("loading") == 2
    clock[0] += 3
    times(RunStarted("cpu", "float32", 1, 1, 1, 60, ""))
    for event, seconds in ((steps(None), 4), (steps(9.0, 0.5), 1), (EpochDone(1, 1, 0, 0, 0, 0), 1)):
        clock[0] += seconds
        times(event)
        timed(event)
    clock[0] += 6
    times(Evaluated("val", 1, 1, 0, 0))
    with pytest.raises(ValueError, match=r"^$"):
        times.timed("doctor", failing)(steps(9.0))
    clock[0] += 1
    times(Evaluated("test", 1, 1, 0, 0))
    assert times.as_record() == {
        "loading": 2, "building": 3, "compiling": 4, "steps": 2, "validation": 6, "doctor": 22, "test": 1,
        "waiting": 0.5, "first_step": 60,
    }  # fmt: skip


def test_a_damaged_record_is_empty(tmp_path):
    times = Times()
    times.lap("loading")
    times.write(tmp_path / "times.json")
    assert read_times(tmp_path / "times.json").keys() == {"loading", "waiting", "first_step"}
    (tmp_path / "times.json").write_text('{"loading": "long"}')
    assert read_times(tmp_path / "times.json") == read_times(tmp_path / "none.json") == {}
