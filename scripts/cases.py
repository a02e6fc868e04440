"""The five cases: what is run for each, and the tables made of it. `scripts/reproduce` starts it."""

import argparse
import datetime
import json
import math
import re
import shlex
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exprun.config.errors import UserError
from exprun.locks import file_lock
from exprun.metrics import BATCH_LOSS

ROOT = Path(__file__).resolve().parents[1]
RECORDS = ROOT / "docs" / "cases.json"
PAGE = ROOT / "docs" / "cases.md"
SEEDS = (0, 1, 2)
KEY = ("size", "case", "row", "seed")
FULL = "full"

Figures = dict[str, list[float]]  # each figure over the seeds; None where a seed has none
Rows = dict[str, dict[int, dict[str, Any]]]  # the figures of each row by seed
Holds = Callable[[Figures, Rows], bool | None]


def mean(values: list[float]) -> float:
    return statistics.fmean(values)


def above(key: str, limit: float) -> Holds:
    return lambda figures, rows: mean(figures[key]) > limit


def at_chance(figures: Figures, rows: Rows) -> bool:
    return abs(mean(figures["val/loss"]) / math.log(mean(figures["classes"])) - 1) <= 0.01


def flat(figures: Figures, rows: Rows) -> bool:
    return mean(figures["train/accuracy"]) > 0.6 and mean(figures["val/loss"]) >= 5 * mean(figures["train/loss"])


def stuck(figures: Figures, rows: Rows) -> bool:
    return abs(mean(figures["val/accuracy"]) - 0.1) <= 0.005 and abs(mean(figures["val/loss"]) - math.log(10)) <= 0.01


def dead(figures: Figures, rows: Rows) -> bool:
    left = abs(mean(figures["train/loss"]) - math.log(10)) <= 0.02
    return min(figures["first/loss"]) > 1000 and left and mean(figures["zeros/dense1_relu"]) >= 0.95


def like_keras(figures: Figures, rows: Rows) -> bool | None:
    ours, peers = rows["float32"], rows.get("keras", {})
    if ours.keys() != peers.keys():
        return None
    own, other = (mean([f["val/accuracy"] for f in found.values()]) for found in (ours, peers))
    return abs(own - other) <= 0.01


def sooner(figures: Figures, rows: Rows) -> bool | None:
    fresh, ours = rows.get("repaired", {}), rows["transfer"]
    if ours.keys() != fresh.keys():
        return None
    epochs = [[f["epochs_to_95"] or math.inf for f in found.values()] for found in (ours, fresh)]
    return mean(figures["test/accuracy"]) > 0.95 and mean(epochs[0]) < mean(epochs[1])


@dataclass(frozen=True)
class Row:
    """A line of a table: one config over the seeds.

    Args:
        name: of its records and folders.
        role: `symptom`, `fix`, `control`, `factor` or `peer`.
        what: it is, in words.
        overrides: of the preset.
        expected: the figure that is asked for, in words.
        holds: whether the figures are so; None where it cannot be said yet.
        preset: another than the case's.
        weights: the row whose run it starts from.
        size: overrides at the default size only; replaces those of the case that it names.
        full: overrides at the size of the question only.
    """

    name: str
    role: str
    what: str
    overrides: str = ""
    expected: str = ""
    holds: Holds | None = None
    preset: str = ""
    weights: str = ""
    size: str = ""
    full: str = ""


@dataclass(frozen=True)
class Case:
    """A table.

    Args:
        preset: in conf/experiment.
        columns: heading, figure and form of each column of figures.
        rows: its lines.
        size: overrides that make it fit two CPU cores.
        full: whether the question's own size is another.
        zeros: layers whose share of zero outputs is measured.
        cifar: whether it needs CIFAR-10.
    """

    preset: str
    columns: list[tuple[str, str, str]]
    rows: list[Row]
    size: str = ""
    full: bool = True
    zeros: tuple[str, ...] = ()
    cifar: bool = True


TRAIN = [("training accuracy", "train/accuracy", "%"), ("training loss", "train/loss", ".3f")]
VALIDATION = [("validation accuracy", "val/accuracy", "%"), ("validation loss", "val/loss", ".3f")]
TEST = [("test accuracy", "test/accuracy", "%")]
GAP = [("inference mode", "gap/inference", "+"), ("other preprocessing", "gap/preprocessing", "+"),
       ("unseen images", "gap/unseen", "+")]  # fmt: skip
