"""exprun against what people use instead, in turn and on one machine. `scripts/bench` starts it."""

import argparse
import datetime
import functools
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
RECORDS = ROOT / "docs" / "performance.json"
PAGE = ROOT / "docs" / "performance.md"
TORCH = ROOT / ".venv-torch" / "bin" / "python"
SIDES, TORCH_SIDE = (str(ROOT / "scripts" / name) for name in ("bench_sides.py", "bench_torch.py"))
FULL, NATIVE = "float32", "mixed_bfloat16"
INSTRUCTIONS = ("amx_bf16", "avx512_bf16", "avx512_vnni", "avx512f", "avx2")  # that speed depends on, best first


@dataclass
class Line:
    """A line of a table: a figure of exprun and one of another, or a figure alone.

    Args:
        what: is measured.
        own: median of exprun's.
        other: median of the other's, or None.
        ratio: median of the ratios of each turn; above 1 exprun is better.
        low: the lowest of these.
        high: the highest.
        bar: what the ratio is to reach, or None.
    """

    what: str
    own: str
    other: str = ""
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    bar: float | None = None

    @property
    def holds(self) -> bool:
        return self.bar is None or self.ratio is None or self.ratio >= self.bar


class Side:
    """A process that works when it is told to, and waits meanwhile."""

    def __init__(self, words: list[str]) -> None:
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - as long as the process
        self.process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True
        )
        self.first = self.read()  # what is built, traced and compiled is so now

    def read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            raise SystemExit(f"{' '.join(map(str, self.process.args))} ended:\n{self.errors.read()[-2000:]}")
        return json.loads(line)

    def do(self, word: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return self.read()

    def speed(self, word: str) -> float:
        """Images a second."""
        done = self.do(word)
        return done["images"] / done["seconds"]

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.errors.close()


@contextmanager
def sides(words: dict[str, list[str]]) -> Iterator[dict[str, Side]]:
    """Some sides, started one after the other and ended together."""
    started: dict[str, Side] = {}
    try:
        for name, command in words.items():
            started[name] = Side(command)
        yield started
    finally:
        for side in started.values():
            side.end()


def in_turn(turns: int, *calls: tuple[Side, str]) -> list[list[float]]:
    """Speeds of some sides, each with what it is to do, one after the other in each turn."""
    found = [[side.speed(word) for side, word in calls] for _ in range(turns)]
    return [list(speeds) for speeds in zip(*found, strict=True)]


def compared(what: str, own: list[float], other: list[float], unit: str, bar: float | None, form: str = ",.0f") -> Line:
    """A line from figures of which more is better, taken in turn."""
    ratios = sorted(a / b for a, b in zip(own, other, strict=True))
    shown = [f"{statistics.median(values):{form}} {unit}" for values in (own, other)]
    return Line(what, *shown, statistics.median(ratios), ratios[0], ratios[-1], bar)


def lower(what: str, own: list[float], other: list[float], unit: str, bar: float | None, form: str = ".1f") -> Line:
    """A line from figures of which less is better, taken in turn."""
    line = compared(what, [1 / value for value in own], [1 / value for value in other], unit, bar)
    line.own, line.other = (f"{statistics.median(values):{form}} {unit}" for values in (own, other))
    return line


def arrays(folder: Path, size: int, images: int, name: str = "data") -> list[str]:
    """Overrides for a set of noise: speed does not depend on what is in the pictures."""
    rng = np.random.default_rng(0)
    path = folder / f"{name}.npz"
    parts = {"train": images, "val": 32, "test": 32}
    pixels = {f"x_{part}": rng.integers(0, 256, (count, size, size, 3), np.uint8) for part, count in parts.items()}
    np.savez(path, **pixels, **{f"y_{part}": np.arange(count) % 10 for part, count in parts.items()})
    return ["data=arrays", f"data.root={path}", f"data.cache={folder / 'cache'}"]


@dataclass(frozen=True)
class Network:
    """A network whose training is compared.

    Args:
        words: overrides.
        size: height and width of the images.
        batch: images in a step.
        images: in an epoch.
        bars: of the ratios, by precision and the other side's name.
    """

    words: str
    size: int
    batch: int
    images: int
    bars: dict[tuple[str, str], float]


BETTER = {(precision, form): 1.1 for precision in (FULL, NATIVE) for form in ("written", "tuned")}
NETWORKS = {
    "vgg16": Network(
        "model=vgg16 norm=batch optim=sgd_momentum", 32, 128, 1280,
        {("default", "written"): 2.2, (FULL, "written"): 1.1, (NATIVE, "written"): 1.4, (FULL, "torch"): 1.0,
         (NATIVE, "torch"): 1.0, (FULL, "tuned"): 1.1, (NATIVE, "tuned"): 1.4},
    ),
    "resnet20": Network("model=resnet20 norm=batch optim=sgd_momentum", 32, 128, 6400, BETTER),
    "cnn_he": Network("model=cnn_he norm=none init=he_normal_conv optim=adam", 32, 128, 1280, BETTER),
    "palm_alexnet": Network("model=palm_alexnet norm=none init=glorot_uniform optim=adam", 96, 32, 1280, BETTER),
}  # fmt: skip
NAMES = {"written": "Keras fit, as written", "tuned": "Keras fit, tuned", "torch": "PyTorch"}


def train(network: Network, precision: str, turns: int, torch: bool) -> list[Line]:
    """Whole epochs of one network on all sides, in turn; in float32 also as each is without being told."""
    speeds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        words = [*network.words.split(), *arrays(folder, network.size, network.images)]
        words += [f"trainer.batch_size={network.batch}", "augment=none"]
        given = [*words, f"trainer.precision={precision}"]
        commands = {name: [sys.executable, SIDES, name, *given] for name in ("exprun", "written", "tuned")}
        auto = native_precision()
        if precision == FULL != auto:
            commands["default"] = [sys.executable, SIDES, "exprun", *words]
        if torch:
            (folder / "torch").mkdir()
            subprocess.run([sys.executable, SIDES, "torch_input", str(folder / "torch"), *words], check=True)
            commands["torch"] = [str(TORCH), TORCH_SIDE, str(folder / "torch"), precision]
        with sides(commands) as started:
            for turn in range(turns):
                for name, side in started.items():
                    speeds.setdefault(name, []).append(side.speed("epoch"))
                say(precision, turn, {name: found[-1] for name, found in speeds.items()})
            own, written = started["exprun"], started["written"]
            whole, bare = in_turn(turns, (own, "epoch"), (own, "bare"))
            calls = [(own, "evaluate"), (written, "evaluate"), (written, "evaluate_alike")]
            if "default" in started:
                calls.append((started["default"], "evaluate"))
            in_turn(1, *calls)  # Keras compiles in its first
            ours, theirs, alike, *default = in_turn(turns, *calls)
    say(precision, "bare", whole, bare, "evaluation", ours, theirs, alike, *default)
    # Where each has float32 by default, one line says both.
    kinds = [(f"{FULL}, the default of both" if precision == FULL == auto else precision, speeds["exprun"], ours)]
    if default:
        kinds.insert(0, (f"default ({auto}, theirs {FULL})", speeds["default"], *default))
    lines = []
    for kind, found, _ in kinds:
        bars = {name: network.bars.get((precision, name)) for name in NAMES}
        if "default" in kind:
            bars["written"] = network.bars.get(("default", "written"), bars["written"])
        wanted = [name for name in NAMES if name in commands and ("theirs" not in kind or name == "written")]
        lines += [
            compared(f"training, {kind}: {NAMES[name]}", found, speeds[name], "images/s", bars[name]) for name in wanted
        ]
    what = f"whole epoch, {precision}: the bare step on one batch"
    lines.append(compared(what, whole, bare, "images/s", 0.97, ",.1f"))
    for kind, _, found in kinds:
        lines.append(compared(f"evaluation, {kind}: Keras evaluate, as written", found, theirs, "images/s", 1.5))
    what = f"evaluation, {precision}: Keras evaluate, as written, the same batches"
    lines.append(compared(what, ours, alike, "images/s", None))
    return lines


def whole_run(turns: int, torch: bool) -> list[Line]:
    """Epochs of a run with tracking, progress and doctor, against the bare step."""
    with tempfile.TemporaryDirectory() as place:
        network = NETWORKS["vgg16"]
        words = [*network.words.split(), *arrays(Path(place), network.size, 50 * network.batch), "augment=none"]
        words += [f"trainer.batch_size={network.batch}", f"trainer.eval_batch_size={network.batch}"]
        tracked = [*words, f"tracking.uri=sqlite:///{place}/mlflow.db"]
        watched = [sys.executable, SIDES, "watched", f"{place}/run", *tracked]
        with sides({"all": watched, "bare": [sys.executable, SIDES, "exprun", *words]}) as started:
            whole, bare = in_turn(turns, (started["all"], "epoch"), (started["bare"], "bare"))
        say("whole", whole, bare)
    what = "whole epoch with tracking, progress and doctor: the bare step on one batch"
    return [compared(what, whole, bare, "images/s", 0.94, ",.1f")]


def gap(turns: int, torch: bool) -> list[Line]:
    """The pause between two runs of one process."""
    with tempfile.TemporaryDirectory() as place:
        words = [*SWEEP, "trainer.epochs=1", f"tracking.uri=sqlite:///{place}/gaps.db"]
        with sides({"gaps": [sys.executable, SIDES, "gaps", f"{place}/gaps", *words]}) as started:
            found = [started["gaps"].do("epoch") for _ in range(turns)]
    say("gaps", found)
    seconds, between = ([one[key] for one in found] for key in ("gap", "between"))
    what = "from the end of a run to the first step of the next, same structure: 0.5 s"
    return [
        lower(what, seconds, [0.5] * turns, "s", 1.0, ".2f"),
        Line("from a run's last step to the next one's first", f"{statistics.median(between):.2f} s"),
    ]


def pictures(folder: Path, images: int) -> list[str]:
    """Overrides for JPEG files of 256×256, about as large as photographs of that size; ten classes."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for part, count in {"train": images, "val": 32, "test": 32}.items():
        for number in range(count):
            coarse = Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8)).resize((256, 256))
            place = folder / "pictures" / part / str(number % 10)
            place.mkdir(parents=True, exist_ok=True)
            coarse.save(place / f"{number}.jpg", quality=90)
    return ["data=image_folder", f"data.root={folder / 'pictures'}", "data.size=224", f"data.cache={folder / 'cache'}"]


def streaming(turns: int, torch: bool) -> list[Line]:
    """Pictures at 224×224 that are not kept in memory, against tf.data by hand; memory over the size of a set."""
    with tempfile.TemporaryDirectory() as place:
        network = NETWORKS["palm_alexnet"]
        words = [*network.words.split(), *pictures(Path(place), 1600), "trainer.batch_size=32", "augment=none"]
        own = [sys.executable, SIDES, "exprun", *words]
        commands = {"streamed": [*own, "trainer.resident=false"], "resident": [*own, "trainer.resident=true"]}
        speeds: dict[str, list[float]] = {}
        with sides(commands | {"files": [sys.executable, SIDES, "files", *words]}) as started:
            for turn in range(turns):
                for name, side in started.items():
                    speeds.setdefault(name, []).append(side.speed("epoch"))
                say("streaming", turn, {name: found[-1] for name, found in speeds.items()})
            first = started["streamed"].first["loaded"]
            reads = [started["files"].do("read")["seconds"] for _ in range(turns)]
    what = "training from files, 224×224"
    lines = [
        compared(f"{what}: Keras fit, tf.data by hand", speeds["streamed"], speeds["files"], "images/s", 1.0),
        compared(f"{what}: the same set in memory", speeds["streamed"], speeds["resident"], "images/s", None),
        Line("reading 1,600 pictures: into the cache, measured once; in each epoch", f"{first:.1f} s",
             f"{statistics.median(reads):.1f} s"),
    ]  # fmt: skip
    sizes: dict[int, float] = {}
    for images in (5_000, 50_000):
        with tempfile.TemporaryDirectory() as place:
            words = ["model=cnn", *arrays(Path(place), 96, images), "trainer.batch_size=128", "augment=none"]
            with sides({"exprun": [sys.executable, SIDES, "exprun", *words, "trainer.resident=false"]}) as started:
                sizes[images] = started["exprun"].do("memory")["own_mib"]
        say("memory when streaming", images, sizes[images])
    small, large = sizes.values()
    what = "memory of its own, 50,000 images of 96×96 streamed: 5,000; one process each"
    return [*lines, lower(what, [large], [small], "MiB", 0.9, ",.0f")]


def say(*parts: Any) -> None:
    print(*parts, flush=True)


def memory(turns: int, torch: bool) -> list[Line]:
    """Peak memory of training on 50,000 images of CIFAR-10's size: exprun, and Keras fit on the same uint8 arrays."""
    peaks: dict[str, list[float]] = {"exprun": [], "uint8": []}
    with tempfile.TemporaryDirectory() as place:
        words = ["model=cnn", *arrays(Path(place), 32, 50_000), "trainer.batch_size=128", "augment=none"]
        for turn in range(turns):
            for name, found in peaks.items():
                with sides({name: [sys.executable, SIDES, name, *words]}) as started:  # behind its first epoch
                    found.append(started[name].do("memory")["mib"])
            say("memory", turn, {name: found[-1] for name, found in peaks.items()})
    what = "peak memory, 50,000 images: Keras fit on the same uint8"
    return [lower(what, peaks["exprun"], peaks["uint8"], "MiB", 1.0, ",.0f")]


SWEEP = ["experiment=smoke", "trainer.epochs=2", "progress=quiet"]


def sweep(turns: int, torch: bool) -> list[Line]:
    """Eight short runs over seed and learning rate: in one process, and each in its own."""
    rates, seeds = (0.01, 0.02), range(4)
    over = [f"seed={','.join(map(str, seeds))}", f"optim.learning_rate={','.join(map(str, rates))}"]
    single = [[*SWEEP, f"seed={seed}", f"optim.learning_rate={rate}"] for seed in seeds for rate in rates]
    whole, apart = [], []
    for turn in range(turns):
        for found, commands in ((whole, [["-m", *SWEEP, *over]]), (apart, single)):
            with tempfile.TemporaryDirectory() as place:
                started = time.perf_counter()
                for words in commands:
                    exprun(words, place)
                found.append(time.perf_counter() - started)
        say("sweep", turn, whole[-1], apart[-1])
    return [lower("8 short runs in one process: 8 processes", whole, apart, "s", 1 / 0.35)]


def exprun(words: list[str], folder: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "exprun", *words], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)


