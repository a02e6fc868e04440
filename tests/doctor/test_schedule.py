"""When a probe is due."""

import pytest

from exprun.doctor.schedule import Sampling, Schedule


def schedule(share, every=40):
    return Schedule(every, share, 4, 64)


def test_the_first_probe_waits_as_long_as_the_others():
    assert not schedule(1.0).due(39)
    one = schedule(1.0)
    assert one.due(40)
    one.probed(40, 0.0)
    assert not one.due(79)
    assert one.due(80)


def test_probes_keep_to_their_share_of_the_time():
    one = schedule(0.02)
    one._seconds, one._last, one._started = 1.0, 1.0, one._started - 10.0
    assert not one.due(1000)
    one._started -= 100.0
    assert one.due(1000)
    one._seconds, one._last = 0.1, 0.05  # little enough in any run
    one._started += 105.0
    assert one.due(1000)


@pytest.mark.parametrize(("share", "due"), [(0.02, True), (0.0005, False)])
def test_the_cost_of_the_first_probe_is_estimated_from_training(share, due):
    one = schedule(share)
    one._started -= 1000.0  # for 100 steps of 64 images: the 4 of a probe take 1.25 s
    assert one.due(100) == due


def test_the_first_steps_are_watched_and_later_ones_by_their_share_of_the_time(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("exprun.doctor.schedule.time.perf_counter", lambda: now[0])

    def watched(share, seconds, cost, steps=1000):
        sampling, taken = Sampling(share), 0
        for _ in range(steps):
            if sampling.takes():
                taken += 1
                sampling.copied(cost)
            now[0] += seconds
        return taken

    assert watched(0.02, 1.0, 0.002) == 1000  # long steps cost nearly nothing
    assert 64 < watched(0.02, 0.001, 0.002) < 64 + 10
    assert watched(0.0, 0.001, 0.002) == 64
