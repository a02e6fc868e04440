"""The cores of a process, in a container and in a worker of a sweep."""

import pytest

from exprun.trainer import cores

V1 = "sys/fs/cgroup/cpu,cpuacct/b/cpu.cfs_{}_us"


@pytest.mark.parametrize(
    ("files", "count"),
    [
        ({"sys/fs/cgroup/a/cpu.max": "150000 100000"}, 1.5),
        ({"sys/fs/cgroup/cpu.max": "200000 100000", "sys/fs/cgroup/a/cpu.max": "max 100000"}, 2),
        ({V1.format("quota"): "50000", V1.format("period"): "100000"}, 0.5),
        ({V1.format("quota"): "-1", V1.format("period"): "100000"}, 4),
        ({"sys/fs/cgroup/a/cpu.max": "nonsense"}, 4),
        ({}, 4),
    ],
)
def test_a_container_gets_the_cores_of_its_quota(tmp_path, monkeypatch, files, count):
    monkeypatch.setattr(cores, "allowed", lambda: [0, 1, 2, 3])
    for name, text in (files | {"proc/self/cgroup": "0::/a\n3:cpu,cpuacct:/b\n2:memory:/c"}).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    assert cores.usable(tmp_path) == count


def test_a_worker_of_a_sweep_belongs_to_its_whole(monkeypatch):
    monkeypatch.setattr(cores, "_whole", [])
    monkeypatch.setattr(cores, "usable", lambda: 1.0)
    assert cores.whole() == 1
    cores.share_of(16)
    assert cores.whole() == 16
