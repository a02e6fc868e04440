"""Data larger than memory, and batches that do not fit, in a process whose memory is limited."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from reliability.common import Row, one_sentence, said, status

MEGABYTES = 2200  # that the process may have; TensorFlow and a small network take some 900
IMAGES, SIZE = 110_000, 96  # 3 GB
GROUPS = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/memory"))


@contextlib.contextmanager
def _group(megabytes: int) -> Iterator[Path | None]:
    """Make a control group with a memory limit; None where this user may not."""
    made = None
    for parent, limit in ((p, n) for p in GROUPS for n in ("memory.max", "memory.limit_in_bytes")):
        if (parent / "cgroup.procs").exists() and made is None:
            with contextlib.suppress(OSError):
                place = parent / f"exprun_{os.getpid()}"
                place.mkdir()
                if (place / limit).exists():
                    (place / limit).write_text(str(megabytes * 2**20))
                    made = place
                else:
                    place.rmdir()
    try:
        yield made
    finally:
        if made is not None:
            with contextlib.suppress(OSError):
                made.rmdir()


def can_limit() -> bool:
    """Whether this user may limit the memory of a process."""
    with _group(100) as made:
        return made is not None


def _limited(place: Path, group: Path, *words: str) -> int:
    """Run a command of exprun in a control group and return its exit code."""
    into = f"echo $$ > {group}/cgroup.procs && exec {sys.executable} -m exprun " + '"$@"'
    with open(place / "said", "a") as log:
        done = subprocess.run(["sh", "-c", into, "sh", *words], cwd=place, stdout=log, stderr=log, check=False)
    return done.returncode


SMALL = ["model=cnn", "augment=none", "tracking=none", "progress=plain", "trainer.precision=float32"]


def streams(folder: Path, times: int) -> Row:
    """A data set of 3 GB trains in 2.2 GB of memory, with the same result as without a limit."""
    row = Row("data larger than memory")
    root = folder / "set"
    root.mkdir()
    rng = np.random.default_rng(0)
    images = np.lib.format.open_memmap(root / "x_train.npy", "w+", np.uint8, (IMAGES, SIZE, SIZE, 3))
    for at in range(0, IMAGES, 1000):
        images[at : at + 1000] = rng.integers(0, 256, (1, SIZE, SIZE, 3), np.uint8)
    del images
    np.save(root / "y_train.npy", (np.arange(IMAGES) % 4).astype(np.int32))
    words = [*SMALL, "data=arrays", f"data.root={root}", "model.layers=[{conv: 4, stride: 4}, {pool: max}, flatten]"]
    words += ["trainer.max_steps=60", "trainer.batch_size=64", "input=symmetric", "run_dir=outputs/runs/it"]
    for number in range(times):
        place = folder / f"{number}"
        place.mkdir()
        with row.attempt(f"{number}"), _group(MEGABYTES) as group:
            assert group is not None, "no control group can be made"
            code = _limited(place, group, *words)
            assert code == 0, (code, said(place)[-1500:])
            assert status(place / "outputs" / "runs" / "it") == "FINISHED"
            most = next(
                group / name for name in ("memory.peak", "memory.max_usage_in_bytes") if (group / name).exists()
            )
            gigabytes, peak = IMAGES * SIZE * SIZE * 3 / 2**30, int(most.read_text()) / 2**30
            row.note = f"{gigabytes:.1f} GB of images with {peak:.1f} GB of memory"
    return row


TIGHT = """
import resource, sys
import numpy, tensorflow
from exprun.cli import main

pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + int(sys.argv[1]) * 2**20,) * 2)
sys.exit(main(sys.argv[2:]))
"""


def too_large(folder: Path, times: int) -> Row:
    """A batch that does not fit is refused before the first step, or when its allocation fails."""
    row = Row("a batch that does not fit into memory")
    for number in range(times):
        place = folder / f"b{number}"
        place.mkdir()
        words = [*SMALL, "data.size=64", "run_dir=outputs/runs/it", "trainer.max_steps=3"]
        words += ["model.layers=[{conv: 64}, {conv: 64}, {pool: max}, flatten]", "data=digits"]
        with row.attempt(f"{number}"):
            if number % 2:
                with _group(1500) as group:
                    assert group is not None, "no control group can be made"
                    code = _limited(place, group, *words, "trainer.batch_size=1400")
            else:
                command = [sys.executable, "-c", TIGHT, "2500", *words, "trainer.batch_size=1024"]
                with open(place / "said", "a") as log:
                    done = subprocess.run(command, cwd=place, stdout=log, stderr=log, check=False)
                code = done.returncode
            assert code == 1, (code, said(place)[-1500:])
            one_sentence(said(place))
            last = said(place).strip().splitlines()[-1]
            assert "trainer.batch_size=" in last, last
            size = last.rpartition("trainer.batch_size=")[2].split()[0]
            again = [*words, f"trainer.batch_size={size}", "run_dir=outputs/runs/again"]
            if number % 2:
                with _group(1500) as group:
                    assert group is not None
                    assert _limited(place, group, *again) == 0, said(place)[-1500:]
            row.note = f"for batches of 1,024 and 1,400 images, the error message named {size} as a size that fits"
    return row
