"""Measure how fast images are read in each format of the group `data`, next to tf.data and PyTorch's DataLoader.

The same images of CIFAR-10, as JPEG files in a folder for each split and class, are written in each format. For each
format, a process reads them cold, that is, decodes them and writes the cache, and takes an epoch of batches from the
cache as a run does. It is then asserted that all formats give the same images and labels. On the other side, tf.data
and, if it is importable, PyTorch's DataLoader decode the same files in each epoch, as people write it by hand: a map of
`read_file` and `decode_jpeg` with AUTOTUNE, and a Dataset that opens files with Pillow. All sides take turns. The
medians of the images per second of processor time, summed over all cores, and of the peak memory are printed.

With `--files N`, a folder of N small files is written, and the processor time to find the files, to compute the key of
the cache and to decode them is measured, with and without what earlier starts have remembered.

With `--photos N`, a folder of N generated photos of 500×375 pixels is written, and a small network is trained on them
for two epochs, with `data.decode=before` and with `stream`. The processor time to the first step, the images per second
of processor time in each epoch, and the peak memory are measured.
"""

import argparse
import hashlib
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
from shard_files import WRITERS, Image

BATCH = 128  # images
CLASSES_OF_FILES = 1000
DIFFERENT_PHOTOS = 200  # the others have the same pixels, but other bytes
PHOTO = (375, 500)  # height and width