ZEROS = [("first loss", "first/loss", ",.0f"), ("zeros in conv2", "zeros/conv2_relu", "%"),
         ("fc1", "zeros/dense1_relu", "%"), ("fc2", "zeros/dense2_relu", "%")]  # fmt: skip
CASES = [
    Case(
        "dead_relu",
        [*ZEROS, ("last training loss", "train/loss", ".3f"), VALIDATION[0], *TEST],
        [
            Row("broken", "symptom", "as asked", "",
                "first loss > 1,000, then 2.30 ± 0.02; ≥ 95 % of fc1 zero", dead),
            Row("repaired", "fix", "fitting init, scaled input, 3 epochs",
                "init=he_normal input=standardize trainer.epochs=3", "> 55 % after 3 epochs",
                above("val/accuracy", 0.55)),
            Row("tf_cifar10", "control", "TensorFlow's tutorial, 10 epochs", "",
                "> 70 % after 10 epochs", above("val/accuracy", 0.70), preset="tf_cifar10"),
            Row("init", "factor", "init alone, 3 epochs", "init=he_normal trainer.epochs=3"),
            Row("input", "factor", "input alone, 3 epochs", "input=standardize trainer.epochs=3"),
        ],
        full=False,
        zeros=("conv2_relu", "dense1_relu", "dense2_relu"),
    ),
    Case(
        "flat_validation",
        [*TRAIN, *VALIDATION, *GAP],
        [
            Row("broken", "symptom", "as asked", "",
                "training > 60 %; validation loss ≥ 5 × training loss", flat),
            Row("float32", "fix", "network and batch of the answer, scaled alike, in float32",
                "fault=none model=flat_answer init=he_normal_conv trainer.batch_size=500 trainer.precision=float32",
                "within 1 point of plain Keras", like_keras),
            Row("repaired", "fix", "the same in the precision that the device prefers",
                "fault=none model=flat_answer init=he_normal_conv trainer.batch_size=500"),
            Row("keras", "peer", "the same network, files and epochs in plain Keras `fit`, in float32"),
            Row("scaled", "factor", "the question's network, scaled alike", "fault=none"),
            Row("norm", "factor", "the same with a slow batch norm", "fault=none norm=batch norm.momentum=0.99"),
            Row("edit", "factor", "second network of the question, 10 epochs, scaled alike",
                "fault=none model=flat_edit init=he_normal_conv trainer.epochs=10"),
        ],
        full=False,
    ),
    Case(
        "stuck_vgg16",
        [TRAIN[0], *VALIDATION, *TEST],
        [
            Row("float32", "symptom", "as asked, 3 epochs, in float32", "trainer.precision=float32",
                "10 ± 0.5 %, loss 2.30 ± 0.01", stuck, size="trainer.epochs=3"),
            Row("broken", "factor", "the same in the precision that the device prefers", size="trainer.epochs=3"),
            Row("repaired", "fix", "batch norm, 3 epochs", "norm=batch", "> 60 % after 3 epochs",
                above("val/accuracy", 0.6), size="trainer.epochs=3"),
            Row("cnn_he", "control", "the network that learns there", "", "> 70 % after 5 epochs",
                above("val/accuracy", 0.7), preset="cnn_he", full="trainer.epochs=30 adversary=fgsm"),
        ],
    ),
    Case(
        "palm_vein",
        [TRAIN[1], *VALIDATION, *TEST, ("epochs to 95 %", "epochs_to_95", ".0f")],
        [
            Row("alexnet_bug", "control", "AlexNet with the bug", "model=palm_alexnet",
                "> 95 % test", above("test/accuracy", 0.95), size="trainer.epochs=60"),
            Row("alexnet", "control", "AlexNet without the bug", "model=palm_alexnet fault=none",
                "> 95 % test", above("test/accuracy", 0.95), size="trainer.epochs=60"),
            Row("broken", "symptom", "VGG-16 as asked", "", "loss within 1 % of ln(classes)", at_chance,
                size="trainer.epochs=10"),
            Row("repaired", "fix", "reconnected, batch norm", "fault=none norm=batch",
                "> 95 % test", above("test/accuracy", 0.95)),
            Row("norm", "factor", "batch norm alone", "norm=batch"),
            Row("reconnected", "factor", "preprocessing reconnected alone", "fault=none", size="trainer.epochs=10"),
            Row("init", "factor", "reconnected, He init", "fault=none init=he_normal"),
            Row("rate", "factor", "reconnected, rate 1e-4", "fault=none optim.learning_rate=1e-4"),
            Row("init_rate", "factor", "reconnected, He init, rate 1e-4",
                "fault=none init=he_normal optim.learning_rate=1e-4"),
            Row("others", "control", "the repaired network on other people, one more of them",
                "fault=none norm=batch data.first_person=1000", size="data.people=41", full="data.people=161"),
            Row("transfer", "fix", "from the weights of the line above, all but the classifier at a tenth of the rate",
                "fault=none norm=batch model.fine_tune_rate=0.1", "> 95 % test in fewer epochs", sooner,
                weights="others"),
            Row("broken_vgg19", "symptom", "VGG-19 as asked", "model=palm_vgg19", "loss within 1 % of ln(classes)",
                at_chance, size="trainer.epochs=5"),
        ],
        size="data.people=40 data.images_per_person=40 data.size=96",
        cifar=False,
    ),
    Case(
        "matconvnet_parity",
        [TRAIN[0], VALIDATION[0], ("binary accuracy", "val/binary_accuracy", "%"), VALIDATION[1], *TEST],
        [
            Row("port", "symptom", "the Keras port"),
            Row("original", "control", "as trained in MatConvNet", preset="matconvnet_original"),
            Row("port_norm", "fix", "the port with batch norm", "norm=batch"),
            Row("original_norm", "fix", "the original with batch norm", "norm=batch", preset="matconvnet_original"),
            Row("groups", "factor", "groups of the original", "model=matconvnet"),
            Row("init", "factor", "init of the original", "init=gaussian_matconvnet"),
            Row("schedule", "factor", "rates of the original, 0.01 to 0.0001, with RMSprop", "schedule=matconvnet"),
            Row("optim", "factor", "SGD of the original: rate 0.01, momentum, decay, rate of biases",
                "optim=sgd_momentum_matconvnet"),
            Row("optim_schedule", "factor", "the same with the original's schedule",
                "optim=sgd_momentum_matconvnet schedule=matconvnet"),
            Row("answer", "factor", "what the answers propose",
                "optim=sgd_momentum init=gaussian init.stddev=0.0125 schedule=matconvnet"),
        ],
        size="data.limit=3000",
        cifar=False,
    ),
]  # fmt: skip


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    size: str
    cifar10: str | None
    again: bool


