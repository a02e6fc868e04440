"""Compare the speed of exprun with Keras and PyTorch on one machine, in rounds that measure each program once.

The tables of docs/performance.md are written. The exit code is 1 if a ratio is below the required ratio.
"""

import argparse
import functools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from speed_data import noise_arrays, noise_files
from speed_process import in_turn, sides
from speed_table import ROOT, Line, higher_is_better, lower_is_better, record

HERE = Path(__file__).resolve().parent
SIDES = str(HERE / "speed_sides.py")
KERAS = f"keras=={version('keras')}"
# The packages of the environments of the programs that cannot share one with exprun, by the name of the environment.
ENVIRONMENTS = {
    "torch": ["torch==2.13.0", "numpy", KERAS],
    "jax": ["jax==0.10.2", "flax==0.12.8", "optax==0.2.8", KERAS],
}
FULL, NATIVE = "float32", "mixed_bfloat16"
IMAGES = "images/s"


@dataclass(frozen=True)
class Network:
    """A network whose training is compared.

    Args:
        overrides: the overrides that choose the network.
        size: the height and width of the images, in pixels.
        batch: the number of images in a step.
        images: the number of images in an epoch.
        bars: the required ratios, by precision and name of the other side.
    """

    overrides: str
    size: int
    batch: int
    images: int
    bars: dict[tuple[str, str], float]


Peers = Sequence[str]  # names of PEERS
BETTER = {(precision, form): 1.1 for precision in (FULL, NATIVE) for form in ("written", "tuned")}
NETWORKS = {
    "vgg16": Network(
        "model=vgg16 norm=batch optim=sgd_momentum", 32, 128, 1024,
        {("default", "written"): 2.2, (FULL, "written"): 1.1, (NATIVE, "written"): 1.4, (FULL, "torch"): 1.0,
         (NATIVE, "torch"): 1.0, (FULL, "tuned"): 1.1, (NATIVE, "tuned"): 1.4},
    ),
    "resnet20": Network("model=resnet20 norm=batch optim=sgd_momentum", 32, 128, 3072, BETTER),
    "cnn_he": Network("model=cnn_he norm=none init=he_normal_conv optim=adam", 32, 128, 1024, BETTER),
    "palm_alexnet": Network("model=palm_alexnet norm=none init=glorot_uniform optim=adam", 96, 32, 1280, BETTER),
}  # fmt: skip
NAMES = {
    "written": "Keras fit, as written",
    "tuned": "Keras fit, tuned",
    "torch": "PyTorch",
    "compiled": "PyTorch, torch.compile",
    "autotuned": "PyTorch, torch.compile, max-autotune",
    "jax": "JAX, Flax",
    "keras_torch": "Keras fit, PyTorch backend",
    "keras_jax": "Keras fit, JAX backend",
}
# The environment of each program, its script, and the arguments after the folder; {} is the precision.
PEERS = {
    "torch": ("torch", "speed_torch.py", ["{}", "eager"]),
    "compiled": ("torch", "speed_torch.py", ["{}", "default"]),
    "autotuned": ("torch", "speed_torch.py", ["{}", "max-autotune"]),
    "jax": ("jax", "speed_jax.py", ["{}"]),
    "keras_torch": ("torch", "speed_keras.py", ["torch"]),
    "keras_jax": ("jax", "speed_keras.py", ["jax"]),
}


@dataclass
class TrainingSpeeds:
    """Images per second of one network, by turn.

    Args:
        training: the speeds of whole epochs, by side; `default` is exprun with `trainer.precision=auto`.
        whole: the speeds of whole epochs of exprun, measured in alternation with `bare`.
        bare: the speeds of the compiled step of exprun alone, on one batch.
        evaluation: the speeds of evaluations, by side; `alike` is Keras with the batch size of exprun.
    """

    training: dict[str, list[float]]
    whole: list[float]
    bare: list[float]
    evaluation: dict[str, list[float]]


