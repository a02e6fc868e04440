"""The five cases: what is run for each, and the tables made of it. `scripts/reproduce` starts it."""

import argparse
import datetime
import json
import re
import shlex
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RECORDS = ROOT / "docs" / "cases.json"
PAGE = ROOT / "docs" / "cases.md"
SEEDS = (0, 1, 2)

Figures = dict[str, float]
Holds = Callable[[dict[str, list[float]]], bool]  # of each figure over the seeds


def mean(values: list[float]) -> float:
    return statistics.fmean(values)


@dataclass(frozen=True)
class Row:
    """A line of a table: one config over the seeds.

    Args:
        name: of its records and folders.
        role: `symptom`, `fix`, `control`, `factor` or `peer`.
        what: it is, in words.
        overrides: of the preset.
        expected: the figure that is asked for, in words.
        holds: whether the figures are so.
        preset: another than the case's.
        weights: the row whose run it starts from.
        size: overrides at the default size only, beside the case's.
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


@dataclass(frozen=True)
class Case:
    """A table.

    Args:
        preset: in conf/experiment.
        columns: heading, figure and form of each column of figures.
        rows: its lines.
        size: overrides that make it fit two CPU cores.
        zeros: the layer whose share of zero outputs is measured.
        cifar: whether it needs CIFAR-10.
    """

    preset: str
    columns: list[tuple[str, str, str]]
    rows: list[Row]
    size: str = ""
    zeros: str = ""
    cifar: bool = True


ACCURACY = ("test accuracy", "test/accuracy", "%")
LAST = [("validation accuracy", "val/accuracy", "%"), ("validation loss", "val/loss", ".3f")]
CASES = [
    Case(
        "dead_relu",
        [
            ("first loss", "first/loss", ",.0f"),
            ("last training loss", "train/loss", ".3f"),
            ("zeros in fc1", "zeros", "%"),
            ("validation accuracy", "val/accuracy", "%"),
            ACCURACY,
        ],
        [
            Row(
                "broken",
                "symptom",
                "as asked",
                "",
                "first loss > 1,000, then 2.30 ± 0.02; ≥ 95 % of fc1 zero",
                lambda f: (
                    min(f["first/loss"]) > 1000
                    and abs(mean(f["train/loss"]) - 2.3026) <= 0.02
                    and mean(f["zeros"]) >= 0.95
                ),
            ),
            Row(
                "repaired",
                "fix",
                "fitting init, scaled input",
                "init=he_normal input=standardize",
                "> 55 % after 3 epochs",
                lambda f: mean(f["val/accuracy"]) > 0.55,
            ),
            Row("init", "factor", "init alone", "init=he_normal"),
            Row("input", "factor", "input alone", "input=standardize"),
            Row(
                "tf_cifar10",
                "control",
                "TensorFlow's tutorial, 10 epochs",
                "",
                "> 70 % after 10 epochs",
                lambda f: mean(f["val/accuracy"]) > 0.70,
                preset="tf_cifar10",
            ),
        ],
        zeros="dense1_relu",
    ),
    Case(
        "flat_validation",
        [
            ("training accuracy", "train/accuracy", "%"),
            ("training loss", "train/loss", ".3f"),
            ("validation accuracy", "val/accuracy", "%"),
            ("validation loss", "val/loss", ".2f"),
            ("inference mode", "gap/inference", "+"),
            ("other preprocessing", "gap/preprocessing", "+"),
            ("unseen images", "gap/unseen", "+"),
        ],
        [
            Row(
                "broken",
                "symptom",
                "as asked",
                "",
                "training > 60 %; validation loss ≥ 5 × training loss",
                lambda f: mean(f["train/accuracy"]) > 0.6 and mean(f["val/loss"]) >= 5 * mean(f["train/loss"]),
            ),
            Row("scaled", "factor", "the same network, both splits scaled alike", "fault=none"),
            Row(
                "edit",
                "factor",
                "second network of the question, 10 epochs, scaled alike",
                "fault=none model=flat_edit init=he_normal_conv trainer.epochs=10",
            ),
            Row(
                "repaired",
                "fix",
                "network and batch of the answer, scaled alike",
                "fault=none model=flat_answer init=he_normal_conv trainer.batch_size=500",
                "within 1 point of plain Keras",
                None,
            ),
            Row("keras", "peer", "the same network, files and epochs in plain Keras `fit`", "keras"),
        ],
    ),
    Case(
        "stuck_vgg16",
        [("training accuracy", "train/accuracy", "%"), *LAST, ACCURACY],
        [
            Row(
                "broken",
                "symptom",
                "as asked",
                "trainer.epochs=3",
                "10 ± 0.5 %, loss 2.30 ± 0.01",
                lambda f: abs(mean(f["val/accuracy"]) - 0.1) <= 0.005 and abs(mean(f["val/loss"]) - 2.3026) <= 0.01,
            ),
            Row(
                "repaired",
                "fix",
                "batch norm",
                "norm=batch trainer.epochs=3",
                "> 60 % after 3 epochs",
                lambda f: mean(f["val/accuracy"]) > 0.6,
            ),
            Row(
                "cnn_he",
                "control",
                "the network that learns there, 5 epochs",
                "",
                "> 70 % after 5 epochs",
                lambda f: mean(f["val/accuracy"]) > 0.7,
                preset="cnn_he",
            ),
        ],
    ),
    Case(
        "palm_vein",
        [("training loss", "train/loss", ".3f"), *LAST, ACCURACY, ("epochs to 95 %", "epochs_to_95", ".0f")],
        [
            Row(
                "broken",
                "symptom",
                "VGG-16 as asked",
                "",
                "loss within 1 % of ln 40",
                lambda f: abs(mean(f["val/loss"]) / 3.6889 - 1) <= 0.01,
                size="trainer.epochs=10",
            ),
            Row(
                "broken_vgg19",
                "symptom",
                "VGG-19 as asked",
                "model=palm_vgg19",
                "loss within 1 % of ln 40",
                lambda f: abs(mean(f["val/loss"]) / 3.6889 - 1) <= 0.01,
                size="trainer.epochs=5",
            ),
            Row(
                "alexnet_bug",
                "control",
                "AlexNet with the bug",
                "model=palm_alexnet",
                "> 95 % test",
                lambda f: mean(f["test/accuracy"]) > 0.95,
            ),
            Row(
                "alexnet",
                "control",
                "AlexNet without the bug",
                "model=palm_alexnet fault=none",
                "> 95 % test",
                lambda f: mean(f["test/accuracy"]) > 0.95,
            ),
            Row("reconnected", "factor", "preprocessing reconnected alone", "fault=none"),
            Row("norm", "factor", "batch norm alone", "norm=batch"),
            Row(
                "repaired",
                "fix",
                "reconnected, batch norm",
                "fault=none norm=batch",
                "> 95 % test",
                lambda f: mean(f["test/accuracy"]) > 0.95,
            ),
            Row(
                "he_normal",
                "fix",
                "reconnected, He init, rate 1e-4",
                "fault=none init=he_normal optim.learning_rate=1e-4",
            ),
            Row(
                "others",
                "control",
                "the same network on 40 other people",
                "fault=none norm=batch data.first_person=1000",
            ),
            Row(
                "transfer",
                "fix",
                "from the weights of the line above, convolutions at a tenth of the rate",
                "fault=none norm=batch model.fine_tune_rate=0.1",
                "> 95 % test in fewer epochs",
                lambda f: mean(f["test/accuracy"]) > 0.95,
                weights="others",
            ),
        ],
        size="data.people=40 data.images_per_person=40 data.size=96",
        cifar=False,
    ),
    Case(
        "matconvnet_parity",
        [
            ("training accuracy", "train/accuracy", "%"),
            ("validation accuracy", "val/accuracy", "%"),
            ("binary accuracy", "val/binary_accuracy", "%"),
            ("validation loss", "val/loss", ".3f"),
            ACCURACY,
        ],
        [
            Row("port", "symptom", "the Keras port"),
            Row("original", "control", "as trained in MatConvNet", "", preset="matconvnet_original"),
            Row("port_norm", "fix", "the port with batch norm", "norm=batch"),
            Row("original_norm", "fix", "the original with batch norm", "norm=batch", preset="matconvnet_original"),
            Row("groups", "factor", "groups of the original", "model=matconvnet"),
            Row("init", "factor", "init of the original", "init=gaussian_matconvnet"),
            Row("schedule", "factor", "schedule of the original", "schedule=matconvnet"),
            Row("optim", "factor", "optimiser, rate and decay of the original", "optim=sgd_momentum_matconvnet"),
            Row(
                "optim_schedule",
                "factor",
                "optimiser and schedule",
                "optim=sgd_momentum_matconvnet schedule=matconvnet",
            ),
            Row(
                "answer",
                "factor",
                "what the answers propose",
                "optim=sgd_momentum init=gaussian init.stddev=0.0125 schedule=matconvnet",
            ),
        ],
        size="data.limit=3000",
        cifar=False,
    ),
]


@dataclass
class Options:
    """What the command line says."""

    full: bool
    cifar10: str | None
    again: bool
    rows: list[str] = field(default_factory=list)

    @property
    def size(self) -> str:
        return "full" if self.full else "default"


def words_of(case: Case, row: Row, options: Options) -> list[str]:
    """The overrides of a row, without seed and folder."""
    preset = row.preset or case.preset
    small = [] if options.full else shlex.split(f"{case.size} {row.size}")
    return [f"experiment={preset}", *shlex.split(row.overrides), *small]


def folder_of(case: Case, row: Row, seed: int, options: Options) -> Path:
    return ROOT / "outputs" / "cases" / options.size / case.preset / f"{row.name}-{seed}"


def run(case: Case, row: Row, seed: int, options: Options) -> None:
    """Run one line with one seed, and record it."""
    folder = folder_of(case, row, seed, options)
    if options.again:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"\n== {case.preset} {row.name}, seed {seed}", flush=True)
    if row.role == "peer":
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, __file__, "--keras", str(seed), options.cifar10 or "", str(folder)], check=True)
        figures = json.loads((folder / "keras.json").read_text())
    else:
        words = [*words_of(case, row, options), f"seed={seed}", f"run_dir={folder}", "trainer.resume=true"]
        words += ["progress=plain", "trainer.log_every=1", f"tracking.experiment={case.preset}"]
        if case.cifar and options.cifar10:
            words.append(f"data.root={options.cifar10}")
        if row.weights:
            source = next(r for r in case.rows if r.name == row.weights)
            words.append(f"model.weights={folder_of(case, source, seed, options)}")
        done = subprocess.run([sys.executable, "-m", "exprun", *words], check=False)
        if done.returncode:
            sys.exit(done.returncode)
        figures = figures_of(folder, case.zeros)
    device, precision = device_of(folder)
    record = {
        "size": options.size, "case": case.preset, "row": row.name, "seed": seed, "overrides": words_of(case, row, options),
        "commit": commit(), "date": datetime.date.today().isoformat(), "device": device, "precision": precision,
        "figures": figures,
    }  # fmt: skip
    key = ("size", "case", "row", "seed")
    records = [r for r in read_records() if any(r[k] != record[k] for k in key)]
    records = sorted([*records, record], key=lambda r: [str(r[k]) for k in key])
    lines = ",\n".join(json.dumps(r, ensure_ascii=False) for r in records)
    RECORDS.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    write_tables()


def figures_of(folder: Path, zeros: str) -> Figures:
    """The figures of a finished run."""
    result = json.loads((folder / "result.json").read_text())
    found: Figures = {key: value for key, value in result["metrics"].items() if key != "time/seconds"}
    first = json.loads((folder / "metrics.jsonl").read_text().split("\n", 1)[0])
    found["first/loss"] = first["metrics"]["train/loss"]
    found["epochs_to_95"] = next((r["epoch"] for r in result["history"] if r["val/accuracy"] >= 0.95), float("nan"))
    if "train/evaluated_accuracy" in found:
        found["gap/inference"] = found["train/inference_accuracy"] - found["train/accuracy"]
        found["gap/preprocessing"] = found["train/evaluated_accuracy"] - found["train/inference_accuracy"]
        found["gap/unseen"] = found["val/accuracy"] - found["train/evaluated_accuracy"]
    if zeros:
        output = subprocess.run(
            [sys.executable, __file__, "--zeros", str(folder), zeros], check=True, capture_output=True, text=True
        )
        found["zeros"] = float(output.stdout.split()[-1])
    return {key: round(value, 6) for key, value in found.items()}


def device_of(folder: Path) -> tuple[str, str]:
    """Where a run computed, and how precisely, from its log."""
    log = folder / "run.log"
    found = re.search(r"steps in an epoch, (\w+) on (.+)", log.read_text()) if log.exists() else None
    return (found[2], found[1]) if found else ("", "float32")


def commit() -> str:
    """The commit of the code, with a + where files have been changed since."""

    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False).stdout

    changed = git("status", "--porcelain", "-uno", "--", "src", "conf").strip()
    return git("rev-parse", "--short", "HEAD").strip() + ("+" if changed else "")


def read_records() -> list[dict[str, Any]]:
    return json.loads(RECORDS.read_text(encoding="utf-8")) if RECORDS.exists() else []


def write_tables() -> None:
    """Put the tables of what is recorded into the page, between their marks."""
    page = PAGE.read_text(encoding="utf-8")
    for case in CASES:
        for size in ("default", "full"):
            start, end = f"<!-- {case.preset} {size} -->\n", "<!-- end -->"
            if start in page:
                before, rest = page.split(start, 1)
                page = before + start + table(case, size) + end + rest.split(end, 1)[1]
    PAGE.write_text(page, encoding="utf-8")


def table(case: Case, size: str) -> str:
    """The table of a case, and the commands of its lines."""
    records = [r for r in read_records() if r["case"] == case.preset and r["size"] == size]
    if not records:
        return "\nNot measured yet at this size.\n\n"
    heads = ["", "what", *(head for head, _, _ in case.columns), "seeds", "asked", "so?"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    commands, origins = [], set()
    means: dict[str, dict[str, list[float]]] = {}
    for row in case.rows:
        own = [r for r in records if r["row"] == row.name]
        if not own:
            continue
        origins |= {(r["commit"], r["date"], r["precision"], r["device"]) for r in own}
        figures: dict[str, list[float]] = {}
        for record in own:
            for key, value in record["figures"].items():
                figures.setdefault(key, []).append(value)
        means[row.name] = figures
        cells = [shown(figures.get(key, []), form) for _, key, form in case.columns]
        seeds = ", ".join(str(r["seed"]) for r in own)
        holds = row.holds(figures) if row.holds else like_keras(means, case) if row.name == "repaired" else None
        verdict = "" if holds is None else "yes" if holds else "**no**"
        lines.append(f"| {row.role} | {row.what} | {' | '.join(cells)} | {seeds} | {row.expected} | {verdict} |")
        if row.role != "peer":
            words = [w for w in own[0]["overrides"]] + (
                [f"model.weights=RUN_OF_{row.weights.upper()}"] if row.weights else []
            )
            commands.append(
                f"- {row.what}: `python -m exprun -m {shlex.join(words)} seed={','.join(str(r['seed']) for r in own)}`"
            )
    origin = [f"{c}, {d}, {p} on {v}".replace(" on ", " on ") if v else f"{c}, {d}" for c, d, p, v in sorted(origins)]
    return "\n" + "\n".join([*lines, "", *commands, "", "Measured at: " + "; ".join(origin) + "."]) + "\n\n"


def like_keras(means: dict[str, dict[str, list[float]]], case: Case) -> bool | None:
    """Whether the repaired side is within one point of plain Keras."""
    peers = [r["figures"]["val/accuracy"] for r in read_records() if r["case"] == case.preset and r["row"] == "keras"]
    return abs(mean(means["repaired"]["val/accuracy"]) - mean(peers)) <= 0.01 if peers else None


def shown(values: list[float], form: str) -> str:
    """Mean ± standard deviation over the seeds."""
    if not values:
        return "–"
    if any(v != v for v in values):
        return "never" if all(v != v for v in values) else f"{sum(v == v for v in values)} of {len(values)}"
    factor, digits = (100, ".1f") if form == "%" else (100, "+.1f") if form == "+" else (1, form)
    unit = " %" if form == "%" else ""
    spread = f" ± {format(factor * statistics.stdev(values), digits.lstrip('+'))}" if len(values) > 1 else ""
    return format(factor * mean(values), digits) + spread + unit


def zeros(folder: str, layer: str) -> None:
    """Print the share of a layer's outputs that are zero, over a thousand validation images, weights as trained last."""
    import keras
    import numpy as np
    import yaml
    from exprun.config.compose import typed
    from exprun.data import load
    from exprun.fault import injected
    from exprun.input import fit
    from exprun.model import build

    config = typed(yaml.safe_load((Path(folder) / "config.yaml").read_text()))
    dataset, trained = load(config.data), injected(config)
    scaling = fit(trained.input, dataset.train)
    model = build(trained, scaling.shape(dataset.image_shape), len(dataset.classes)).model
    with np.load(Path(folder) / "checkpoints" / "last.npz") as file:
        for variable in model.variables:
            variable.assign(file[f"model/{variable.path}"])
    images = dataset.val.images[dataset.val.rows[:1000]].astype(np.float32)
    outputs = keras.Model(model.inputs, model.get_layer(layer).output)(scaling(scaling.cropped(images)))
    print(float(np.mean(np.asarray(outputs) == 0)))


