"""Sweeps: one folder for one command, in which they go on; what becomes of runs that fail."""

import json
import math
import os
import shlex
import shutil
import time

import numpy as np
import pytest

from exprun import cli
from exprun.locks import file_lock
from exprun.outputs import runs_of_sweep
from exprun.run_folder import RunFolder
from exprun.sweep.folder import ENVIRONMENT, SweepContext, announced, sweep_folder
from exprun.tracking.view import page
from tiny import TINY, leave_out_pages

QUIET = [word for word in TINY if "batch_size" not in word] + [
    "trainer.epochs=1",
    "trainer.max_steps=4",
    "progress=plain",
]


ONE_BAD = ["data=arrays", "data.root=bad.npz,good.npz"]


@pytest.fixture
def one_bad(tmp_path):
    """Two sets of images of which one is damaged."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (200, 32, 32, 3), np.uint8), np.arange(200) % 4
    np.savez(tmp_path / "good.npz", x_train=images, y_train=labels)
    (tmp_path / "bad.npz").write_bytes(b"nothing")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """`outputs/` after a sweep of two runs, `seed=0,1`."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        leave_out_pages(patch)
        assert cli.main(["-m", *QUIET, "seed=0,1"]) == 0
    return folder / "outputs"


@pytest.fixture
def two_runs(trained, tmp_path):
    """The folder of a sweep of two runs, `seed=0,1`, which is complete."""
    shutil.copytree(trained, tmp_path / "outputs")
    (folder,) = folders(tmp_path)
    return folder


def swept(capsys, *words):
    """Exit code and what was said."""
    code = cli.main(["-m", *dict.fromkeys([*QUIET, *words])])
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def folders(tmp_path):
    return sorted(path for path in (tmp_path / "outputs" / "sweeps").iterdir() if path.is_dir())


def written(folder):
    return {path: path.stat().st_mtime_ns for path in folder.glob("*/result.json")}


def test_the_same_command_has_the_same_folder():
    words = ["norm=none,batch", "seed=0,1"]
    first = sweep_folder(words, "", "failed")
    others = [
        "progress=quiet",
        "sweep.retries=2",
        "sweep.workers=2",
        "hydra/launcher=ray",
        "+hydra.launcher.ray.init.address=auto",
    ]
    assert sweep_folder([*words, *others], "", "failed") == first
    assert sweep_folder(words, "", "always") != first
    assert sweep_folder(["norm=none,batch", "seed=0,1,2"], "", "failed") != first
    assert sweep_folder(words, "--config-dir here", "failed") != first


def test_a_password_is_not_written_and_does_not_matter(tmp_path):
    first = sweep_folder(["data.root=https://me:secret@example.org", "seed=0,1"], "", "failed")
    assert sweep_folder(["data.root=https://me:other@example.org", "seed=0,1"], "", "failed") == first
    assert "secret" not in next((tmp_path / "outputs" / "sweeps").glob("*/sweep.json")).read_text()


def test_a_sweep_goes_on_where_it_was_stopped_and_keeps_what_is_done(tmp_path, capsys):
    code, text = swept(capsys, "seed=0,1")
    assert code == 0
    assert "sweep: 2 runs: 2 trained." in text
    (folder,) = folders(tmp_path)
    before = written(folder)
    code, text = swept(capsys, "seed=0,1")
    assert code == 0
    assert "sweep: 2 runs: 2 kept." in text
    assert written(folder) == before
    (folder / "1" / "result.json").unlink()  # as if it had been killed
    assert RunFolder(folder / "1").status == "STARTED"
    code, text = swept(capsys, "seed=0,1")
    assert "sweep: 2 runs: 1 trained, 1 kept." in text
    assert folders(tmp_path) == [folder]
    assert written(folder)[folder / "0" / "result.json"] == before[folder / "0" / "result.json"]


def test_a_run_that_fails_is_said_and_the_others_go_on(one_bad, tmp_path, capsys):
    code, text = swept(capsys, *ONE_BAD)
    assert code == 1
    assert ") failed: " in text
    assert "sweep: 2 runs: 1 trained, 1 failed." in text
    (folder,) = folders(tmp_path)
    assert [RunFolder(folder / n).status for n in "01"] == ["FAILED", "FINISHED"]
    code, text = swept(capsys, *ONE_BAD, "sweep.rerun=never")
    assert code == 1
    assert "failed before, and sweep.rerun=never" in text
    code, text = swept(capsys, *ONE_BAD, "sweep.retries=2")
    assert code == 1
    assert text.count(") failed: ") == 3
    assert folders(tmp_path) == [folder]