def measure_training(network: Network, precision: str, turns: int, peers: Peers) -> TrainingSpeeds:
    """Train one network on all sides, in turn; with float32, exprun also trains in its default precision.

    Args:
        network: the network to train.
        precision: `float32` or `mixed_bfloat16`.
        turns: the number of rounds.
        peers: the programs of `PEERS` that are measured.
    """
    training: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        words = [*network.overrides.split(), *noise_arrays(folder, network.size, network.images)]
        words += [f"trainer.batch_size={network.batch}", "augment=none"]
        in_precision = [*words, f"trainer.precision={precision}"]
        commands = {name: [sys.executable, SIDES, name, *in_precision] for name in ("exprun", "written", "tuned")}
        if precision == FULL != native_precision():
            commands["default"] = [sys.executable, SIDES, "exprun", *words]
        if peers:
            (folder / "peers").mkdir()
            subprocess.run([sys.executable, SIDES, "peers_input", str(folder / "peers"), *in_precision], check=True)
        for name in peers:
            environment, script, arguments = PEERS[name]
            arguments = [argument.format(precision) for argument in arguments]
            commands[name] = [str(python_of(environment)), str(HERE / script), str(folder / "peers"), *arguments]
        with sides(commands) as started:
            for turn in range(turns):
                for name, side in started.items():
                    training.setdefault(name, []).append(side.speed("epoch"))
                log(precision, turn, {name: speeds[-1] for name, speeds in training.items()})
            own, written = started["exprun"], started["written"]
            whole, bare = in_turn(turns, (own, "epoch"), (own, "bare"))
            calls = {
                "exprun": (own, "evaluate"),
                "written": (written, "evaluate"),
                "alike": (written, "evaluate_alike"),
            }
            if "default" in started:
                calls["default"] = (started["default"], "evaluate")
            in_turn(1, *calls.values())  # Keras compiles in its first evaluation
            evaluation = dict(zip(calls, in_turn(turns, *calls.values()), strict=True))
    log(precision, "bare", whole, bare, "evaluation", evaluation)
    return TrainingSpeeds(training, whole, bare, evaluation)


def train(network: Network, precision: str, turns: int, peers: Peers) -> list[Line]:
    """The lines for training and evaluation of one network on all sides.

    Args:
        network: the network to train.
        precision: `float32` or `mixed_bfloat16`.
        turns: the number of rounds.
        peers: the programs of `PEERS` that are measured.
    """
    speeds = measure_training(network, precision, turns, peers)
    training, evaluation = speeds.training, speeds.evaluation
    bars = {name: network.bars.get((precision, name)) for name in NAMES}
    default_bar = network.bars.get(("default", "written"), bars["written"])
    kind = precision
    if (
        precision == FULL == native_precision()
        # float32 is also the default precision of both sides, so one line covers both.
    ):
        kind, bars["written"] = f"{FULL}, the default of both", default_bar
    default = f"default ({native_precision()}, theirs {FULL})"
    as_written = "Keras evaluate, as written"
    lines = []
    if "default" in training:
        what = f"training, {default}: {NAMES['written']}"
        lines.append(higher_is_better(what, training["default"], training["written"], IMAGES, default_bar))
    for name in (name for name in NAMES if name in training):
        what = f"training, {kind}: {NAMES[name]}"
        lines.append(higher_is_better(what, training["exprun"], training[name], IMAGES, bars[name]))
    what = f"whole epoch, {precision}: the bare step on one batch"
    lines.append(higher_is_better(what, speeds.whole, speeds.bare, IMAGES, 0.97, ",.1f"))
    if "default" in evaluation:
        what = f"evaluation, {default}: {as_written}"
        lines.append(higher_is_better(what, evaluation["default"], evaluation["written"], IMAGES, 1.5))
    what = f"evaluation, {kind}: {as_written}"
    lines.append(higher_is_better(what, evaluation["exprun"], evaluation["written"], IMAGES, 1.5))
    what = f"evaluation, {precision}: {as_written}, the same batches"
    lines.append(higher_is_better(what, evaluation["exprun"], evaluation["alike"], IMAGES, None))
    return lines