def growth(turns: int, torch: bool) -> list[Line]:
    """Throughput of exprun over batch and set size."""
    lines = []
    with tempfile.TemporaryDirectory() as place:
        for batch in (32, 64, 128, 256, 512, 1024):
            data = arrays(Path(place), 32, 5120, "batch")
            lines.append(own_speed(f"resnet20, batch {batch}", [*data, f"trainer.batch_size={batch}"], turns))
        for images in (1_000, 5_000, 20_000, 50_000):
            data = arrays(Path(place), 32, images, f"images{images}")
            lines.append(own_speed(f"resnet20, {images:,} images", [*data, "trainer.batch_size=128"], turns))
    return lines


def own_speed(what: str, words: list[str], turns: int) -> Line:
    command = [sys.executable, SIDES, "exprun", "model=resnet20", "augment=none", *words]
    with sides({"exprun": command}) as started:
        speeds = [started["exprun"].speed("epoch") for _ in range(turns)]
    say(what, speeds)
    return Line(what, f"{statistics.median(speeds):,.0f} images/s")


def network_part(name: str, precision: str) -> Callable[[int, bool], list[Line]]:
    return lambda turns, torch: train(NETWORKS[name], precision, turns, torch)


HALF = "_bfloat16"  # ends the names of parts that only processors with such instructions measure
PARTS: dict[str, Callable[[int, bool], list[Line]]] = {
    **{
        name + end: network_part(name, precision)
        for name in NETWORKS
        for end, precision in (("", FULL), (HALF, NATIVE))
    },
    "whole": whole_run,
    "streaming": streaming,
    "memory": memory,
    "sweep": sweep,
    "gap": gap,
    "growth": growth,
}


