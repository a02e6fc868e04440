"""The exprun and Keras sides of `scripts/bench speed`, each in a separate process.

Usage: speed_sides.py SIDE [FOLDER] OVERRIDES. A side trains a first epoch and prints the result. Then it reads one
command per line from its standard input, and answers each with a line of JSON. The commands are `epoch` (train one
epoch), `bare` (run only the compiled step, on one batch), `evaluate` (evaluate all training images, in batches of the
default size), `evaluate_alike` (the same in batches of exprun's size), `read` (only read the files), `memory` and
`end`.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from exprun import backend

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if sys.argv[1] not in ("written", "uint8"):  # these two sides use TensorFlow's default settings, as people do
    backend.prepare()
ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # libraries may print; their output must not be read as an answer


def answer(**values: Any) -> None:
    """Write an answer to the original standard output."""
    ANSWERS.write(json.dumps(values) + "\n")
    ANSWERS.flush()


def memory() -> dict[str, float]:
    """The memory of this process in MiB: its peak (`mib`), and its current private memory (`own_mib`)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    sizes = {line.split(":")[0]: line.split()[1] for line in lines if line.endswith("kB")}
    return {"mib": int(sizes["VmHWM"]) / 1024, "own_mib": int(sizes["RssAnon"]) / 1024}


def serve(actions: dict[str, Callable[[], dict[str, Any]]]) -> None:
    """Answer the commands on standard input until one comes that is not in `actions`: the caller does `epoch`.

    Args:
        actions: the function that returns the answer of each command.
    """
    for line in sys.stdin:
        command = line.strip()
        if command == "end":
            os._exit(0)
        if command == "memory":
            answer(**memory())
        elif command in actions:
            answer(**actions[command]())
        else:
            return
    os._exit(0)


def timed(action: Callable[[], Any], images: int) -> dict[str, Any]:
    """Time an action; returns its answer.

    Args:
        action: the action to time.
        images: the number of images that the action processes.
    """
    started = time.perf_counter()
    action()
    return {"seconds": time.perf_counter() - started, "images": images}