def pictures(root: Path, count: int) -> list[Image]:
    """The first images of each class of a folder with folders for splits and classes, in the order of a folder.

    Args:
        root: the folder.
        count: the number of images, five sixths of them for training.
    """
    found: list[Image] = []
    for split, share in (("test", count // 6), ("train", count - count // 6)):
        classes = sorted(path for path in (root / split).iterdir() if path.is_dir())
        for number, folder in enumerate(classes):
            each = share // len(classes) + (number < share % len(classes))
            for path in sorted(folder.iterdir())[:each]:
                found.append(Image(split, folder.name, f"{len(found):06d}", path.read_bytes(), path.suffix[1:]))
    return found


class Memory:
    """The largest memory of this process beyond that at the start, in MB, without the pages of mapped files."""

    def __init__(self) -> None:
        self._base, self._peak, self._ended = _own_megabytes(), 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._ended.wait(0.01):
            self._peak = max(self._peak, _own_megabytes())

    def end(self) -> float:
        """End the measurement and return its result."""
        self._ended.set()
        self._thread.join()
        return max(0.0, self._peak - self._base)


def _own_megabytes() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) / 1024


def read_once(name: str, root: str, cache: str, size: int | None) -> dict[str, Any]:
    """Read the images of a format, and take an epoch of batches from the cache."""
    import tensorflow as tf

    from exprun.config.images import Data
    from exprun.data import load
    from exprun.trainer.feed import Feed

    settings: dict[str, Any] = {"name": name, **WRITERS[name][1]}
    settings |= {"corrupt": "refuse", "background": "white"} if name != "arrays" else {}
    data = Data(root=root, cache=cache, channels=3, size=size, val_fraction=0.1, **settings)
    memory, started = Memory(), time.process_time()
    load(data)
    cold = time.process_time() - started
    started = time.process_time()
    dataset = load(data)
    again = time.process_time() - started
    order = np.random.default_rng(0).permutation(len(dataset.train))
    steps = order[: len(order) // BATCH * BATCH].astype(np.int32).reshape(-1, BATCH)
    started = time.process_time()
    for images, _, positions in Feed(dataset.train, resident=False).chunks(steps, lambda: 1000):
        for batch in positions:
            tf.gather(images, batch)
    warm = time.process_time() - started
    pixels, labels = dataset.train.images, dataset.train.labels
    images_of = zip(pixels, labels, strict=True)
    hashes = sorted(hashlib.sha256(image.tobytes() + bytes([label])).hexdigest() for image, label in images_of)
    return {
        "cold": len(pixels) / cold,
        "again": again,
        "warm": steps.size / warm,
        "memory": memory.end(),
        "images": hashlib.sha256("".join([*hashes, *dataset.classes]).encode()).hexdigest(),
    }


def tf_data_once(root: str, size: int | None) -> dict[str, Any]:
    """Decode a folder with tf.data in two epochs, and take the second one."""
    import tensorflow as tf

    files = sorted(str(path) for path in Path(root).rglob("*.*"))
    names = sorted({Path(file).parent.name for file in files})
    labels = [names.index(Path(file).parent.name) for file in files]

    def decoded(file: Any, label: Any) -> tuple[Any, Any]:
        image = tf.io.decode_jpeg(tf.io.read_file(file), channels=3)
        return (image if size is None else tf.cast(tf.image.resize(image, (size, size)), tf.uint8)), label

    data = tf.data.Dataset.from_tensor_slices((files, labels)).shuffle(len(files), seed=0)
    data = data.map(decoded, num_parallel_calls=tf.data.AUTOTUNE).batch(BATCH).prefetch(tf.data.AUTOTUNE)
    return _epochs(data, len(files))


def torch_once(root: str, size: int | None) -> dict[str, Any]:
    """Decode a folder with PyTorch's DataLoader in two epochs, and take the second one."""
    import torch
    from PIL import Image as Pillow

    files = sorted(str(path) for path in Path(root).rglob("*.*"))
    names = sorted({Path(file).parent.name for file in files})

    class Files(torch.utils.data.Dataset):
        """The images of the folder."""

        def __len__(self) -> int:
            return len(files)

        def __getitem__(self, number: int) -> tuple[Any, int]:
            image = Pillow.open(files[number]).convert("RGB")
            image = image if size is None else image.resize((size, size))
            return torch.from_numpy(np.array(image)), names.index(Path(files[number]).parent.name)

    # In this process, so that its processor time can be measured.
    return _epochs(torch.utils.data.DataLoader(Files(), BATCH, shuffle=True, num_workers=0), len(files))


def _epochs(batches: Any, images: int) -> dict[str, Any]:
    memory, seconds = Memory(), []
    for _ in range(2):
        started = time.process_time()
        for _ in batches:
            pass
        seconds.append(time.process_time() - started)
    return {"cold": images / seconds[0], "warm": images / seconds[1], "memory": memory.end()}


def compare_formats(folder: Path, found: list[Image], turns: int, size: int | None, torch: str | None) -> None:
    """Write the images in each format, read them in turn, and print the table."""
    written: dict[str, tuple[str, int]] = {}
    for name, (write, _) in WRITERS.items():
        try:
            root = write(folder / name, found)
        except ImportError as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
            continue
        written[name] = root, sum(path.stat().st_size for path in (folder / name).rglob("*") if path.is_file())
    sides = ["tf.data", *(["PyTorch"] if torch else [])]
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in [*written, *sides]}
    shown = [] if size is None else [f"--size={size}"]
    for _ in range(turns):
        for name in results:
            cache = folder / "cache"
            shutil.rmtree(cache, ignore_errors=True)
            root = written[name if name in written else "image_folder"][0]
            words = ["--one", name, "--root", root, "--cache", str(cache), *shown]
            program = torch if name == "PyTorch" else None
            results[name].append(measured(words, program))
    contents = {results[name][0]["images"] for name in written}
    if len(contents) > 1:
        raise SystemExit("The formats give different images.")
    print(f"{len(found):,} images; medians of {turns}.\n")
    print("| Format | Files | MB | Decoded into the cache, images/s | Epoch, images/s | Next start, s | Memory, MB |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, runs in results.items():
        median = {key: statistics.median(run[key] for run in runs) for key in runs[0] if key != "images"}
        if name in written:
            count = sum(path.is_file() for path in (folder / name).rglob("*"))
            cells = [f"`{name}`", f"{count:,}", f"{written[name][1] / 1e6:.1f}"]
        else:
            cells = [name, "as `image_folder`", ""]
        again = f"{median['again']:.2f}" if "again" in median else "–"
        cells += [f"{median['cold']:,.0f}", f"{median['warm']:,.0f}", again, f"{median['memory']:,.0f}"]
        print(f"| {' | '.join(cells)} |")


def measured(words: list[str], program: str | None) -> dict[str, Any]:
    """What a new process measures, with another Python if `program` names one."""
    done = subprocess.run([program or sys.executable, __file__, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}\n{done.stderr[-2000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def many_files(folder: Path, count: int) -> None:
    """Write a folder of small files in as many classes as ImageNet has, and print what each step of a start takes."""
    from PIL import Image as Pillow

    from exprun.config.images import Data
    from exprun.data import cache, load
    from exprun.data.sources import locate

    rng = np.random.default_rng(0)
    contents = []
    for _ in range(100):
        file = io.BytesIO()
        Pillow.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(file, "JPEG")
        contents.append(file.getvalue())
    for number in range(count):
        path = folder / "images" / "train" / f"n{number % CLASSES_OF_FILES:08d}" / f"{number:08d}.JPEG"
        if number < CLASSES_OF_FILES:
            path.parent.mkdir(parents=True)
        path.write_bytes(contents[number % len(contents)])
    memory = Memory()
    data = Data(
        name="image_folder", root=str(folder / "images"), cache=str(folder / "cache"), channels=3, size=8,
        corrupt="skip", background="white",
    )  # fmt: skip
    steps: list[tuple[str, float]] = []

    def step(name: str, function: Any) -> Any:
        started = time.process_time()
        result = function()
        steps.append((name, time.process_time() - started))
        return result

    source = step("find the files", lambda: locate(data))
    step("hash the content of the files", lambda: cache.file_key(source.files, folder / "index"))
    step("compare the files with those hashed before", lambda: cache.file_key(source.files, folder / "index"))
    step("first start, of which decoding is the rest", lambda: load(data))
    step("next start", lambda: load(data))
    streamed = replace(data, decode="stream")
    step("first start with data.decode=stream", lambda: load(streamed))
    step("next start with data.decode=stream", lambda: load(streamed))
    print(f"{count:,} files in {CLASSES_OF_FILES:,} classes; at most {memory.end():,.0f} MB of memory.\n")
    print("| Step | Seconds of one core | Microseconds for each file |\n| --- | --- | --- |")
    for name, seconds in steps:
        print(f"| {name} | {seconds:.1f} | {1e6 * seconds / count:.0f} |")


def write_photos(folder: Path, count: int) -> None:
    """Write JPEG files of about 110 kB, as large as those of ImageNet, in ten classes: noise at several scales."""
    from PIL import Image as Pillow

    rng = np.random.default_rng(0)
    contents = []
    for _ in range(DIFFERENT_PHOTOS):
        pixels = np.zeros((*PHOTO, 3))
        for cell, strength in ((125, 60), (25, 40), (5, 20), (1, 10)):
            coarse = rng.normal(0, strength, (PHOTO[0] // cell, PHOTO[1] // cell, 3))
            pixels += coarse.repeat(cell, 0).repeat(cell, 1)
        file = io.BytesIO()
        Pillow.fromarray((128 + pixels).clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=93)
        contents.append(file.getvalue())
    for number in range(count):
        path = folder / f"class{number % 10}" / f"{number:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        content, comment = contents[number % len(contents)], f"{number:06d}".encode()
        head = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment  # a comment, so that each file differs
        path.write_bytes(content[:2] + head + content[2:])


def trained_once(root: str, cache: str, decode: str) -> dict[str, Any]:
    """Train a small network for two epochs; returns the seconds of processor time at several moments, and memory."""
    from exprun import run
    from exprun.trainer.events import EpochDone, Evaluated, Event, RunStarted, StepsDone

    memory = Memory()
    times: dict[str, list[float]] = {"started": [], "steps": [], "epoch": [], "evaluated": []}

    def listen(event: Event) -> None:
        kinds = {RunStarted: "started", StepsDone: "steps", EpochDone: "epoch", Evaluated: "evaluated"}
        if type(event) in kinds:
            times[kinds[type(event)]].append(time.process_time())

    words = [
        "data=image_folder", f"data.root={root}", f"data.cache={cache}", f"data.decode={decode}", "data.size=224",
        "data.val_fraction=0.05", "data.test_fraction=0",
        "model.layers=[{conv: 8, kernel: 4, stride: 4}, {global_pool: avg}]",
        "trainer.epochs=2", "trainer.batch_size=32", "tracking=none", "pictures=false", "progress=quiet",
        "trainer.resident=false",
        f"run_dir={cache}/run",
    ]  # fmt: skip
    run(words, listeners=[listen])
    return {
        "first": times["steps"][0],
        "epochs": [times["epoch"][0] - times["started"][0], times["epoch"][1] - times["evaluated"][0]],
        "end": times["evaluated"][-1],
        "memory": memory.end(),
    }


def compare_decoding(folder: Path, count: int) -> None:
    """Train on photos that are decoded before and meanwhile, and print the table."""
    write_photos(folder / "photos", count)
    size = sum(path.stat().st_size for path in (folder / "photos").rglob("*.jpg")) / count
    print(f"{count:,} photos of {size / 1e3:.0f} kB; training on {0.95 * count:,.0f} of them.\n")
    print(
        "| `data.decode` | First step, s | Epoch 1, images/s | Epoch 2, images/s | Two epochs in all, s | Memory, MB |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    for decode in ("before", "stream"):
        words = ["--one", decode, "--root", str(folder / "photos"), "--cache", str(folder / decode)]
        found = measured(words, None)
        speeds = [f"{0.95 * count / seconds:,.0f}" for seconds in found["epochs"]]
        cells = [f"{found['first']:.0f}", *speeds, f"{found['end']:.0f}", f"{found['memory']:,.0f}"]
        print(f"| `{decode}` | {' | '.join(cells)} |", flush=True)
        shutil.rmtree(folder / decode)


def main() -> int:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(prog="scripts/bench data_formats", description=__doc__)
    parser.add_argument("pictures", nargs="?", help="folder with train/CLASS/*.jpg and test/CLASS/*.jpg")
    parser.add_argument("--images", type=int, default=10_000, help="number of images, 10,000 unless given")
    parser.add_argument("--turns", type=int, default=5, help="number of turns, 5 unless given")
    parser.add_argument("--size", type=int, help="height and width to which the images are scaled; theirs unless given")
    parser.add_argument("--torch", metavar="PYTHON", help="Python of an environment with PyTorch, NumPy and Pillow")
    parser.add_argument("--files", type=int, help="measure a folder of so many small files instead")
    parser.add_argument("--photos", type=int, help="train on so many generated photos instead")
    for hidden in ("--one", "--root", "--cache"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        if given.one == "tf.data":
            print(json.dumps(tf_data_once(given.root, given.size)))
        elif given.one == "PyTorch":
            print(json.dumps(torch_once(given.root, given.size)))
        elif given.one in ("before", "stream"):
            print(json.dumps(trained_once(given.root, given.cache, given.one)))
        else:
            print(json.dumps(read_once(given.one, given.root, given.cache, given.size)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        if given.files:
            many_files(Path(folder), given.files)
        elif given.photos:
            compare_decoding(Path(folder), given.photos)
        elif given.pictures is None:
            parser.error("name the folder with the images, --files or --photos")
        else:
            compare_formats(
                Path(folder), pictures(Path(given.pictures), given.images), given.turns, given.size, given.torch
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
