"""Images that are decoded while a run trains: the same pixels, batches and splits, whatever happens meanwhile."""

import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image as Pillow

from exprun import Session, cli, run
from exprun.config.errors import DataError
from exprun.config.images import Data
from exprun.data import listing, load, stream
from exprun.data.encoded import COPIED
from exprun.input import channel_moments
from exprun.run_folder import RunFolder
from reliability.disk import can_mount, small_disk
from shard_files import WRITERS, made, write_folder, write_parquet
from tiny import TINY, checkpoint, same

IMAGES = made(48, 12)
SETTINGS = Data(
    name="image_folder", root="set", channels=3, size=8, corrupt="skip", background="white", val_fraction=0.25
)
FORMATS = ("image_folder", "csv", "parquet", "tfrecord", "webdataset", "huggingface")


def streaming(**more):
    return replace(SETTINGS, decode="stream", **more)


def every(data):
    """All images, decoded."""
    return data.train.images[np.arange(len(data.train.images))]


@pytest.fixture(autouse=True)
def _folder():
    write_folder(Path("set"), IMAGES)


def write_photo(path, size=24, seed=0):
    """A JPEG file whose body is long enough to be damaged."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)
    Pillow.fromarray(pixels).save(path, "JPEG", quality=95)
    return path


# The same images


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_images_and_fingerprint(name):
    write, columns = WRITERS[name]
    root = write(Path(name), IMAGES)
    before = load(replace(SETTINGS, name=name, root=root, **columns))
    data = load(streaming(name=name, root=root, **columns))
    assert data.fingerprint == load(streaming()).fingerprint != before.fingerprint
    for split in ("train", "val", "test"):
        assert np.array_equal(getattr(data, split).rows, getattr(before, split).rows)
        assert np.array_equal(getattr(data, split).row_labels, getattr(before, split).row_labels)
    assert (data.files, data.classes) == (before.files, before.classes)
    assert np.array_equal(every(data), before.train.images)
    copied = (data.train.images.encoded.places[:, 0] == COPIED).all()
    assert copied == (name == "parquet")  # its rows cannot be read alone
    again = load(streaming(name=name, root=root, **columns))
    assert again.train.images.is_decoded()
    assert again.fingerprint == data.fingerprint


def test_compressed_files_are_copied():
    for name in ("tfrecord", "webdataset"):
        write, columns = WRITERS[name]
        write(Path(name), IMAGES)
        for path in [path for path in Path(name).iterdir() if path.name != "labels.txt"]:
            subprocess.run(["gzip", path], check=True)
            if name == "tfrecord":
                path.with_name(f"{path.name}.gz").rename(path.with_name(f"{path.name}.tfrecord.gz"))
        data = load(streaming(name=name, root=name, **columns))
        assert (data.train.images.encoded.places[:, 0] == COPIED).all()
        assert np.array_equal(every(data), load(SETTINGS).train.images)


def test_it_is_indexed_as_an_array():
    images, whole = load(streaming()).train.images, load(SETTINGS).train.images
    assert (images.shape, images.dtype, images.ndim, images.nbytes) == (whole.shape, whole.dtype, 4, whole.nbytes)
    rows = np.array([5, 0, 5, 40])
    keys = [3, -1, slice(2, 9, 3), rows, rows.tolist(), (rows, 2, slice(1, 5)), (7, 2), (slice(1, 4), slice(None), 0)]
    keys += [np.ix_(rows, [0, 3], [7]), np.arange(48) % 5 == 0]
    for key in keys:
        assert np.array_equal(images[key], whole[key])
    with pytest.raises(IndexError):
        images[48]


def test_only_what_is_asked_for_is_decoded():
    images = load(streaming()).train.images
    images[[3, 4]]
    thin = images[:, ::2, ::2]
    assert np.array_equal(thin[7], load(SETTINGS).train.images[7, ::2, ::2])
    assert np.flatnonzero(images.kept.sums).tolist() == [3, 4, 7]
    for take_all in (np.asarray, list, np.array):
        with pytest.raises(TypeError):
            take_all(images)


def test_the_fingerprint_is_of_contents_labels_size_and_channels():
    first = load(streaming()).fingerprint
    shutil.copytree("set", "other")
    assert load(streaming(root="other")).fingerprint == first
    assert load(streaming(channels=1)).fingerprint != first
    assert load(streaming(size=9)).fingerprint != first
    path = sorted(Path("set/train/cat").iterdir())[0]
    path.rename(Path("other/train/dog") / path.name)
    Path("other/train/cat", path.name).unlink()
    assert load(streaming(root="other")).fingerprint != first


def test_a_copy_of_the_folder_shares_the_decoded_images():
    every(load(streaming()))
    shutil.copytree("set", "other")
    assert load(streaming(root="other")).train.images.is_decoded()


def test_statistics_are_those_of_a_fixed_sample(monkeypatch):
    exact = channel_moments(load(SETTINGS).train)
    assert np.array_equal(channel_moments(load(streaming()).train), exact)
    monkeypatch.setattr(stream, "SAMPLE", 10)
    data = load(streaming(cache="other"))
    sampled = channel_moments(data.train)
    assert np.count_nonzero(data.train.images.kept.sums) == 10
    assert np.array_equal(channel_moments(load(streaming(cache="third")).train), sampled)
    assert not np.array_equal(sampled, exact)
    assert "fitted to 10 of 24 of them" in " ".join(data.notes)
    assert "fitted to" not in " ".join(load(SETTINGS).notes)


def test_groups_and_several_labels():
    rows = {"image": [image.content for image in IMAGES], "label": [["cat", "eel"][: 1 + n % 2] for n in range(48)]}
    pq.write_table(pa.table({**rows, "person": [str(n // 4) for n in range(48)]}), "all.parquet")
    more = {"name": "parquet", "root": "all.parquet", "image": "image", "label": "label"}
    more |= {"labels": "several", "group": "person", "test_fraction": 0.25}
    before, data = load(replace(SETTINGS, **more)), load(streaming(**more))
    for one in (data, load(streaming(**more))):
        assert np.array_equal(one.train.rows, before.train.rows)
        assert np.array_equal(one.train.labels, before.train.labels)
        assert np.array_equal(one.test.rows, before.test.rows)


def test_a_long_wait_names_the_alternative(monkeypatch, capfd):
    monkeypatch.setattr(listing, "PROBE_SECONDS", 0.0)
    load(SETTINGS)
    assert "decode" not in capfd.readouterr().err  # it does not take two minutes
    monkeypatch.setattr(listing, "LONG_SECONDS", 0.0)
    load(replace(SETTINGS, cache="other"))
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert (
        "All 48 images are decoded before the first step, which takes about 0 more minutes; with data.decode=stream"
        in said
    )


# Files that cannot be read


def test_files_that_show_at_once_that_they_are_damaged_are_skipped(capfd):
    photo = write_photo(Path("set/train/cat/cut.jpg")).read_bytes()
    Path("set/train/cat/cut.jpg").write_bytes(photo[: len(photo) // 2])
    Path("set/train/cat/empty.png").touch()
    Path("set/train/cat/text.png").write_text("no image")
    os.symlink("nowhere", "set/train/cat/broken.png")
    before, data = load(SETTINGS), load(streaming())
    assert data.skipped == before.skipped
    assert len(data.skipped) == 4
    assert data.files == before.files
    with pytest.raises(DataError, match=r"4 of 52 images cannot be read, .* data\.corrupt=skip leaves them out"):
        load(streaming(corrupt="refuse"))


def damage(path):
    """Change the body of an image so that its head and its end are intact."""
    content = path.read_bytes()
    path.write_bytes(content[:-80] + bytes(68) + content[-12:])


def test_a_damaged_body_is_named_when_it_is_decoded():
    path = sorted(Path("set/train/dog").iterdir())[0]
    damage(path)
    data = load(streaming())
    row = data.files.index(f"train/dog/{path.name}")
    with pytest.raises(DataError) as caught:
        data.train.images[[0, row]]
    assert f"{path} cannot be decoded, although its head can be read" in str(caught.value)
    assert "remove or replace it and start a new run" in str(caught.value)
    assert data.train.images[0].shape == (8, 8, 3)


def test_a_file_that_changes_or_vanishes_is_not_trained_on():
    data = load(streaming())
    paths = [Path("set", data.files[row]) for row in (0, 1)]
    paths[0].write_bytes(IMAGES[5].content)
    paths[1].unlink()
    with pytest.raises(DataError, match="has changed since the start: start a new run"):
        data.train.images[0]
    with pytest.raises(DataError, match="cannot be read: no such file"):
        data.train.images[1]


# What happens to the cache


def test_damaged_pixels_in_the_cache_are_decoded_again():
    images = load(streaming()).train.images
    whole = every(load(streaming()))
    with open(images.kept.folder / stream.PIXELS, "r+b") as file:
        file.seek(7 * images[0].nbytes)
        file.write(bytes(8))
    again = load(streaming()).train.images
    assert again.is_decoded()
    assert np.array_equal(again[np.arange(48)], whole)
    assert again[7].any()


def test_a_damaged_entry_is_made_again():
    images = load(streaming()).train.images
    whole = every(load(streaming()))
    os.truncate(images.kept.folder / stream.PIXELS, 100)
    again = load(streaming()).train.images
    assert not again.is_decoded()
    assert np.array_equal(again[np.arange(48)], whole)
    assert load(streaming()).train.images.is_decoded()
    write_parquet(Path("parquet"), IMAGES)
    copied = load(streaming(name="parquet", root="parquet", cache="other", image="image", label="label")).train.images
    os.truncate(copied.encoded.copies, 100)
    with pytest.raises(DataError, match=r"^The copy of test-.*/1 is damaged: remove other/parquet-stream-"):
        copied[1]


def test_without_a_cache_images_are_decoded_each_time(monkeypatch, capfd):
    Path("cache").write_text("no folder")
    data = load(streaming(cache="cache"))
    decoded = []
    decode = stream.decode_image
    monkeypatch.setattr(stream, "decode_image", lambda *args: decoded.append(1) or decode(*args))
    for _ in range(2):
        assert np.array_equal(every(data), load(SETTINGS).train.images)
    assert len(decoded) == 96
    assert "has room for 0 others; those that do not fit are decoded in each epoch" in capfd.readouterr().err
    write_parquet(Path("parquet"), IMAGES)
    with pytest.raises(DataError, match=r"copies them, but data\.cache.* cannot hold the copy: set data\.cache"):
        load(streaming(name="parquet", root="parquet", cache="cache", image="image", label="label"))


def test_as_many_images_are_kept_as_the_disk_holds(monkeypatch, capfd):
    disk = shutil.disk_usage(".")
    each = 8 * 8 * 3
    free = lambda folder: disk._replace(total=1000 * each, free=70 * each)  # noqa: E731  # of which 50 stay free
    monkeypatch.setattr(stream.shutil, "disk_usage", free)
    images = load(streaming()).train.images
    assert (
        "0 of 48 images are decoded already; data.cache=outputs/cache has room for 20 others" in capfd.readouterr().err
    )
    whole = load(SETTINGS).train.images
    assert np.array_equal(images[:10], whole[:10])
    assert np.array_equal(images[5:45], whole[5:45])
    assert np.count_nonzero(images.kept.sums) == 10


def test_a_write_that_fails_ends_the_keeping(monkeypatch):
    images = load(streaming()).train.images
    images[:5]
    pwrite = os.pwrite

    def full(file, content, at):
        return pwrite(file, content.cast("B")[:10], at)  # as a disk that is nearly full

    monkeypatch.setattr(stream.os, "pwrite", full)
    assert np.array_equal(images[:48:1], load(SETTINGS).train.images)
    assert np.flatnonzero(images.kept.sums).tolist() == [0, 1, 2, 3, 4]
    assert not images.kept.is_open


@pytest.mark.skipif(not can_mount(), reason="this user may not mount a file system")
@pytest.mark.parametrize("reserve", [0.05, -10.0])
def test_a_full_disk_does_not_end_the_process(reserve, monkeypatch):
    monkeypatch.setattr(stream, "RESERVE_SHARE", reserve)  # below 0, there seems to be space until a write fails
    whole = load(replace(SETTINGS, size=64)).train.images
    with small_disk(256) as small:
        images = load(streaming(size=64, cache=str(small))).train.images
        for _ in range(2):
            for rows in np.array_split(np.arange(48), 6):
                assert np.array_equal(images[rows], whole[rows])
        assert 0 < np.count_nonzero(images.kept.sums) < 48


SLOWLY = """
import sys, time
import numpy as np
from exprun.config.images import Data
from exprun.data import load, stream
decode = stream.decode_image
def slow(*args):
    time.sleep(0.02)
    return decode(*args)