def timed_keras(action: Callable[..., Any], images: int) -> dict[str, Any]:
    """Time `fit` or `evaluate` until the end of its last batch; returns its answer.

    The time after the last batch is not counted, because tf.data may wait there for its autotuning.

    Args:
        action: `fit` or `evaluate`.
        images: the number of images that the action processes.
    """
    import keras

    class Last(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.at = time.perf_counter()

        on_test_batch_end = on_train_batch_end

    last, started = Last(), time.perf_counter()
    action(callbacks=[last], verbose=0)
    return {"seconds": last.at - started, "images": images}


def exprun_side(words: list[str]) -> None:
    """Train with exprun's loop, without listeners.

    Args:
        words: the overrides.
    """
    import numpy as np

    from exprun import Session
    from exprun.assembly import assemble
    from exprun.config.compose import Composer
    from exprun.trainer.checkpoint import Checkpoints
    from exprun.trainer.events import EpochDone, Evaluated
    from exprun.trainer.loop import Loop

    config = Composer().config([*words, "trainer.epochs=1000000", "schedule=constant", "trainer.checkpoint=false"])
    session = Session()
    started = time.perf_counter()
    session.dataset(config)
    loaded = time.perf_counter() - started
    assembly = assemble(config, session)
    step = assembly.step
    results: list[Any] = []
    clock = {"start": 0.0, "seconds": 0.0}

    def bare() -> dict[str, Any]:
        """Run the steps of an epoch in one call, all on the same batch; returns the answer."""
        batch = np.arange(config.trainer.batch_size, dtype=np.int32)
        indices = np.tile(batch, (loop.steps_per_epoch, 1))
        rates = np.full(loop.steps_per_epoch, config.optim.learning_rate, np.float32)
        feed = loop.train_feed
        images, labels, _ = next(iter(feed.chunks(indices[:1], lambda: 1)))
        done = timed(lambda: results.append(step.train(images, labels, indices, rates, 0)), indices.size)
        if not results.pop().finite:
            sys.exit("The loss of the bare step is not finite, so its speed cannot be compared.")
        return done

    def evaluate() -> dict[str, Any]:
        return timed(lambda: loop.evaluator.measure(loop.train_feed), len(loop.train_feed))

    def listen(event: Any) -> None:
        if isinstance(event, EpochDone):
            clock["seconds"] = time.perf_counter() - clock["start"]
        elif isinstance(event, Evaluated):
            answer(
                seconds=clock["seconds"],
                images=loop.steps_per_epoch * config.trainer.batch_size,
                loaded=loaded,
            )
            serve(
                {
                    "bare": bare,
                    "evaluate": lambda: timed(lambda: loop.evaluator.measure(loop.train_feed), len(loop.train_feed)),
                }
            )
            clock["start"] = time.perf_counter()

    loop = Loop(assembly.config, assembly.dataset, step, Checkpoints(None), Path("profile"), listen, lambda: None)
    loop.train()


def watched_side(words: list[str], folder: str) -> None:
    """Train a run of exprun with all its listeners (tracking, progress, doctor), which waits after each epoch.

    Args:
        words: the overrides.
        folder: the run folder.
    """
    from exprun import run
    from exprun.config.compose import Composer
    from exprun.trainer.events import EpochDone, Evaluated

    clock = {"start": 0.0, "seconds": 0.0, "images": 0.0}

    def pace(event: Any) -> None:
        if isinstance(event, EpochDone):
            clock["seconds"] = time.perf_counter() - clock["start"]
            clock["images"] = event.step / event.epoch * config.trainer.batch_size
        elif isinstance(event, Evaluated):
            answer(seconds=clock["seconds"], images=clock["images"])
            serve({})
            clock["start"] = time.perf_counter()

    fixed = ["trainer.epochs=1000000", "schedule=constant", "trainer.checkpoint=false", f"run_dir={folder}"]
    config = Composer().config([*words, *fixed])
    run(config, listeners=[pace])


def gaps_side(words: list[str], folder: str) -> None:
    """Train runs of the same structure in one process; `epoch` trains the next run and answers the pause before it.

    The answer has the seconds until the first step, from the end of the run before (`gap`) and from its last step
    (`between`).

    Args:
        words: the overrides.
        folder: the folder for the run folders.
    """
    from exprun import Session, garbage, run
    from exprun.trainer import loop

    times: list[float] = []

    class TimedLoop(loop.Loop):
        def _count(self, *arguments: Any) -> None:  # before any listener hears of the steps
            times.append(time.perf_counter())
            super()._count(*arguments)

    loop.Loop = TimedLoop  # type: ignore[misc]
    session, number = Session(), 0

    def another() -> dict[str, Any]:
        nonlocal number
        last, ended = times[-1:], time.perf_counter()
        times.clear()
        if number:
            garbage.freeze()  # a sweep does the same between two runs
        overrides = [*words, "trainer.log_every=1", f"seed={number}", f"run_dir={folder}/{number}"]
        run(overrides, session)
        number += 1
        return {"gap": times[0] - ended, "between": times[0] - last[0] if last else 0.0}

    answer(**another())
    serve({"epoch": another})


def files_side(words: list[str]) -> None:
    """Train with Keras `fit` on image files; tf.data decodes them in parallel, shuffles and prefetches.

    Args:
        words: the overrides.
    """
    import keras
    import tensorflow as tf

    from exprun.config.compose import Composer
    from exprun.model import build
    from exprun.trainer import device as devices

    config = Composer().config(words)
    keras.mixed_precision.set_dtype_policy(devices.choose(config.trainer).precision)
    files = sorted(Path(config.data.root or "").glob("train/*/*.jpg"))
    classes = sorted({file.parent.name for file in files})
    size, batch = config.data.size, config.trainer.batch_size
    assert size is not None
    model = build(config, (size, size, 3), len(classes)).model
    model.compile(
        keras.optimizers.Adam(config.optim.learning_rate), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )

    def decoded(path: Any, label: Any) -> Any:
        image = tf.image.decode_jpeg(tf.io.read_file(path), channels=3)
        return tf.image.resize(image, (size, size)) / 255.0, label

    data = (
        tf.data.Dataset.from_tensor_slices(([str(f) for f in files], [classes.index(f.parent.name) for f in files]))
        .shuffle(len(files))
        .map(decoded, num_parallel_calls=tf.data.AUTOTUNE, deterministic=False)
        .batch(batch, drop_remainder=True)
        .prefetch(tf.data.AUTOTUNE)
    )
    images = len(files) // batch * batch

    def read() -> None:
        for _ in data:
            pass

    def epoch() -> dict[str, Any]:
        return timed_keras(partial(model.fit, data, epochs=1), images)

    answer(**epoch())
    serve({"epoch": epoch, "read": lambda: timed(read, images)})


def keras_side(words: list[str], form: str) -> None:
    """Train the same network with Keras `fit`.

    Args:
        words: the overrides.
        form: `written` (float32 arrays), `uint8` (uint8 arrays, scaled in the model) or `tuned` (tf.data).
    """
    import keras
    import numpy as np
    import tensorflow as tf

    from exprun.config.compose import Composer
    from exprun.data import load
    from exprun.input import fit
    from exprun.model import build
    from exprun.trainer import device as devices

    config = Composer().config(words)
    dataset = load(config.data)
    scaling = fit(config.input, dataset.train)
    keras.mixed_precision.set_dtype_policy(devices.choose(config.trainer).precision)
    model = build(config, dataset.image_shape, len(dataset.classes)).model
    images, labels = dataset.train.images[dataset.train.rows], dataset.train.row_labels.astype(np.int32)
    batch = config.trainer.batch_size
    steps = len(images) // batch
    images, labels = images[: steps * batch], labels[: steps * batch]
    settings: dict[str, Any] = {}
    if form == "written":
        data: Any = ((images * scaling.scale + scaling.offset).astype(np.float32), labels)
        settings = {"batch_size": batch}
    elif form == "uint8":
        pixels = keras.Input(dataset.image_shape)
        model = keras.Model(pixels, model(scaling.on_graph(pixels)))
        data, settings = (images, labels), {"batch_size": batch}
    else:
        scale, offset = tf.constant(scaling.scale), tf.constant(scaling.offset)
        data = (
            tf.data.Dataset.from_tensor_slices((images, labels))
            .cache()
            .shuffle(len(images))
            .batch(batch, drop_remainder=True)
            .map(lambda x, y: (tf.cast(x, tf.float32) * scale + offset, y), num_parallel_calls=tf.data.AUTOTUNE)
            .prefetch(tf.data.AUTOTUNE),
        )
    optim = config.optim
    rule: Any = (
        keras.optimizers.Adam(optim.learning_rate)
        if optim.name == "adam"
        else keras.optimizers.SGD(optim.learning_rate, momentum=optim.momentum or 0.0)
    )
    model.compile(
        rule,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        steps_per_execution=min(8, steps) if form == "tuned" else 1,
    )

    def epoch() -> dict[str, Any]:
        return timed_keras(partial(model.fit, *data, epochs=1, **settings), steps * batch)

    answer(**epoch())

    def evaluate(**batch: int) -> dict[str, Any]:
        return timed_keras(partial(model.evaluate, *data, **batch), len(images))

    alike = config.trainer.eval_batch_size
    serve({"epoch": epoch, "evaluate": evaluate, "evaluate_alike": lambda: evaluate(batch_size=alike)})


def peers_input(words: list[str], folder: Path) -> None:
    """Write the images, the config and the network for the sides that cannot import exprun.

    Args:
        words: the overrides.
        folder: the folder for the files.
    """
    import keras
    import numpy as np

    from exprun.config.compose import Composer
    from exprun.config.schema import settings
    from exprun.data import load
    from exprun.input import fit
    from exprun.model import build
    from exprun.model.plain import plain_initializers

    config = Composer().config(words)
    dataset = load(config.data)
    scaling = fit(config.input, dataset.train)
    keras.mixed_precision.set_dtype_policy(config.trainer.precision)
    model = build(config, dataset.image_shape, len(dataset.classes)).model
    with plain_initializers(model):
        model.save(folder / "model.keras")
    np.savez(
        folder / "data.npz",
        images=dataset.train.images[dataset.train.rows],
        labels=dataset.train.row_labels,
        scale=scaling.scale,
        offset=scaling.offset,
    )
    (folder / "config.json").write_text(json.dumps(settings(config) | {"classes": len(dataset.classes)}))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["exprun", *words]:
            exprun_side(words)
        case ["watched", folder, *words]:
            watched_side(words, folder)
        case ["gaps", folder, *words]:
            gaps_side(words, folder)
        case ["files", *words]:
            files_side(words)
        case ["peers_input", folder, *words]:
            peers_input(words, Path(folder))
        case [form, *words]:
            keras_side(words, form)