def torch_version() -> str:
    """Of the environment of its own, made where it is missing."""
    if not TORCH.exists():
        say("Installing PyTorch into .venv-torch (once) …")
        subprocess.run([sys.executable, "-m", "venv", TORCH.parents[1]], check=True)
        subprocess.run([TORCH, "-m", "pip", "install", "--quiet", "torch==2.13.0", "numpy"], check=True)
    words = [TORCH, "-c", "import torch; print(torch.__version__)"]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


@functools.cache  # TensorFlow is imported for it
def native_precision() -> str:
    """That of `trainer.precision=auto` here."""
    words = (
        "from exprun.config.compose import Composer; from exprun.trainer.device import choose; "
        "print(choose(Composer().config([]).trainer).precision)"
    )
    found = subprocess.run([sys.executable, "-c", words], check=True, capture_output=True, text=True)
    return found.stdout.split()[-1]


def git(*words: str) -> str:
    return subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True, check=False).stdout.strip()


def machine(torch: str) -> str:
    """What these figures were measured with."""
    from importlib.metadata import version

    names = [
        line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    versions = ", ".join(f"{name} {version(name)}" for name in ("tensorflow", "keras"))
    # What is measured is the code; the records of a part before are no change to it.
    others = [f":(exclude){path.relative_to(ROOT)}" for path in (RECORDS, PAGE)]
    commit = git("rev-parse", "--short", "HEAD")
    commit += "+" if git("status", "--porcelain", "-uno", "--", ".", *others) else ""
    name = names[0] if names else platform.processor()
    flags = Path("/proc/cpuinfo").read_text().split()
    widest = next((flag for flag in INSTRUCTIONS if flag in flags), "")
    cores = len(os.sched_getaffinity(0))
    python = platform.python_version()
    return (
        f"{name}{widest and f' ({widest})'}, {cores} cores, Python {python}, {versions}"
        f"{f', PyTorch {torch}' if torch else ''}; commit {commit}, {datetime.date.today().isoformat()}"
    )


def write_page(records: dict[str, Any]) -> None:
    """Put the tables of what is recorded into the page, between their marks."""
    page = PAGE.read_text(encoding="utf-8")
    for part in PARTS:
        before, rest = page.split(f"<!-- {part} -->\n", 1)
        after = rest.split("<!-- end -->", 1)[1]
        page = f"{before}<!-- {part} -->\n{table(records.get(part))}<!-- end -->{after}"
    PAGE.write_text(page, encoding="utf-8")


def table(record: dict[str, Any] | None) -> str:
    if record is None:
        return "\nNot measured yet.\n\n"
    rows = ["| measured: against | exprun | the other | ratio | lowest, highest | bar |  |", "|---" * 7 + "|"]
    for line in (Line(**line) for line in record["lines"]):
        ratio = "" if line.ratio is None else f"{line.ratio:.2f}"
        spread = "" if line.ratio is None else f"{line.low:.2f}, {line.high:.2f}"
        bar = "" if line.bar is None else f"{line.bar:.2f}"
        verdict = "" if line.bar is None else "yes" if line.holds else "**no**"
        rows.append(f"| {line.what} | {line.own} | {line.other} | {ratio} | {spread} | {bar} | {verdict} |")
    return "\n" + "\n".join(rows) + f"\n\nMedians of {record['turns']} turns. {record['machine']}.\n\n"


def main() -> int:
    """Measure, write down; 1 where a ratio is below its bar."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Compare exprun with Keras and PyTorch.")
    parser.add_argument("parts", nargs="*", metavar="part", help=f"{', '.join(PARTS)}; all where none is named")
    parser.add_argument("--turns", type=int, default=5, help="how often each side works, 5 unless given")
    parser.add_argument("--no-torch", action="store_true", help="leave PyTorch out")
    args = parser.parse_args()
    if unknown := [name for name in args.parts if name not in PARTS]:
        parser.error(f"there is no part {unknown[0]}; there are {', '.join(PARTS)}")
    if args.turns < 1:
        parser.error("--turns takes a number from 1")
    torch = "" if args.no_torch else torch_version()
    records = json.loads(RECORDS.read_text()) if RECORDS.exists() else {}
    missed = []
    native = native_precision() == NATIVE
    if not native:
        say("This device has no bfloat16 instructions; figures of bfloat16 stay as they are.")
    for part in args.parts or PARTS:
        if part.endswith(HALF) and not native:
            continue
        lines = PARTS[part](args.turns, bool(torch))
        records[part] = {"machine": machine(torch), "turns": args.turns, "lines": [asdict(line) for line in lines]}
        RECORDS.write_text(json.dumps(records, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        write_page(records)
        missed += [f"{part}: {line.what}: {line.ratio:.2f} < {line.bar:.2f}" for line in lines if not line.holds]
    for line in missed:
        say(f"below its bar: {line}")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
