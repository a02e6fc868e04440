"""Runs that learn from the network of another run."""

import json
from dataclasses import replace

import pytest

from exprun.config.errors import ConfigError, DataError, RunError
from tiny import SMALL, config, leave_out_pages, tiny

WORDS = ["loss=distillation", "trainer.epochs=1", *SMALL]


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """The folder of a run that has learned from another one, and that of its teacher."""
    folder = tmp_path_factory.mktemp("taught")
    with pytest.MonkeyPatch.context() as patch:
        leave_out_pages(patch)
        teacher = tiny("trainer.epochs=1", *SMALL, f"run_dir={folder / 'teacher'}")
        student = tiny(*WORDS, f"model.teacher={teacher.run_dir}", "seed=1", f"run_dir={folder / 'student'}")
    return student, teacher


def test_a_run_learns_from_a_teacher_and_records_it(taught):
    student, _ = taught
    assert student.status == "FINISHED"
    assert len(json.loads((student.run_dir / "environment.json").read_text())["teacher_fingerprint"]) == 64


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("data.classes=[0,1]", "has other classes than the images"),
        ("data.size=16", "takes images of 8×8×1, and this network takes 16×16×1"),
    ],
)
def test_a_teacher_of_other_images_is_an_error_of_the_data(taught, words, message, tmp_path):
    with pytest.raises(DataError, match=message):
        tiny(*WORDS, f"model.teacher={taught[1].run_dir}", words, f"run_dir={tmp_path / 'run'}")


def test_a_teacher_that_is_python_code_is_not_run(taught, tmp_path, monkeypatch):
    from exprun.run_folder import RunFolder

    found = config()
    found = replace(found, model=replace(found.model, layers=None, builder="package.module:network"))
    monkeypatch.setattr(RunFolder, "read_config", lambda self: found)
    with pytest.raises(RunError, match="builds its network with Python code"):
        tiny(*WORDS, f"model.teacher={taught[1].run_dir}", f"run_dir={tmp_path / 'run'}")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["loss=distillation"], "loss=distillation needs model.teacher"),
        (["model.teacher=run"], "loss=cross_entropy does not use model.teacher"),
    ],
)
def test_teacher_and_loss_belong_together(words, message):
    with pytest.raises(ConfigError, match=message):
        config(*words)


def test_a_folder_without_a_network_is_no_teacher(tmp_path):
    from exprun.config.weights import find_teacher

    with pytest.raises(ConfigError, match=r"has no checkpoints/best\.npz"):
        find_teacher(str(tmp_path))
    with pytest.raises(ConfigError, match="is no folder"):
        find_teacher(str(tmp_path / "missing"))
