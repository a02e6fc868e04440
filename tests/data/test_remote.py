"""Files at addresses: the same images as on this machine, and what is said if they cannot be read."""

import sys
import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest

from exprun import cli
from exprun.config.errors import DataError
from exprun.config.images import Data
from exprun.data import load
from shard_files import WRITERS, made

IMAGES = made()
READ = Data(name="image_folder", root="set", channels=3, corrupt="refuse", background="white", val_fraction=0.25)
FORMATS = ("image_folder", "parquet", "webdataset", "huggingface")


@pytest.fixture
def memory():
    """The file system of `memory://`, empty."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()


def read(name, root, **more):
    settings = WRITERS[name][1] if name in WRITERS else {}
    return load(replace(READ, name=name, root=root, **settings | more))


def refused(name, root, **more):
    with pytest.raises(DataError) as caught:
        read(name, root, **more)
    return str(caught.value)


@pytest.mark.parametrize("name", FORMATS)
def test_addresses_give_the_same_images(name, memory):
    WRITERS[name][0](Path("set"), IMAGES)
    memory.put("set/", "memory://bucket/set", recursive=True)
    local, remote = read(name, "set"), read(name, "memory://bucket/set/")
    assert remote.fingerprint == local.fingerprint
    assert remote.files == local.files
    assert remote.left_out == local.left_out
    assert read(name, f"file://{Path('set').absolute()}").fingerprint == local.fingerprint


def test_patterns_and_changes(memory):
    WRITERS["parquet"][0](Path("set"), IMAGES)
    memory.put("set/", "memory://set", recursive=True)
    pattern = "memory://set/{train,test}-*.parquet"
    before = read("parquet", pattern)
    assert len(before.files) == len(IMAGES)
    WRITERS["parquet"][0](Path("set"), IMAGES[1:])
    memory.put("set/", "memory://set", recursive=True)
    assert read("parquet", pattern).fingerprint != before.fingerprint


def _folder(memory):
    for image in IMAGES:
        memory.pipe(f"/pictures/{image.label}/{image.name}.png", image.content)
    return "memory://pictures"


def test_folders_without_splits_and_with_groups(memory):
    root = _folder(memory)
    memory.pipe("/pictures/cat/notes.txt", b"x")
    memory.pipe("/pictures/.cache/1.png", b"x")
    memory.pipe("/pictures/1.png", b"x")
    data = read("image_folder", root, group=r"/\d\d(\d\d)")
    assert {(place.path, place.reason) for place in data.left_out} == {
        ("cat/notes.txt", "of format .txt"),
        (".cache/1.png", "hidden"),
        ("1.png", "in no class folder"),
    }
    for image in IMAGES:
        memory.pipe(f"/people/{image.name}/{image.label}/1.png", image.content)
    assert read("image_folder", "memory://people", group="outer_folder").files[0] == "0000/cat/1.png"
    for image in IMAGES:
        memory.pipe(f"/three/{'train' if image.label == 'eel' else image.label}/{image.name}.png", image.content)
    assert "train is read as a class" in " ".join(read("image_folder", "memory://three").notes)


def test_a_server_of_files(memory):
    WRITERS["webdataset"][0](Path("set"), IMAGES)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory="set"))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        root = f"http://127.0.0.1:{server.server_port}"
        data = read("webdataset", f"{root}/{{train,test}}-{{000000..000001}}.tar", label="label")
        assert len(data.files) == len(IMAGES)
        assert "none.tar matches no file." in refused("webdataset", f"{root}/none.tar", label="label")
    finally:
        server.shutdown()
        server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_files_that_cannot_be_fetched_are_not_skipped(memory, monkeypatch):
    root = _folder(memory)

    def fail(*_, **__):
        raise OSError("the network is down")

    cached = read("image_folder", root)
    monkeypatch.setattr(type(memory), "cat_file", fail)
    assert read("image_folder", root).fingerprint == cached.fingerprint
    assert "0000.png cannot be read: the network is down." in refused("image_folder", root, corrupt="skip", size=8)


@pytest.mark.parametrize(
    ("root", "said"),
    [
        ("memory://nothing", "data.root=memory://nothing has images of 0 classes"),
        ("s3://bucket/images", "data.root=s3://bucket/images needs another package"),
    ],
)
def test_addresses_are_refused_before_anything_is_read(root, said, memory, capfd):
    assert cli.main(["data=image_folder", f"data.root={root}"]) == 2
    assert said.removeprefix("data.root=memory://nothing ") in capfd.readouterr().err
    assert not Path("outputs").exists()


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    sentence = refused("image_folder", "s3://user:secret@bucket/images")
    assert sentence == "data.root=s3://***@bucket/images needs the package fsspec: pip install 'exprun[remote]'."