def words_of(case: Case, row: Row, size: str) -> list[str]:
    """The overrides of a row, without seed and folder."""
    own = row.full if size == FULL else f"{case.size} {row.size}"
    words = [f"experiment={row.preset or case.preset}", *shlex.split(row.overrides), *shlex.split(own)]
    return list({word.split("=", 1)[0]: word for word in words}.values())


def folder_of(case: Case, row: Row, seed: int, options: Options) -> Path:
    return ROOT / "outputs" / "cases" / options.size / case.preset / f"{row.name}-{seed}"


def run(case: Case, row: Row, seed: int, options: Options) -> bool:
    """Run one line with one seed, and record it; False where it could not be measured."""
    folder, note = folder_of(case, row, seed, options), folder_of(case, row, seed, options).with_suffix(".json")
    if options.again:
        shutil.rmtree(folder, ignore_errors=True)
        note.unlink(missing_ok=True)
    print(f"\n== {case.preset} {row.name}, seed {seed}", flush=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    origin = origin_of(note)
    if row.role == "peer":
        code = attend([sys.executable, __file__, "--keras", str(seed), options.cifar10 or "", str(folder)])
        figures = json.loads((folder / "keras.json").read_text()) if code == 0 else {}
        reason, device, precision = "", "", "float32"
    else:
        words = [*words_of(case, row, options.size), f"seed={seed}", f"run_dir={folder}", "trainer.resume=true"]
        words += ["progress=plain", "trainer.log_every=1", f"tracking.experiment={case.preset}"]
        if case.cifar and options.cifar10:
            words.append(f"data.root={options.cifar10}")
        if row.weights:
            source = next(r for r in case.rows if r.name == row.weights)
            place = folder_of(case, source, seed, options)
            if not (place / "checkpoints" / "best.npz").exists() and not run(case, source, seed, options):
                return False
            words.append(f"model.weights={place}")
        code = attend([sys.executable, "-m", "exprun", *words])
        trained = code in (0, 1) and (folder / "result.json").exists() and (folder / "metrics.jsonl").exists()
        reason, figures = figures_of(folder, case.zeros) if trained else ("", {})
        device, precision = device_of(folder) if trained else ("", "")
    if not figures:
        print(f"{case.preset} {row.name}, seed {seed}, could not be measured.", file=sys.stderr)
        return False
    key = dict(zip(KEY, (options.size, case.preset, row.name, seed), strict=True))
    words = words_of(case, row, options.size)
    made = {"device": device, "precision": precision, "reason": reason if code else ""}
    keep({**key, "overrides": words, **origin, **made, "figures": figures})
    return True


def attend(words: list[str]) -> int:
    """Run a command to its end. A Ctrl-C reaches it too, and it gets the time to end well; then this ends."""
    process = subprocess.Popen(words)
    try:
        code = process.wait()
    except KeyboardInterrupt:
        sys.exit(process.wait() or 130)
    if code in (130, 143):
        sys.exit(code)
    return code


def keep(record: dict[str, Any]) -> None:
    """Add a record to the file, in place of an older one of the same run, and write the tables."""
    with file_lock(ROOT / "outputs" / "cases" / ".lock", wait=True):
        records = [r for r in read_records() if any(r[k] != record[k] for k in KEY)]
        records = sorted([*records, record], key=lambda r: [str(r[k]) for k in KEY])
        lines = ",\n".join(json.dumps(r, ensure_ascii=False, allow_nan=False) for r in records)
        beside = RECORDS.with_suffix(".new")
        beside.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
        beside.replace(RECORDS)
        write_tables()


def origin_of(note: Path) -> dict[str, str]:
    """The commits that a run was made at, and the day it began, from a note beside its folder."""
    found = json.loads(note.read_text()) if note.exists() else {"commit": "", "date": datetime.date.today().isoformat()}
    if commit() not in found["commit"].split():
        found["commit"] = f"{found['commit']} {commit()}".strip()
        note.write_text(json.dumps(found))
    return found


def commit() -> str:
    """The commit of the code, with a + where files differ from it."""

    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False).stdout

    changed = git("status", "--porcelain", "--", "src", "conf").strip()
    return git("rev-parse", "--short", "HEAD").strip() + ("+" if changed else "")


