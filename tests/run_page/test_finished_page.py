"""`runs show`: the page of a run that has ended, made again or opened."""

import errno
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from exprun import cli
from exprun.config.compose import Composer
from exprun.finished_page import write
from exprun.records import read_run
from exprun.run_end import RunEnd
from exprun.run_page.page import write_page
from exprun.run_page.pictures import Pictures
from exprun.times import Times
from run_page.fakes import all_pictures, images, write_run


def test_the_page_that_a_run_has_is_printed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder = write_run(tmp_path / "outputs" / "runs" / "one")
    assert cli.main(["runs", "show", "outputs/runs/one"]) == 0
    assert "page:" not in capsys.readouterr().out
    write_page(folder, all_pictures(*images(["a", "b"], 20)))
    assert cli.main(["runs", "show", "outputs/runs/one"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"page: {folder.page}"


def test_a_page_without_images_says_why(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    folder = write_run(tmp_path / "outputs" / "runs" / "one", "KILLED", "stopped by SIGTERM")
    _, outcomes = images(["a", "b"], 20)
    np.savez(
        folder.predictions, classes=outcomes.classes, test_logits=outcomes.logits, test_labels=outcomes.labels,
        test_rows=outcomes.rows,
    )  # fmt: skip
    assert cli.main(["runs", "show", "one", "--open", "--html", "page.html"]) == 0
    *_, hint, last = capsys.readouterr().out.splitlines()
    assert hint == "No browser can be opened on this machine."
    assert last == "page: page.html"
    text = (tmp_path / "page.html").read_text()
    assert "Images are not shown: the data set has changed since the run." in text
    assert "The run was stopped" in text
    assert not folder.page.exists()


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["list", "--open"], "--open applies to runs show, runs labels, not runs list."),
        (["show", "last", "--json", "--html", "a.html"], "--html and --open print the path of a page"),
        (["show", "last", "--html", "."], "must be a file"),
    ],
)
def test_wrong_options_are_refused(words, error, capsys):
    assert cli.main(["runs", *words]) == 2
    assert error in capsys.readouterr().err


def test_a_page_that_cannot_be_written_is_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "outputs" / "runs" / "one", "KILLED")
    (tmp_path / "file").write_text("")
    assert cli.main(["runs", "show", "one", "--html", "file/page.html"]) == 2
    assert "file must be a folder, but is a file." in capsys.readouterr().err


def test_a_page_without_predictions_says_why(tmp_path):
    folder = write_run(tmp_path / "run", "KILLED")
    write(read_run(folder.path), folder.page)
    assert "this run has none" in folder.page.read_text()


def test_the_page_of_a_process_that_died_has_the_epochs_of_its_journal(tmp_path):
    folder = write_run(tmp_path / "run", "")
    with open(folder.journal, "a") as file:
        for step, metrics in ((20, {"epoch": 1.0}), (40, {"epoch": 2.0, "val/accuracy": 0.75}), (60, {"epoch": 3.0})):
            file.write(json.dumps({"step": step, "time": step, "metrics": metrics}) + "\n")
    text = write_page(folder, Pictures()).read_text()
    assert "75.0% of the validation images are classified correctly" in text
    assert "The best weights are those after epoch 2 of 3" in text


def test_the_page_of_nothing_is_a_page(tmp_path):
    folder = write_run(tmp_path / "run", "")
    assert "The run has not ended" in write_page(folder, Pictures()).read_text()


@pytest.mark.usefixtures("plots")
def test_a_full_disk_leaves_no_half_page(tmp_path, monkeypatch):
    def full(path, text, **_):
        with open(path, "w") as file:
            file.write(text[:1000])
        raise OSError(errno.ENOSPC, "No space left on device")

    folder = write_run(tmp_path / "run")
    monkeypatch.setattr(Path, "write_text", full)
    monkeypatch.setattr(Times, "write", lambda *_: None)
    told: list[str] = []
    console = SimpleNamespace(warn=told.append)
    RunEnd(Composer().config([]), folder, "", console, None, Times()).write_page()
    assert not folder.page.exists()
    assert told == ["The page of the run could not be written: [Errno 28] No space left on device"]
