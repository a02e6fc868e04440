"""File systems without locks, rights or a flush: what runs there, and what is said."""

import errno
import json
import os

import pytest

from exprun import cli, locks
from exprun.files import write_whole
from exprun.sweep.folder import another_process_trains
from tiny import TINY, tiny

WARNING = "exprun: warning: there are no file locks in "
SMALLEST = [*TINY, "trainer.max_steps=1", "trainer.epochs=1"]


def refusal(number):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    return refuse


@pytest.fixture(params=["ENOSYS", "EOPNOTSUPP", "ENOLCK", "EINVAL", "no fcntl"])
def without_locks(request, monkeypatch):
    monkeypatch.setattr(locks, "_warned", [])
    if request.param == "no fcntl":
        monkeypatch.setattr(locks, "fcntl", None)
    else:
        monkeypatch.setattr(locks.fcntl, "flock", refusal(getattr(errno, request.param)))


def test_a_lock_that_cannot_be_is_said_once(without_locks, tmp_path, capsys):
    for name in ("a", "b"):
        with locks.file_lock(tmp_path / name, wait=False), locks.file_lock(tmp_path / name, wait=True):
            pass
    said = capsys.readouterr().err
    assert said.startswith(f"{WARNING}{tmp_path}, so nothing keeps two processes from training in one folder")
    assert said.count("\n") == 1


def test_a_lock_that_fails_for_another_reason_is_no_lock(monkeypatch, tmp_path):
    monkeypatch.setattr(locks.fcntl, "flock", refusal(errno.EIO))
    with pytest.raises(OSError, match="Input/output"), locks.file_lock(tmp_path / "lock", wait=True):
        pass


@pytest.mark.parametrize("without_locks", ["ENOSYS"], indirect=True)
def test_all_that_uses_locks_goes_on_without(without_locks, tmp_path, capsys):
    words = [word for word in SMALLEST if word != "tracking=none"]
    assert cli.main([*words, "run_dir=outputs/runs/it"]) == 0
    assert cli.main(["-m", *SMALLEST, "seed=0,1"]) == 0
    assert cli.main(["-m", *SMALLEST, "seed=0,1"]) == 0  # which finds its folder again
    (sweep,) = (path.parent for path in (tmp_path / "outputs/sweeps").glob("*/sweep.json"))
    (sweep / "0" / "result.json").unlink()
    assert not another_process_trains(sweep)
    assert cli.main(["sync", "outputs/runs/it"]) == 0
    assert cli.main(["runs", "delete", "outputs/runs/it", "--yes"]) == 0
    assert capsys.readouterr().err.count(WARNING) == 1


def test_a_folder_that_cannot_be_written_is_a_sentence_that_names_what_is_there(monkeypatch, capsys):
    monkeypatch.setattr(locks.fcntl, "flock", refusal(errno.EIO))
    assert cli.main([*SMALLEST, "run_dir=here"]) == 1
    said = capsys.readouterr().err
    assert said.endswith("/here cannot be written: Input/output error.\n")
    assert "run.log" not in said


def test_a_log_is_named_only_where_there_is_one(monkeypatch, capsys):
    with monkeypatch.context() as patch:
        patch.setattr("exprun.run_folder.RunFolder.clear", lambda _: 1 / 0)
        assert cli.main([*SMALLEST, "run_dir=here"]) == 1
    assert capsys.readouterr().err == "exprun: ZeroDivisionError: division by zero\n"
    monkeypatch.setattr("exprun.assembly.fit", lambda *_: 1 / 0)
    assert cli.main([*SMALLEST, "run_dir=there"]) == 1
    assert "there/run.log)" in capsys.readouterr().err


def test_a_file_system_without_rights_links_and_a_flush_takes_a_run(monkeypatch, tmp_path):
    for name, number in (("chmod", errno.EPERM), ("link", errno.EPERM), ("fsync", errno.EINVAL)):
        monkeypatch.setattr(os, name, refusal(number))
    write_whole(tmp_path / "file", "whole")
    assert (tmp_path / "file").read_text() == "whole"
    result = tiny("trainer.epochs=2", "data.limit=100")
    assert (result.run_dir / "checkpoints" / "last.npz").exists()
    assert json.loads((result.run_dir / "result.json").read_text())["status"] == "FINISHED"


def test_a_disk_that_fails_at_the_flush_is_no_checkpoint(monkeypatch):
    monkeypatch.setattr(os, "fsync", refusal(errno.EIO))
    with pytest.raises(Exception, match="Input/output error"):
        tiny("trainer.epochs=1", "data.limit=100")