def figures_of(folder: Path, layers: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    """Why a run ended, and its figures; None for what it has not."""
    result = json.loads((folder / "result.json").read_text())
    found: dict[str, Any] = {key: value for key, value in result["metrics"].items() if key != "time/seconds"}
    first = json.loads((folder / "metrics.jsonl").read_text().split("\n", 1)[0])
    found["first/loss"] = first["metrics"][BATCH_LOSS]
    found["epochs_to_95"] = next((r["epoch"] for r in result["history"] if r["val/accuracy"] >= 0.95), None)
    if (folder / "confusion.json").exists():
        found["classes"] = len(json.loads((folder / "confusion.json").read_text())["classes"])
    if "train/evaluated_accuracy" in found:
        parts = [found[f"{part}accuracy"] for part in ("train/", "train/inference_", "train/evaluated_", "val/")]
        names = ("gap/inference", "gap/preprocessing", "gap/unseen")
        found |= {name: later - before for name, before, later in zip(names, parts, parts[1:], strict=False)}
    for layer in layers if result["status"] == "FINISHED" else ():
        words = [sys.executable, __file__, "--zeros", str(folder), layer]
        output = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
        found[f"zeros/{layer}"] = float(output.split()[-1])
    finite = {key: round(v, 6) if v is not None and math.isfinite(v) else None for key, v in found.items()}
    return result["reason"], finite


def device_of(folder: Path) -> tuple[str, str]:
    """Where a run computed, and how precisely, from its log."""
    found = re.search(r"steps in an epoch, (\w+) on (.+)", (folder / "run.log").read_text())
    return (found[2], found[1]) if found else ("", "")


def read_records() -> list[dict[str, Any]]:
    return json.loads(RECORDS.read_text(encoding="utf-8")) if RECORDS.exists() else []


def records_of(case: Case, row: Row, size: str) -> list[dict[str, Any]]:
    """What has been measured of a row as it is now."""
    key, words = (size, case.preset, row.name), words_of(case, row, size)
    return [r for r in read_records() if tuple(r[k] for k in KEY[:3]) == key and r["overrides"] == words]


def write_tables() -> None:
    """Put the tables of what is recorded into the page, between their marks."""
    page = PAGE.read_text(encoding="utf-8")
    for case in CASES:
        for size in ("default", FULL) if case.full else ("default",):
            before, rest = page.split(f"<!-- {case.preset} {size} -->\n", 1)
            after = rest.split("<!-- end -->", 1)[1]
            page = f"{before}<!-- {case.preset} {size} -->\n{table(case, size)}<!-- end -->{after}"
    PAGE.write_text(page, encoding="utf-8")


def table(case: Case, size: str) -> str:
    """The table of a case, and the commands of its lines."""
    heads = ["", "what", *(head for head, _, _ in case.columns), "seeds", "asked", "so?"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    commands: list[str] = []
    origins: dict[str, list[str]] = {}
    measured = {row.name: records_of(case, row, size) for row in case.rows}
    rows: Rows = {name: {r["seed"]: r["figures"] for r in own} for name, own in measured.items()}
    for row in case.rows:
        if not (own := measured[row.name]):
            continue
        keys = {key for record in own for key in record["figures"]}
        figures = {key: [record["figures"].get(key) for record in own] for key in keys}
        cells = [shown(figures.get(key, []), form) for _, key, form in case.columns]
        whole, failed = len(own) == len(SEEDS), any(r["reason"] for r in own)
        holds = None if row.holds is None or not whole else not failed and row.holds(figures, rows)
        verdict = {None: "", True: "yes", False: "**no**"}[holds]
        seeds = ", ".join(str(r["seed"]) for r in own)
        ends = "; ".join(dict.fromkeys(r["reason"] for r in own if r["reason"]))
        what = f"{row.what} ({ends})" if ends else row.what
        lines.append(f"| {row.role} | {what} | {' | '.join(cells)} | {seeds} | {row.expected} | {verdict} |")
        if row.role != "peer":
            commands.append(f"- {row.what}: `{command_of(case, row, size, own)}`")
        for r in own:
            place = f"{r['commit']}, {r['date']}, {r['precision']} {r['device']}".strip()
            origins.setdefault(place, []).append(row.name)
    if not commands:
        return "\nNot measured yet at this size.\n\n"
    places = [f"{place} ({', '.join(dict.fromkeys(names))})" for place, names in sorted(origins.items())]
    return "\n" + "\n".join([*lines, "", *commands, "", "Measured at " + "; ".join(places) + "."]) + "\n\n"


def command_of(case: Case, row: Row, size: str, own: list[dict[str, Any]]) -> str:
    """What repeats a line; one that starts from another's weights, by way of the script, seed by seed."""
    seeds = ",".join(str(r["seed"]) for r in own)
    if row.weights:
        words = ["scripts/reproduce", case.preset, *(["--full"] if size == FULL else []), "--rows", row.name]
        return shlex.join([*words, "--seeds", seeds])
    multirun = ["-m"] if len(own) > 1 else []
    return shlex.join(["python", "-m", "exprun", *multirun, *words_of(case, row, size), f"seed={seeds}"])


def shown(values: list[float | None], form: str) -> str:
    """Mean ± standard deviation over the seeds."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return f"{len(known)} of {len(values)} seeds" if known else "never"
    if not known:
        return "–"
    factor, digits = (100, ".1f") if form == "%" else (100, "+.1f") if form == "+" else (1, form)
    spread = f" ± {format(factor * statistics.stdev(known), digits.lstrip('+'))}" if len(known) > 1 else ""
    return format(factor * mean(known), digits) + spread + (" %" if form == "%" else "")


def zeros(folder: str, layer: str) -> None:
    """Print the share of a layer's outputs that are zero, over 1,000 validation images, weights as trained last."""
    import keras
    import numpy as np
    import yaml

    from exprun.config.compose import typed
    from exprun.data import load
    from exprun.fault import injected
    from exprun.input import fit
    from exprun.model import build
    from exprun.model.weights import load_weights

    config = typed(yaml.safe_load((Path(folder) / "config.yaml").read_text()))
    dataset, trained = load(config.data), injected(config)
    scaling = fit(trained.input, dataset.train)
    model = build(trained, scaling.shape(dataset.image_shape), len(dataset.classes)).model
    load_weights(model, Path(folder) / "checkpoints" / "last.npz")
    images = dataset.val.images[dataset.val.rows[:1000]].astype(np.float32)
    outputs = keras.Model(model.inputs[0], model.get_layer(layer).output)(scaling(scaling.cropped(images)))
    print(float(np.mean(np.asarray(outputs) == 0)))


def keras_fit(seed: int, root: str, folder: str) -> None:
    """The answer's network of case `flat_validation` in plain Keras, float32, as it is written there."""
    import keras
    import numpy as np

    from exprun.config.compose import Composer
    from exprun.data import load

    data = Composer().config(["experiment=flat_validation", *([f"data.root={root}"] if root else [])]).data
    try:
        dataset = load(data)
    except UserError as error:
        sys.exit(f"scripts/reproduce: {error}")
    (x_train, y_train), (x_test, y_test) = (
        (split.images[split.rows].astype(np.float32) / 255, split.row_labels) for split in (dataset.train, dataset.val)
    )
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    model = keras.Sequential([
        keras.Input((32, 32, 3)),
        layers.Conv2D(64, 3, activation="relu", kernel_initializer="he_normal"),
        layers.MaxPooling2D(),
        layers.Conv2D(256, 2, activation="relu", kernel_initializer="he_normal"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(1024, activation="relu"),
        layers.Dropout(0.4),
        layers.Dense(10, activation="softmax"),
    ])  # fmt: skip
    model.compile(keras.optimizers.Adam(), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x_train, y_train, 500, 5, verbose=2, validation_data=(x_test, y_test)).history
    names = {"train/accuracy": "accuracy", "train/loss": "loss", "val/accuracy": "val_accuracy", "val/loss": "val_loss"}
    Path(folder).mkdir(parents=True, exist_ok=True)
    (Path(folder) / "keras.json").write_text(json.dumps({key: history[name][-1] for key, name in names.items()}))


def main() -> int:
    """Run what is asked for and not measured yet; 1 where something could not be measured."""
    names = [case.preset for case in CASES]
    parser = argparse.ArgumentParser(prog="scripts/reproduce", description="Run the cases and write docs/cases.md.")
    parser.add_argument("cases", nargs="*", metavar="case", help=f"{', '.join(names)}; all where none is named")
    parser.add_argument("--full", action="store_true", help="at the size of the questions, where that is larger")
    parser.add_argument("--rows", default="", help="some lines of the table only: broken,repaired")
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)), help="0,1,2 unless given")
    parser.add_argument("--cifar10", metavar="DIR", help="where CIFAR-10 lies, if not in Keras' cache")
    parser.add_argument("--again", action="store_true", help="run what has been measured already, too")
    parser.add_argument("--tables", action="store_true", help="run nothing, write the tables")
    args = parser.parse_args()
    if unknown := [name for name in args.cases if name not in names]:
        parser.error(f"there is no case {unknown[0]}; there are {', '.join(names)}")
    chosen = [case for case in CASES if (not args.cases or case.preset in args.cases) and (case.full or not args.full)]
    wanted = [name for name in args.rows.split(",") if name]
    rows = [row.name for case in chosen for row in case.rows]
    if unknown := [name for name in wanted if name not in rows]:
        parser.error(f"there is no row {unknown[0]}; there are {', '.join(dict.fromkeys(rows))}")
    if not all(seed.isdigit() for seed in args.seeds.split(",")):
        parser.error(f"--seeds takes whole numbers: 0,1,2, not {args.seeds}")
    if args.cifar10 and not Path(args.cifar10).exists():
        parser.error(f"--cifar10 {args.cifar10} does not exist")
    if args.tables:
        write_tables()
        return 0
    options = Options(FULL if args.full else "default", args.cifar10, args.again)
    missed = 0
    for case in chosen:
        for seed in map(int, args.seeds.split(",")):
            for row in case.rows:
                known = any(r["seed"] == seed for r in records_of(case, row, options.size))
                if (not wanted or row.name in wanted) and (options.again or not known):
                    missed += not run(case, row, seed, options)
    return int(missed > 0)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--zeros", folder, layer]:
            zeros(folder, layer)
        case ["--keras", seed, root, folder]:
            keras_fit(int(seed), root, folder)
        case _:
            sys.exit(main())
