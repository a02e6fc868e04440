"""Runs are found wherever they lie: below `outputs/` at any depth, and elsewhere if they were started from here."""

import os
import shutil
from pathlib import Path

import pytest

from compare.fake_runs import write_run, write_sweep
from exprun import cli
from exprun.outputs import POINTER, all_runs, all_sweeps, last_run, point, remember, run_of_sweep, runs_of_sweep
from exprun.sweep.folder import note
from tiny import TINY

OUTPUTS = Path("outputs")


def names():
    return [str(folder) for folder in all_runs()]


def test_runs_are_found_at_any_depth_and_copies_of_configs_are_not(tmp_path):
    for place in ("mine", "a/b/c/deep", "mine/inside", "rates/0", "rates/10", "rates/9", "mine/worker-1"):
        write_run(OUTPUTS / place, 0.9)
    (OUTPUTS / "mlflow.db").touch()
    old = "rates/replaced/0_2026-01-02_03-04-05-678901"
    for copy in ("mlartifacts/id/artifacts", old, "a/.hidden/x", "mine/checkpoints"):
        write_run(OUTPUTS / copy, 0.9)
    found = ["mine", "rates/0", "rates/9", "rates/10", "mine/inside", "a/b/c/deep"]
    assert sorted(names()) == sorted(f"outputs/{place}" for place in found)
    order = [name for name in names() if "rates" in name]
    assert order == ["outputs/rates/0", "outputs/rates/9", "outputs/rates/10"]


def test_a_link_is_followed_and_one_that_leads_back_ends(tmp_path):
    write_run(tmp_path / "disk" / "runs" / "one", 0.9)
    OUTPUTS.mkdir()
    os.symlink(tmp_path / "disk" / "runs", OUTPUTS / "runs")
    os.symlink(tmp_path / "outputs", tmp_path / "disk" / "runs" / "back")
    assert names() == ["outputs/runs/one"]


def test_a_run_elsewhere_is_remembered_once_and_forgotten_with_its_folder(tmp_path):
    remember(tmp_path / "outputs" / "runs" / "inside")
    assert not OUTPUTS.exists()
    elsewhere = write_run(tmp_path / "disk" / "one", 0.9)
    remember(elsewhere)
    remember(elsewhere)
    assert all_runs() == [elsewhere]
    remember(tmp_path / "disk" / "one" / "inside")  # found from above
    assert len(list(OUTPUTS.glob(f"*{POINTER}"))) == 1
    shutil.rmtree(elsewhere)
    assert all_runs() == []


def test_a_pointer_that_cannot_be_read_is_none(tmp_path):
    OUTPUTS.mkdir()
    (OUTPUTS / f"x{POINTER}").write_bytes(b"\xff\0")
    assert all_runs() == []


def test_the_runs_of_a_sweep_may_lie_in_other_folders_and_move_with_the_project(tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    os.chdir(project)
    sweep = note(OUTPUTS / "sweeps" / "it", ["seed=0,1"], "")
    for seed in (0, 1):
        point(sweep / f"{seed}{POINTER}", write_run(OUTPUTS / "x" / f"s{seed}", 0.8 + seed / 100, seed=seed))
    assert [run.name for run in runs_of_sweep(sweep)] == ["s0", "s1"]
    project.rename(tmp_path / "moved")
    os.chdir(tmp_path / "moved")
    assert [str(run) for run in runs_of_sweep(sweep.absolute())] == [f"{tmp_path}/moved/outputs/x/s{n}" for n in "01"]
    assert run_of_sweep(sweep, 1).name == "s1"
    assert run_of_sweep(sweep, 2) == sweep / "2"
    assert all_sweeps() == [sweep]
    assert cli.main(["compare"]) == 0


def test_last_is_the_run_that_was_started_last(tmp_path):
    for number, name in enumerate(("new", "old")):
        write_run(OUTPUTS / "at" / "depth" / name, 0.9)
        os.utime(OUTPUTS / "at" / "depth" / name / "config.yaml", (2e9 - number, 2e9 - number))
    assert last_run() == OUTPUTS / "at" / "depth" / "new"


@pytest.mark.parametrize("place", [["outputs"], []])
def test_compare_takes_a_sweep_at_any_depth(place, capsys):
    write_sweep(OUTPUTS / "mine" / "deeper" / "rates")
    note(OUTPUTS / "mine" / "deeper" / "rates", [], "")
    assert cli.main(["compare", *place]) == 0
    assert "12 runs" in capsys.readouterr().out


def test_a_folder_that_holds_other_runs_is_not_deleted(capsys):
    for place in ("mine", "mine/inside"):
        write_run(OUTPUTS / place, 0.9)
    assert cli.main(["runs", "delete", "outputs/mine", "--yes"]) == 1
    assert "outputs/mine also holds other runs, such as outputs/mine/inside" in capsys.readouterr().err
    assert cli.main(["runs", "delete", "outputs/mine/inside", "outputs/mine", "--yes"]) == 0
    assert all_runs() == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run_dir=last"], "There is no run below outputs/ yet."),
        (["model.weights=last"], "There is no run below outputs/ yet."),
        (["check", "model.weights=last"], "There is no run below outputs/ yet."),
        (["trainer.resume=true"], "trainer.resume=true resumes the run in run_dir, but no run_dir is given"),
        (["-m", "run_dir=last", "seed=0,1"], "There is no run below outputs/ yet."),
    ],
)
def test_mistakes_about_the_last_run_are_one_sentence(capsys, words, sentence):
    assert cli.main(words) == 2
    assert capsys.readouterr().err.startswith(f"exprun: {sentence}")
    assert not OUTPUTS.exists()
    assert not Path("last").exists()


def test_the_last_run_is_resumed_and_gives_its_weights(tmp_path, capsys):
    words = [*TINY, "trainer.epochs=1", "trainer.max_steps=2", "progress=plain"]
    assert cli.main([*words, "run_dir=outputs/it's 1 run"]) == 0
    assert cli.main([*words, "run_dir=last"]) == 2
    assert "it's 1 run holds a run already; resume it with trainer.resume=true" in capsys.readouterr().err
    assert cli.main([*words, "run_dir=last", "trainer.resume=true", "trainer.max_steps=3"]) == 0
    assert "resuming after step 2" in capsys.readouterr().out
    assert cli.main([*words, "model.weights=last", "run_dir=outputs/second"]) == 0
    assert "it's 1 run" in Path("outputs/second/config.yaml").read_text()
    assert cli.main([*words, "run_dir=outputs/third", "trainer.resume=true"]) == 0
    assert "nothing to resume in" in capsys.readouterr().out


@pytest.mark.parametrize("place", ["checkpoints/a", "replaced", "replaced/a", "mlartifacts/a", "mlruns/a"])
def test_a_name_alone_hides_no_run(place):
    write_run(OUTPUTS / place, 0.9)
    assert names() == [f"outputs/{place}"]


@pytest.mark.slow
def test_a_sweep_whose_runs_come_back_into_its_folder_has_each_once(tmp_path, capsys):
    words = ["-m", *TINY, "trainer.epochs=1", "trainer.max_steps=2", "seed=0,1", "hydra.sweep.dir=outputs/rates"]
    assert cli.main([*words, "run_dir=outputs/x/s${seed}"]) == 0
    assert [run.name for run in runs_of_sweep(OUTPUTS / "rates")] == ["s0", "s1"]
    assert cli.main(words) == 0
    assert [run.name for run in runs_of_sweep(OUTPUTS / "rates")] == ["0", "1"]