def test_a_sweep_may_end_with_the_run_that_fails(one_bad, tmp_path, capsys):
    code, text = swept(capsys, *ONE_BAD, "sweep.on_failure=stop")
    assert code == 1
    assert "the sweep was stopped because a run failed (sweep.on_failure=stop)" in text
    (folder,) = folders(tmp_path)
    assert not (folder / "1" / "config.yaml").exists()
    assert ENVIRONMENT not in os.environ


def test_another_config_in_its_folder_is_said(two_runs, capsys):
    path = two_runs / "0" / "config.yaml"
    path.write_text(path.read_text().replace("\nseed: 0", "\nseed: 7"))
    before = written(two_runs)
    code, text = swept(capsys, "seed=0,1")
    assert code == 2
    assert "/0 was trained with seed=7, not 0; only a run of the same config can be resumed." in text
    assert "Add sweep.rerun=changed to train the runs again that differ." in text
    assert written(two_runs) == before


@pytest.mark.slow
def test_a_sweep_of_shuffled_values_goes_on(tmp_path, capsys):
    code, _ = swept(capsys, "seed=shuffle(range(0,3))")
    assert code == 0
    (folder,) = folders(tmp_path)
    seeds = [(folder / n / "config.yaml").read_text().split("\nseed: ")[1][0] for n in "012"]
    assert sorted(seeds) == ["0", "1", "2"]
    code, text = swept(capsys, "seed=shuffle(range(0,3))")
    assert code == 0
    assert "sweep: 3 runs: 3 kept." in text


def test_runs_in_folders_of_their_own_belong_to_the_sweep(tmp_path, capsys):
    words = ["run_dir=outputs/x/${seed}/run", "seed=0,1"]
    code, text = swept(capsys, *words)
    assert code == 0
    (folder,) = folders(tmp_path)
    assert cli.main(text.split("compare  python -m exprun ")[1].split()) == 0
    assert "val/accuracy of 2 runs" in capsys.readouterr().out
    code, text = swept(capsys, *words)
    assert code == 0
    assert "sweep: 2 runs: 2 kept." in text
    assert [str(run.relative_to(tmp_path)) for run in runs_of_sweep(folder)] == ["outputs/x/0/run", "outputs/x/1/run"]
    code, text = swept(capsys, *words, "optim.learning_rate=0.5")
    assert code == 2
    assert "outputs/x/0/run was trained with optim.learning_rate=0.01, not 0.5" in text
    code, text = swept(capsys, *words, "sweep.rerun=always")
    assert code == 2
    assert "outputs/x/0/run holds a run already" in text


def test_a_run_that_fails_in_a_folder_of_its_own_ends_the_sweep_but_not_the_next(one_bad, tmp_path, capsys):
    words = [*ONE_BAD, "sweep.on_failure=stop", "run_dir=outputs/x/${data.root}"]
    code, text = swept(capsys, *words)
    assert code == 1
    assert "the sweep was stopped because a run failed" in text
    code, text = swept(capsys, *words, "sweep.on_failure=continue")
    assert "1 trained, 1 failed" in text


def test_runs_of_another_process_are_left_to_it(tmp_path, capsys):
    folder = sweep_folder([*dict.fromkeys([*QUIET, "seed=0,1"])], "", "failed")
    (folder / "0").mkdir()
    with file_lock(folder / "0" / ".lock", wait=False):
        code, text = swept(capsys, "seed=0,1")
    assert code == 0
    assert "skipped, another process is running it" in text
    assert "sweep: 2 runs: 1 trained, 1 left to another process." in text


def test_its_runs_are_children_of_one_run_in_mlflow(tmp_path, capsys):
    words = ["tracking=mlflow", "tracking.model=none", "optim.learning_rate=0.01,0.02", "seed=0"]
    code, text = swept(capsys, *words)
    assert code == 0
    assert "  charts   python -m exprun ui\n" in text
    (folder,) = folders(tmp_path)
    (folder / "1" / "result.json").unlink()
    swept(capsys, *words)
    import mlflow

    note = json.loads((folder / "tracking.json").read_text())
    client, parent = mlflow.MlflowClient(tracking_uri=note["uri"]), note["run_id"]
    runs = client.search_runs([client.get_experiment_by_name("exprun").experiment_id])
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent]
    assert len(runs) == 3
    assert len(children) == 2
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert {run.data.tags["exprun.factor.optim.learning_rate"] for run in children} == {"0.01", "0.02"}
    assert {run.data.tags["exprun.sweep"] for run in runs} == {folder.name}
    assert client.get_run(parent).data.tags["exprun.runs"] == "1 trained, 1 kept"
    charts = client.get_experiment(note["experiment"]).tags[f"mlflow.sharedViewState.{parent}"]
    assert "exprun.factor.optim.learning_rate" in charts
    assert page(folder).endswith(f"viewStateShareKey={parent}")