stream.decode_image = slow
data = load(Data(name="image_folder", root="set", channels=3, size=8, corrupt="skip", background="white",
    val_fraction=0.25, decode="stream"))
print("ready", flush=True)
for row in np.random.default_rng(int(sys.argv[1])).permutation(48):
    data.train.images[int(row)]
"""


def decoding(seed):
    return subprocess.Popen([sys.executable, "-c", SLOWLY, str(seed)], stdout=subprocess.PIPE, text=True)


def test_killed_and_concurrent_processes_leave_only_whole_images():
    processes = [decoding(0), decoding(1)]
    for process in processes:
        process.stdout.readline()
    time.sleep(0.3)
    processes[0].send_signal(signal.SIGKILL)
    processes[0].wait()
    while_running = load(streaming()).train.images
    assert np.array_equal(while_running[np.arange(0, 48, 2)], load(SETTINGS).train.images[::2])
    assert processes[1].wait() == 0
    images = load(streaming()).train.images
    assert images.is_decoded()
    assert images.kept.has(np.arange(48)).all()  # all checksums are right
    assert np.array_equal(every(load(streaming())), load(SETTINGS).train.images)


def test_threads_may_ask_for_the_same_images():
    images, whole = load(streaming()).train.images, load(SETTINGS).train.images
    orders = [np.random.default_rng(seed).permutation(48) for seed in range(8)]
    with ThreadPoolExecutor() as threads:
        for order, found in zip(orders, threads.map(images.__getitem__, orders), strict=True):
            assert np.array_equal(found, whole[order])


# Whole runs

WORDS = [
    *(word for word in TINY if not word.startswith(("data.", "model"))),
    "data=image_folder",
    "data.root=set",
    "data.size=8",
    "model.layers=[{conv: 8},{pool: max},flatten]",
    "trainer.batch_size=4",
    "trainer.deterministic=true",
]


def trained(*words, **more):
    return run([*WORDS, *words], more.get("session", Session()))


def test_training_is_the_same_bit_for_bit():
    before = trained("run_dir=before")
    streamed = trained("run_dir=stream", "data.decode=stream")
    again = trained("run_dir=again", "data.decode=stream", "trainer.resident=true")
    assert before.status == streamed.status == "FINISHED"
    assert same(checkpoint(before), checkpoint(streamed))
    assert same(checkpoint(before), checkpoint(again))
    assert before.metrics["test/accuracy"] == streamed.metrics["test/accuracy"]


def test_a_damaged_body_ends_the_run_which_resumes_if_the_file_is_restored(capfd):
    damaged = sorted(Path("set/test/dog").iterdir())[0]  # which is decoded after the last epoch
    words = [*WORDS, "data.decode=stream", "run_dir=it", "trainer.resume=true"]
    whole = damaged.read_bytes()
    load(streaming())
    stat = damaged.stat()
    damage(damaged)
    os.utime(damaged, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as a disk does that fails
    assert cli.main(words) == 1
    said = capfd.readouterr().err
    assert f"{damaged} has changed since" in said
    assert "Traceback" not in said
    assert RunFolder(Path("it")).status == "FAILED"
    steps = len(RunFolder(Path("it")).read_journal())
    assert steps
    damaged.rename("gone.png")
    assert cli.main(words) == 1
    assert "it was trained on other images or splits" in capfd.readouterr().err
    damaged.write_bytes(whole)
    assert cli.main(words) == 0
    assert RunFolder(Path("it")).status == "FINISHED"


@pytest.mark.slow
def test_a_sweep_of_two_seeds_shares_the_images(capfd):
    words = [*WORDS, "data.decode=stream", "seed=0,1", "hydra.sweep.dir=both", "trainer.epochs=1"]
    assert cli.main(["-m", *words]) == 0
    assert len(list(Path("outputs/cache").glob("streamed-*"))) == 1


@pytest.mark.parametrize("command", ["check", pytest.param("show", marks=pytest.mark.slow)])
def test_commands_look_at_streamed_images(command, capfd):
    words = [word for word in WORDS if not word.startswith(("doctor", "progress", "tracking", "trainer.det"))]
    assert cli.main([command, *words, "data.decode=stream", "data.size=8"]) in (0, 1)
    said = capfd.readouterr()
    assert "Traceback" not in said.err + said.out


@pytest.mark.slow
def test_an_evaluation_recognises_the_files_of_the_training(capfd):
    trained("run_dir=it", "data.decode=stream", "trainer.epochs=1")
    shutil.copytree("set/train", "other")
    assert cli.main(["evaluate", "it", "other"]) == 0
    said = " ".join(capfd.readouterr().out.split())
    assert "The run trained on 29 of the 32 images" in said
    assert "The run chose its weights by 3 of the 32 images" in said
    words = ["data=image_folder", "data.root=set", "data.size=8", "data.decode=stream"]
    assert cli.main(["check", "--labels", *words]) == 1
    assert "Simple classifiers predict only" in capfd.readouterr().err  # of the labels of noise


def test_copies_of_files_are_found_in_all_images(monkeypatch, capfd):
    monkeypatch.setattr(stream, "SAMPLE", 4)
    for number, path in enumerate(sorted(Path("set/train/cat").iterdir())[:6]):
        shutil.copy(path, f"set/test/cat/copy{number}.png")
    words = [word for word in WORDS if not word.startswith(("doctor", "progress", "tracking", "trainer.det"))]
    assert cli.main(["check", *words, "data.decode=stream"]) == 1
    said = capfd.readouterr()
    assert "[leaked-test]" in said.out + said.err