def keras_fit(seed: int, root: str, folder: str) -> None:
    """The answer's network of case `flat_validation` in plain Keras, float32, as it is written there."""
    import keras
    import numpy as np
    from exprun.config.compose import Composer
    from exprun.data import load

    data = Composer().config(["experiment=flat_validation", *([f"data.root={root}"] if root else [])]).data
    dataset = load(data)
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
    figures = {key: history[name][-1] for key, name in names.items()}
    (Path(folder) / "keras.json").write_text(json.dumps(figures))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="scripts/reproduce", description="Run the five cases and write docs/cases.md."
    )
    parser.add_argument("cases", nargs="*", metavar="case", help=", ".join(case.preset for case in CASES))
    parser.add_argument("--full", action="store_true", help="at the size of the questions")
    parser.add_argument("--rows", default="", help="some lines only: broken,repaired")
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)))
    parser.add_argument("--cifar10", metavar="DIR", help="where CIFAR-10 lies, if not in Keras' cache")
    parser.add_argument("--again", action="store_true", help="run what has been measured already, too")
    parser.add_argument("--tables", action="store_true", help="run nothing, write the tables")
    args = parser.parse_args()
    names = [case.preset for case in CASES]
    if unknown := [name for name in args.cases if name not in names]:
        parser.error(f"there is no case {unknown[0]}; there are {', '.join(names)}")
    options = Options(args.full, args.cifar10, args.again, [name for name in args.rows.split(",") if name])
    chosen = [case for case in CASES if not args.cases or case.preset in args.cases]
    if unknown := [name for name in options.rows if not any(name == row.name for case in chosen for row in case.rows)]:
        parser.error(f"there is no row {unknown[0]}")
    if args.tables:
        write_tables()
        return
    for case in chosen:
        for seed in map(int, args.seeds.split(",")):
            for row in case.rows:
                if options.rows and row.name not in options.rows:
                    continue
                key = (options.size, case.preset, row.name, seed)
                known = any((r["size"], r["case"], r["row"], r["seed"]) == key for r in read_records())
                if not known or options.again:
                    run(case, row, seed, options)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--zeros", folder, layer]:
            zeros(folder, layer)
        case ["--keras", seed, root, folder]:
            keras_fit(int(seed), root, folder)
        case _:
            main()