def whole_run(turns: int, peers: Peers) -> list[Line]:
    """The line for epochs of a run with tracking, progress and doctor, compared with the bare step."""
    with tempfile.TemporaryDirectory() as place:
        network = NETWORKS["vgg16"]
        data = noise_arrays(Path(place), network.size, 50 * network.batch)
        words = [*network.overrides.split(), *data, "augment=none"]
        words += [f"trainer.batch_size={network.batch}", f"trainer.eval_batch_size={network.batch}"]
        tracked = [*words, f"tracking.uri=sqlite:///{place}/mlflow.db"]
        watched = [sys.executable, SIDES, "watched", f"{place}/run", *tracked]
        with sides({"all": watched, "bare": [sys.executable, SIDES, "exprun", *words]}) as started:
            whole, bare = in_turn(turns, (started["all"], "epoch"), (started["bare"], "bare"))
        log("whole", whole, bare)
    what = "whole epoch with tracking, progress and doctor: the bare step on one batch"
    return [higher_is_better(what, whole, bare, IMAGES, 0.94, ",.1f")]


SHORT_RUN = ["experiment=smoke", "trainer.epochs=2", "progress=quiet"]


def gap(turns: int, peers: Peers) -> list[Line]:
    """The lines for the pause between two runs of one process."""
    with tempfile.TemporaryDirectory() as place:
        words = [*SHORT_RUN, "trainer.epochs=1", f"tracking.uri=sqlite:///{place}/gaps.db"]
        with sides({"gaps": [sys.executable, SIDES, "gaps", f"{place}/gaps", *words]}) as started:
            runs = [started["gaps"].ask("epoch") for _ in range(turns)]
    log("gaps", runs)
    after_end, after_last_step = ([run[key] for run in runs] for key in ("gap", "between"))
    what = "from the end of a run to the first step of the next, same structure: 0.5 s"
    return [
        lower_is_better(what, after_end, [0.5] * turns, "s", 1.0, ".2f"),
        Line("from a run's last step to the next one's first", f"{statistics.median(after_last_step):.2f} s"),
    ]


def streaming(turns: int, peers: Peers) -> list[Line]:
    """The lines for training on streamed files of 224×224, compared with a tf.data pipeline, and for its memory."""
    with tempfile.TemporaryDirectory() as place:
        overrides = NETWORKS["palm_alexnet"].overrides.split()
        words = [*overrides, *noise_files(Path(place), 1600), "trainer.batch_size=32", "augment=none"]
        own = [sys.executable, SIDES, "exprun", *words]
        commands = {"streamed": [*own, "trainer.resident=false"], "resident": [*own, "trainer.resident=true"]}
        speeds: dict[str, list[float]] = {}
        with sides(commands | {"files": [sys.executable, SIDES, "files", *words]}) as started:
            for turn in range(turns):
                for name, side in started.items():
                    speeds.setdefault(name, []).append(side.speed("epoch"))
                log("streaming", turn, {name: values[-1] for name, values in speeds.items()})
            first = started["streamed"].first["loaded"]
            reads = [started["files"].ask("read")["seconds"] for _ in range(turns)]
    what = "training from files, 224×224"
    return [
        higher_is_better(f"{what}: Keras fit, tf.data by hand", speeds["streamed"], speeds["files"], IMAGES, 1.0),
        higher_is_better(f"{what}: the same set in memory", speeds["streamed"], speeds["resident"], IMAGES, None),
        Line("reading 1,600 pictures: into the cache, measured once; in each epoch", f"{first:.1f} s",
             f"{statistics.median(reads):.1f} s"),
        streaming_memory(),
    ]  # fmt: skip