@pytest.mark.slow
def test_a_run_that_was_trained_anew_leaves_the_sweep_in_mlflow(tmp_path, capsys):
    words = ["tracking=mlflow", "tracking.model=none", "seed=0,1"]
    swept(capsys, *words)
    (folder,) = folders(tmp_path)
    path = folder / "1" / "config.yaml"
    path.write_text(path.read_text().replace("max_steps: 4", "max_steps: 9"))
    swept(capsys, *words, "sweep.rerun=changed")
    import mlflow

    note = json.loads((folder / "tracking.json").read_text())
    client = mlflow.MlflowClient(tracking_uri=note["uri"])
    runs = client.search_runs([client.get_experiment_by_name("exprun").experiment_id])
    assert len(runs) == 4
    new = json.loads((folder / "1" / "tracking.json").read_text())["run_id"]
    (old,) = (run for run in runs if run.data.tags.get("exprun.replaced_by") == new)
    assert not {"exprun.sweep", "mlflow.parentRunId"} & set(old.data.tags)
    assert sum(run.data.tags.get("mlflow.parentRunId") == note["run_id"] for run in runs) == 2
    assert cli.main(["compare", "--experiment", "exprun", "--uri", note["uri"], "--json"]) == 0
    assert [len(arm["values"]) for arm in json.loads(capsys.readouterr().out)["arms"]] == [2]


@pytest.mark.slow
def test_a_parent_is_left_open_for_the_process_that_ends_last(tmp_path, capsys):
    words = ["tracking=mlflow", "tracking.model=none", "seed=0,1"]
    swept(capsys, *words)
    (folder,) = folders(tmp_path)
    (folder / "0" / "result.json").unlink()
    with file_lock(folder / "0" / ".lock", wait=False):
        swept(capsys, *words)
        import mlflow

        note = json.loads((folder / "tracking.json").read_text())
        client = mlflow.MlflowClient(tracking_uri=note["uri"])
        assert client.get_run(note["run_id"]).info.status == "RUNNING"
    swept(capsys, *words)
    assert client.get_run(note["run_id"]).info.status == "FINISHED"


@pytest.mark.slow
def test_a_sweep_may_vary_what_is_a_setting_of_the_whole_process(tmp_path, capsys):
    alone = [*dict.fromkeys([*QUIET, "augment=flip_crop", "trainer.deterministic=true", "run_dir=outputs/runs/alone"])]
    assert cli.main(alone) == 0
    code, _ = swept(capsys, "augment=flip_crop", "trainer.deterministic=false,true")
    assert code == 0
    (folder,) = folders(tmp_path)
    with np.load("outputs/runs/alone/checkpoints/best.npz") as one, np.load(folder / "1/checkpoints/best.npz") as two:
        assert all(np.array_equal(one[key], two[key]) for key in one.files if key != "state")


def test_jobs_know_their_sweep(monkeypatch):
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    assert announced() is None
    for name, text in SweepContext("s", ["norm", "optim.learning_rate"], "abc").environment().items():
        monkeypatch.setenv(name, text)
    found = announced()
    assert found.tags(["norm=batch", "seed=1", "optim.learning_rate=0.1"]) == {
        "exprun.sweep": "s",
        "mlflow.parentRunId": "abc",
        "exprun.setting": "norm=batch optim.learning_rate=0.1",
        "exprun.factor.norm": "batch",
        "exprun.factor.optim.learning_rate": "0.1",
    }


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("sweep.rerun=often", "sweep.rerun is 'often', but must be one of failed, changed, never, always."),
        ("sweep.retries=-1", "sweep.retries is -1, but must be at least 0."),
        ("sweep=every", "sweep=every"),
        ("sweep.prune=asha 'run_dir=outputs/${norm.name}'", "sweep.prune compares runs in the sweep's own folder"),
    ],
)
def test_mistakes_are_one_sentence(capsys, word, sentence):
    assert cli.main(["-m", "norm=none,batch", *shlex.split(word)]) == 2
    assert sentence in capsys.readouterr().err