def streaming_memory() -> Line:
    """The line for the memory of a process that streams 50,000 images, compared with one that streams 5,000."""
    mib: dict[int, float] = {}
    for images in (5_000, 50_000):
        with tempfile.TemporaryDirectory() as place:
            words = ["model=cnn", *noise_arrays(Path(place), 96, images), "trainer.batch_size=128", "augment=none"]
            with sides({"exprun": [sys.executable, SIDES, "exprun", *words, "trainer.resident=false"]}) as started:
                mib[images] = started["exprun"].ask("memory")["own_mib"]
        log("memory when streaming", images, mib[images])
    what = "memory of its own, 50,000 images of 96×96 streamed: 5,000; one process each"
    return lower_is_better(what, [mib[50_000]], [mib[5_000]], "MiB", 0.9, ",.0f")


def memory(turns: int, peers: Peers) -> list[Line]:
    """The line for the peak memory of training on 50,000 images of 32×32, in exprun and in Keras fit."""
    peaks: dict[str, list[float]] = {"exprun": [], "uint8": []}
    with tempfile.TemporaryDirectory() as place:
        words = ["model=cnn", *noise_arrays(Path(place), 32, 50_000), "trainer.batch_size=128", "augment=none"]
        for turn in range(turns):
            for name, mib in peaks.items():
                with sides({name: [sys.executable, SIDES, name, *words]}) as started:  # after its first epoch
                    mib.append(started[name].ask("memory")["mib"])
            log("memory", turn, {name: mib[-1] for name, mib in peaks.items()})
    what = "peak memory, 50,000 images: Keras fit on the same uint8"
    return [lower_is_better(what, peaks["exprun"], peaks["uint8"], "MiB", 1.0, ",.0f")]


def sweep(turns: int, peers: Peers) -> list[Line]:
    """The line for eight short runs that differ in seed and learning rate, in one process and in eight processes."""
    learning_rates, seeds = (0.01, 0.02), range(4)
    over = [f"seed={','.join(map(str, seeds))}", f"optim.learning_rate={','.join(map(str, learning_rates))}"]
    single = [[*SHORT_RUN, f"seed={seed}", f"optim.learning_rate={rate}"] for seed in seeds for rate in learning_rates]
    together: list[float] = []
    apart: list[float] = []
    for turn in range(turns):
        for seconds, commands in ((together, [["-m", *SHORT_RUN, *over]]), (apart, single)):
            with tempfile.TemporaryDirectory() as place:
                started = time.perf_counter()
                for words in commands:
                    run_exprun(words, place)
                seconds.append(time.perf_counter() - started)
        log("sweep", turn, together[-1], apart[-1])
    return [lower_is_better("8 short runs in one process: 8 processes", together, apart, "s", 1 / 0.35)]


def run_exprun(words: list[str], folder: str) -> None:
    """Run a command line of exprun, and end this process if it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "exprun", *words], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)


def growth(turns: int, peers: Peers) -> list[Line]:
    """The lines for the throughput of exprun with different batch sizes and numbers of images."""
    lines = []
    with tempfile.TemporaryDirectory() as place:
        for batch in (32, 64, 128, 256, 512, 1024):
            data = noise_arrays(Path(place), 32, 5120, "batch")
            lines.append(throughput(f"resnet20, batch {batch}", [*data, f"trainer.batch_size={batch}"], turns))
        for images in (1_000, 5_000, 20_000, 50_000):
            data = noise_arrays(Path(place), 32, images, f"images{images}")
            lines.append(throughput(f"resnet20, {images:,} images", [*data, "trainer.batch_size=128"], turns))
    return lines


def throughput(what: str, words: list[str], turns: int) -> Line:
    """The line for the throughput of exprun in whole epochs of ResNet-20.

    Args:
        what: the name of the line.
        words: the overrides.
        turns: the number of epochs that are measured.
    """
    command = [sys.executable, SIDES, "exprun", "model=resnet20", "augment=none", *words]
    with sides({"exprun": command}) as started:
        speeds = [started["exprun"].speed("epoch") for _ in range(turns)]
    log(what, speeds)
    return Line(what, f"{statistics.median(speeds):,.0f} {IMAGES}")


Part = Callable[[int, Peers], list[Line]]  # arguments: the number of rounds, and the programs of PEERS
HALF = "_bfloat16"  # ends the names of parts that are measured only on processors with bfloat16 instructions


def training_part(name: str, precision: str) -> Part:
    """The part that trains one network in one precision."""
    return lambda turns, peers: train(NETWORKS[name], precision, turns, peers)


PARTS: dict[str, Part] = {
    **{
        name + end: training_part(name, precision)
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


def python_of(environment: str) -> Path:
    """The Python of an environment of `ENVIRONMENTS`."""
    return ROOT / f".venv-{environment}" / "bin" / "python"


def prepare(peers: Peers) -> list[str]:
    """Make the virtual environments of programs where packages are missing; returns the packages with their versions.

    Args:
        peers: the programs of `PEERS` that are measured.
    """
    return [one for name in dict.fromkeys(PEERS[peer][0] for peer in peers) for one in packages_of(name)]


def packages_of(environment: str) -> list[str]:
    """The packages of an environment with their versions; the environment is made if packages are missing."""
    python, packages = python_of(environment), ENVIRONMENTS[environment]
    names = [package.partition("==")[0] for package in packages]
    code = f"from importlib.metadata import version; print(*(f'{{n}} {{version(n)}}' for n in {names}), sep=chr(10))"

    def versions() -> list[str]:
        done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=False)
        return done.stdout.splitlines() if done.returncode == 0 else []

    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(python.parents[1])], check=True)
    if not versions():
        log(f"Installing {', '.join(packages)} into {python.parents[1].name} (once) …")
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *packages], check=True)
    return [one for one in versions() if not one.startswith(("numpy ", "keras "))]


@functools.cache  # each call imports TensorFlow in a new process
def native_precision() -> str:
    """The precision that `trainer.precision=auto` means on this machine."""
    words = (
        "from exprun.config.compose import Composer; from exprun.trainer.device import choose; "
        "print(choose(Composer().config([]).trainer).precision)"
    )
    done = subprocess.run([sys.executable, "-c", words], check=True, capture_output=True, text=True)
    return done.stdout.split()[-1]


def log(*parts: Any) -> None:
    """Print progress, without buffering."""
    print(*parts, flush=True)


def main() -> int:
    """Measure and record the chosen parts, or all parts; returns 1 if a ratio is below the required ratio."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Compare the speed of exprun with Keras and PyTorch.",
        epilog="Other benchmarks: scripts/bench start, cli, doctor_cost or doctor_accuracy; each accepts --help.",
    )
    parser.add_argument("parts", nargs="*", metavar="part", help=f"{', '.join(PARTS)}; default: all")
    parser.add_argument("--turns", type=int, default=5, help="number of rounds; default: 5")
    peers = parser.add_mutually_exclusive_group()
    peers.add_argument("--no-torch", action="store_true", help="do not measure PyTorch")
    peers.add_argument(
        "--peers", action="store_true", help="also measure torch.compile, JAX, and Keras with PyTorch and with JAX"
    )
    args = parser.parse_args()
    if unknown := [name for name in args.parts if name not in PARTS]:
        parser.error(f"{unknown[0]} is not a part; the parts are {', '.join(PARTS)}")
    if args.turns < 1:
        parser.error(f"--turns is {args.turns}, but it must be at least 1")
    chosen = list(PEERS) if args.peers else [] if args.no_torch else ["torch"]
    packages = prepare(chosen)
    native = native_precision() == NATIVE
    if not native:
        log("This device has no bfloat16 instructions; the recorded measurements in bfloat16 are kept.")
    missed: list[str] = []
    for part in args.parts or PARTS:
        if part.endswith(HALF) and not native:
            continue
        lines = PARTS[part](args.turns, chosen)
        record(part, lines, args.turns, packages, PARTS)
        missed += [f"{part}: {line.what}: {line.ratio:.2f} < {line.bar:.2f}" for line in lines if not line.holds]
    for line in missed:
        log(f"below the required ratio: {line}")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