def test_a_changed_setting_is_trained_anew_and_the_old_run_kept(two_runs, capsys):
    path = two_runs / "0" / "config.yaml"
    path.write_text(path.read_text().replace("\nseed: 0", "\nseed: 7"))
    code, text = swept(capsys, "seed=0,1", "sweep.rerun=changed")
    assert code == 0
    assert "trained again: seed was 7, not 0" in text
    assert "sweep: 2 runs: 1 trained, 1 kept." in text
    (replaced,) = (two_runs / "replaced").iterdir()
    assert "\nseed: 7" in (replaced / "config.yaml").read_text()
    assert RunFolder(replaced).status == "FINISHED"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "said"), [("commit", "the commit has changed"), ("data_fingerprint", "its images have changed")]
)
def test_changed_code_and_images_are_noticed(tmp_path, capsys, key, said):
    swept(capsys, "seed=0,1")
    (folder,) = folders(tmp_path)
    path = folder / "1" / "environment.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: "another"}))
    _, text = swept(capsys, "seed=0,1")
    assert "2 kept" in text
    _, text = swept(capsys, "seed=0,1", "sweep.rerun=changed")
    assert f"trained again: {said}" in text
    assert "1 trained, 1 kept" in text


@pytest.mark.slow
def test_optimisers_are_compared_at_their_best_rates(tmp_path, capsys):
    words = ["sweep=tuned", "optim=sgd_momentum,rmsprop", "seed=0,1", "sweep.rates=[0.001,1]"]
    code, text = swept(capsys, *words)
    assert code == 0
    assert "tuned: " in text
    assert "optim=rmsprop: learning rate 0.0003, the highest that was tested" in text
    assert "sweep: 8 runs: 8 trained." in text
    assert cli.main(["compare", "last", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["factors"] == ["optim"]
    assert sorted(len(arm["values"]) for arm in found["arms"]) == [2, 2]
    assert "1000" not in {seed for arm in found["arms"] for seed in arm["values"]}
    assert found["tuned"].startswith(
        "Each arm was run at the best of 2 learning rates, chosen by validation in runs with another seed"
    )
    assert not any("not tuned" in warning for warning in found["warnings"])
    code, text = swept(capsys, *words)
    assert "sweep: 8 runs: 8 kept." in text


@pytest.mark.slow
def test_another_best_rate_replaces_the_runs_that_were_compared(tmp_path, capsys):
    words = ["sweep=tuned", "seed=0,1", "sweep.rates=[0.001,1]"]
    swept(capsys, *words)
    (folder,) = folders(tmp_path)
    for number, accuracy in enumerate((0.9, 0.1)):
        path = folder / str(number) / "result.json"
        found = json.loads(path.read_text())
        found["metrics"]["val/best_accuracy"] = accuracy
        path.write_text(json.dumps(found))
    code, text = swept(capsys, *words)
    assert code == 0
    assert "trained again: optim.learning_rate was" in text
    assert "sweep: 4 runs: 2 trained, 2 kept." in text


@pytest.mark.slow
def test_a_run_that_was_stopped_is_not_resumed_under_another_config(tmp_path, capsys):
    swept(capsys, "norm=none,batch")
    (folder,) = folders(tmp_path)
    path = folder / "0" / "config.yaml"
    path.write_text(path.read_text().replace("\nseed: 0", "\nseed: 7"))
    (folder / "0" / "result.json").unlink()
    _, text = swept(capsys, "norm=none,batch", "sweep.rerun=changed")
    assert "trained again: seed was 7, not 0" in text
    assert "sweep: 2 runs: 1 trained, 1 kept." in text


@pytest.mark.slow
def test_other_limits_are_a_change(tmp_path, capsys):
    swept(capsys, "seed=0,1")
    (folder,) = folders(tmp_path)
    path = folder / "1" / "config.yaml"
    path.write_text(path.read_text().replace("max_steps: 4", "max_steps: 9"))
    _, text = swept(capsys, "seed=0,1", "sweep.rerun=changed")
    assert "trained again: trainer.max_steps was 9, not 4" in text


@pytest.mark.slow
def test_a_rate_that_diverges_is_an_answer_and_no_failure(tmp_path, capsys):
    words = ["sweep=tuned", "seed=0,1", "sweep.rates=[1,1e5]", "norm=none", "input=raw"]
    code, text = swept(capsys, *words)
    assert code == 0
    assert "failed: not finite" in text
    assert "sweep: 4 runs: 4 trained." in text
    code, text = swept(capsys, *words)
    assert "sweep: 4 runs: 4 kept." in text


def test_only_a_multirun_takes_what_says_which_runs_there_are(capsys):
    for word in ("sweep=tuned", "sweep=one_factor", "sweep.combinations=[{norm: none}]", "sweep.prune=asha"):
        assert cli.main([word]) == 2
        assert "this is a single run: add -m to start a sweep" in capsys.readouterr().err


@pytest.mark.slow
def test_tuning_runs_alone_are_no_comparison(tmp_path, capsys):
    swept(capsys, "sweep=tuned", "seed=0,1", "sweep.rates=[0.1,1]")
    (folder,) = folders(tmp_path)
    for number in (2, 3):
        (folder / str(number) / "config.yaml").unlink()
    assert cli.main(["compare", str(folder)]) == 2
    assert "the first part of sweep=tuned, which chooses the learning rates" in capsys.readouterr().err


@pytest.mark.slow
def test_a_sweep_in_a_folder_of_ones_own_goes_on_there(tmp_path, capsys):
    code, _ = swept(capsys, "seed=0,1", "hydra.sweep.dir=here")
    assert code == 0
    code, text = swept(capsys, "seed=0,1", "hydra.sweep.dir=here")
    assert "2 kept" in text
    assert (tmp_path / "here" / "sweep.json").exists()
    assert not (tmp_path / "outputs" / "sweeps").exists()


def test_passwords_are_not_in_any_file_of_the_sweep(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    swept(capsys, "seed=0,1", "tracking=mlflow", "tracking.uri=http://me:secret@127.0.0.1:9")
    (folder,) = folders(tmp_path)
    found = [path for path in folder.rglob("*") if path.is_file() and b"secret" in path.read_bytes()]
    assert found == []


def test_the_table_tells_what_each_run_is_at(tmp_path):
    import io

    from rich.console import Console

    from exprun.sweep.table import SweepTable

    for number, status in enumerate(("FINISHED", "FAILED", None)):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "config.yaml").write_text("seed: 0\n")
        (folder / "environment.json").write_text('{"steps": "100"}')
        now = time.time() * 1000
        rows = [
            {"step": step, "time": now + 1000 * (step - 50), "metrics": {"val/accuracy": step / 100}}
            for step in (10, 50)
        ]
        (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        if status:
            (folder / "result.json").write_text(json.dumps({"status": status}))
    (tmp_path / "2" / "findings.json").write_text('[{"cause": "dead-relu", "severity": "error"}]')
    out = io.StringIO()
    table = SweepTable(tmp_path, Console(file=out, width=100, force_terminal=True, height=40, color_system=None))
    with table:
        table.add(
            [
                ["norm=none", "epochs=3"],
                ["norm=batch", "epochs=3"],
                ["norm=[x]", "epochs=3"],
                ["norm=layer", "epochs=3"],
            ],
            0,
        )
    lines = [" ".join(line.split()) for line in out.getvalue().splitlines()]
    assert "0 norm=none finished 50/100 50.0 –" in lines
    assert "1 norm=batch failed 50/100 50.0 –" in lines
    assert any(line.startswith("2 norm=[x] running 50/100 50.0 ") and line.endswith("s dead-relu") for line in lines)
    assert "3 norm=layer waiting – – –" in lines
    assert any(line.startswith("2 of 4 runs done") for line in lines)


@pytest.mark.parametrize(
    ("metric", "title", "best"),
    [("val/loss", "best val loss", "0.2500"), ("val/macro_f1", "best val macro F1 %", "75.0")],
)
def test_the_table_shows_the_metric_that_selects(tmp_path, metric, title, best):
    from rich.console import Console

    from exprun.sweep.table import SweepTable

    (tmp_path / "0").mkdir()
    rows = [{"step": step, "time": 0, "metrics": {metric: value}} for step, value in enumerate((0.25, 0.75))]
    rows += [{"step": 2, "time": 0, "metrics": {metric: math.nan}}, {"step": 3, "time": 0, "metrics": {}}]
    (tmp_path / "0" / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    table = SweepTable(tmp_path, Console(width=100, height=16), metric)
    table.add([["seed=0"]], 0)
    cells = {column.header: list(column.cells) for column in table.render().renderables[0].columns}
    assert cells[title] == [best]


def test_a_long_table_shows_what_runs_and_what_failed(tmp_path):
    from rich.console import Console

    from exprun.sweep.table import SweepTable

    table = SweepTable(tmp_path, Console(width=100, height=16))
    table.add([[f"seed={seed}"] for seed in range(100)], 0)
    table.rows[70].state, table.rows[71].state = "running", "failed"
    group = table.render()
    shown = list(group.renderables[0].columns[0].cells)
    assert {"70", "71"} <= set(shown)
    assert len(shown) == 10
    assert group.renderables[1].plain.endswith("90 more not shown")
