"""Comparisons of runs: what is selected, what is said, what is refused, what is shown."""

import csv
import html
import io
import json
import os
import shutil
import subprocess
import sys

import pytest

from compare.fake_runs import write_run, write_sweep
from exprun import cli
from exprun.compare import charts, report
from exprun.compare.analysis import analyse
from exprun.compare.charts import chart_data
from exprun.compare.selection import select
from exprun.compare.verdict import verdict
from exprun.config.errors import ConfigError


@pytest.fixture
def sweep(tmp_path):
    return write_sweep(tmp_path / "outputs" / "sweeps" / "2026-01-01_00-00-00-000000")


def analysed(folder, *by, **more):
    return analyse(select([str(folder)]), by or None, **more)


def test_factors_are_the_settings_that_vary(sweep):
    found = analysed(sweep)
    assert found.factors == ("norm", "optim")
    assert [len(arm.values) for arm in found.arms] == [3, 3, 3, 3]
    assert found.arms[0].levels[0] == "batch"  # the best first


def test_a_difference_beyond_seed_noise_is_told_in_a_sentence(sweep):
    norm, optim, pair = analysed(sweep).effects
    assert norm.change == "norm=batch against norm=none"
    assert norm.mean == pytest.approx(0.1, abs=0.002)
    assert norm.certain
    assert not optim.certain
    assert pair.factor == ("norm", "optim")
    sentences = analysed(sweep).sentences()
    assert sentences[0].startswith("norm=batch against norm=none: +10.0 points of val/accuracy, 95 % interval +")
    assert "(seed noise ±1." in sentences[0]
    assert ", finite set of 400 validation images at most ±4.8 points; 3 seeds each; p < 0.0001 after" in sentences[0]
    assert sentences[0].endswith("after correction for 3 comparisons): more than seed noise.")
    assert "it may be seed noise" in sentences[1]


def test_losses_are_better_low(sweep):
    found = analysed(sweep, metric="val/loss")
    assert found.arms[0].levels[0] == "batch"
    assert "-0.1 of val/loss" in found.sentences()[0]


def test_where_keeps_some_runs(sweep):
    runs = select([str(sweep)], ["optim=rmsprop"])
    assert len(runs) == 6
    assert analyse(runs).factors == ("norm",)
    assert len(select([str(sweep)], ["optim.learning_rate=0.01", "norm=batch"])) == 3


def test_last_is_the_newest_sweep(sweep):
    write_sweep(sweep.parent / "2026-02-01_00-00-00-000000", seeds=(0, 1))
    assert len(select(["last"])) == 8


def test_a_sweep_that_was_repeated_is_the_last(sweep):
    later = write_sweep(sweep.parent / "2026-02-01_00-00-00-000000", seeds=(0, 1))
    for folder, when in ((sweep, 2000), (later, 1000)):
        (folder / "sweep.json").write_text("{}")
        os.utime(folder / "sweep.json", (when, when))
    assert len(select(["last"])) == 12


def test_one_seed_says_nothing_about_noise(tmp_path):
    found = analysed(write_sweep(tmp_path / "s", seeds=(0,)))
    assert "Each arm has one seed, so the size of the seed noise is unknown. Add seed=0,1,2." in found.warnings
    assert "which may be seed noise: run more seeds to find out" in found.sentences()[0]


def test_what_differs_beside_the_factors_is_an_error_or_a_warning(sweep):
    with pytest.raises(ConfigError, match=r"same factors and seed, but differ in optim: add this to --by"):
        analysed(sweep, "norm")
    some = select([str(sweep)], ["optim=rmsprop"]) + select([str(sweep)], ["norm=batch", "optim=sgd_momentum"])
    for run in some:
        run.config["seed"] = some.index(run)
    found = analyse(some, ["norm"])
    assert "The runs also differ in optim: rmsprop, sgd_momentum." in found.warnings


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"environment": {"data_fingerprint": "e" * 64}},
            "The runs differ in their images: dddddddddddd, eeeeeeeeeeee.",
        ),
        ({"environment": {"commit": "b" * 40}}, "The runs differ in their code: aaaaaaaaaaaa, bbbbbbbbbbbb."),
        (
            {"environment": {"precision": "mixed_bfloat16"}},
            "The runs differ in their precision: float32, mixed_bfloat16.",
        ),
        (
            {"environment": {"changes": "c" * 12}},
            "The runs differ in their uncommitted code: cccccccccccc, none.",
        ),
        ({"reason": "trainer.max_steps=40 is reached"}, "1 of 13 runs ended before all epochs were done"),
        ({"trainer__epochs": 3}, "The runs also differ in trainer.epochs: 2, 3."),
    ],
)
def test_an_unfair_comparison_is_said(sweep, changes, said):
    write_run(sweep / "12", 0.95, norm__name="batch", seed=3, **changes)
    assert any(warning.startswith(said) for warning in analysed(sweep, "norm", "optim").warnings)


def test_untuned_optimisers_are_said_until_rates_are_compared(sweep):
    said = "The optimisers were not tuned: each was run at one learning rate (sgd_momentum 0.01, rmsprop 0.0003)."
    assert said in analysed(sweep).warnings
    for seed in (0, 1, 2):
        write_run(sweep / f"2{seed}", 0.8, norm__name="none", optim__learning_rate=0.1, seed=seed)
    found = analysed(sweep)
    assert found.factors == ("norm", "optim", "optim.learning_rate")
    assert said not in found.warnings


def test_a_precision_that_is_a_factor_is_no_warning(tmp_path):
    for number, precision in enumerate(["float32", "float32", "mixed_bfloat16", "mixed_bfloat16"]):
        settings = {"trainer__precision": precision, "environment": {"precision": precision}, "seed": number % 2}
        write_run(tmp_path / "s" / str(number), 0.9, **settings)
    found = analysed(tmp_path / "s")
    assert found.factors == ("trainer.precision",)
    assert not any("precision" in warning for warning in found.warnings)


def test_runs_that_did_not_end_are_named_and_left_out(sweep):
    shutil.rmtree(sweep / "11")
    write_run(
        sweep / "11",
        0.1,
        "FAILED",
        "the GPU has too little memory",
        norm__name="batch",
        optim__name="rmsprop",
        optim__learning_rate=0.0003,
        seed=2,
    )
    write_run(sweep / "12", None, norm__name="batch", seed=4)
    found = analysed(sweep)
    assert [(run.status, run.folder.name) for run in found.lost] == [("FAILED", "11"), ("NOT ENDED", "12")]
    assert any(
        "lost 1 of 3 runs; the mean of the others may look better than the arm is" in warning
        for warning in found.warnings
    )
    assert any(warning.startswith("Not all arms have the same seeds") for warning in found.warnings)


def test_a_run_that_was_repeated_counts_once(sweep):
    write_run(sweep / "12", 0.99, norm__name="batch", seed=2)
    found = analysed(sweep)
    assert "One run has been repeated; the later one counts." in found.warnings
    assert found.arms[0].values[2] == 0.99


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "There is no sweep under outputs/ yet: train one first"),
        (["nowhere"], "nowhere is not a folder; name folders of runs or sweeps, or `last`."),
        (["EMPTY"], "There is no run in EMPTY; a comparison needs at least two."),
        (
            ["SWEEP", "--by", "norm,schedule"],
            "--by schedule: the runs do not differ in schedule; they differ in norm, optim.",
        ),
        (["SWEEP", "--metric", "test/accuracy"], "No finished run has the metric test/accuracy; the metrics are"),
        (["SWEEP", "--where", "norm"], "--where takes KEY=VALUE, such as norm=batch, status=FAILED"),
        (
            ["SWEEP", "--where", "norm=layer"],
            "There is no run in SWEEP with norm=layer; a comparison needs at least two.",
        ),
        (["SWEEP", "--json", "--csv"], "Only one of --json and --csv can be given."),
        (["SWEEP", "--nonsense"], "Unrecognized arguments: --nonsense"),
    ],
)
def test_mistakes_are_one_sentence(tmp_path, capsys, words, sentence):
    place = str(write_sweep(tmp_path / "s"))
    (tmp_path / "EMPTY").mkdir()
    assert cli.main(["compare", *(word.replace("SWEEP", place) for word in words)]) == 2
    assert capsys.readouterr().err.startswith(f"exprun: {sentence.replace('SWEEP', place)}")


def test_the_terminal_shows_table_sentences_warnings_and_where_the_report_is(sweep, capsys):
    assert cli.main(["compare"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "val/accuracy of 12 runs, by norm, optim" in shown
    assert "norm=batch against norm=none: +10.0 points" in shown
    assert "warning: The optimisers were not tuned" in shown
    assert (sweep / "report.html").exists()


def test_json_and_csv(sweep, capsys):
    assert cli.main(["compare", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["metric"] == found["figure"] == "val/accuracy"  # `figure` is the old name
    assert found["factors"] == ["norm", "optim"]
    assert found["effects"][0]["p_corrected"] < 0.05
    assert found["arms"][0]["values"].keys() == {"0", "1", "2"}
    assert cli.main(["compare", "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == 12
    assert {"norm", "optim", "seed", "status", "val/accuracy", "run"} <= rows[0].keys()


def test_unknown_numbers_are_null_in_json(tmp_path):
    found = json.loads(report.as_json(analysed(write_sweep(tmp_path / "s", seeds=(0,)))))
    assert found["effects"][0]["p"] is None
    assert {(one["low"], one["high"]) for one in found["arms"] + found["effects"]} == {(None, None)}


def test_an_arm_with_one_seed_is_drawn_without_an_interval(tmp_path):
    found = chart_data(analysed(write_sweep(tmp_path / "s", seeds=(0,))))
    assert found["arms"]["ends"] == [[None, None]] * 4
    assert found["arms"]["mean"][0] == 90.4


def test_the_charts_have_all_runs_in_the_order_of_the_table(sweep):
    write_run(sweep / "12", 0.1, "FAILED", "out of memory", norm__name="batch", seed=9)
    analysis = analysed(sweep)
    found = chart_data(analysis)
    assert found["factors"] == ("norm", "optim")
    assert found["arms"]["levels"][0] == [arm.levels[0] for arm in analysis.arms]
    assert [len(column) for column in found["runs"].values() if isinstance(column, list)] == [13] * 7
    assert found["runs"]["value"].count(None) == 1
    assert found["runs"]["metrics"]["val/loss"][0] == pytest.approx(1 - found["runs"]["value"][0] / 100)
    curves = found["curves"]
    assert (curves["metrics"], curves["percent"]) == (["val/accuracy", "val/loss", "train/loss"], [True, False, False])
    assert curves["points"] == [((1.0, 2.0), (20.0, 40.0))]  # all runs share them
    assert curves["of"][0] == [
        0,
        [[found["runs"]["value"][0]] * 2, *[[found["runs"]["metrics"]["val/loss"][0]] * 2] * 2],
    ]


def test_long_curves_are_thinned_evenly_and_keep_their_end(sweep, monkeypatch):
    run = select([str(sweep)])[0]
    monkeypatch.setattr(charts, "MAX_POINTS", 100)
    run.history[:] = [{"epoch": float(epoch), "step": float(epoch), "val/accuracy": 0.5} for epoch in range(1, 251)]
    found = chart_data(analyse([run, *select([str(sweep)])[1:]]))["curves"]
    assert found["kept"] == 9
    epochs = max((points[0] for points in found["points"]), key=len)
    assert epochs[:2] == (1, 10)
    assert epochs[-1] == 250
    assert len(epochs) == 29


def test_numbers_are_numbers_on_an_axis(tmp_path):
    for number, rate in enumerate([0.1, 0.01, 0.1, 0.01]):
        write_run(tmp_path / "s" / str(number), 0.9, optim__learning_rate=rate, seed=number // 2)
    assert sorted(chart_data(analysed(tmp_path / "s"))["arms"]["levels"][0]) == [0.01, 0.1]


def test_of_many_differences_the_report_shows_the_decided_and_largest_first(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "MANY", 1)
    monkeypatch.setattr(report, "MAX_SENTENCES", 2)
    folder = write_sweep(tmp_path / "s", effect=0.1)
    report.write_page(analysed(folder), tmp_path / "report.html", "python -m exprun compare")
    page = (tmp_path / "report.html").read_text()
    assert page.index("<li>norm=batch against norm=none: +10.0") < page.index("1 more difference<")
    assert "1 further difference is left out here" in page


def test_the_page_shows_hostile_names_as_text_and_asks_for_nothing(tmp_path):
    hostile = "<script>alert(1)</script>"
    for seed in (0, 1):
        write_run(tmp_path / "s" / f"a{seed}", 0.8 + 0.01 * seed, seed=seed)
        write_run(tmp_path / "s" / f"b{seed}", 0.9 + 0.01 * seed, seed=seed, model__name=hostile)
    write_run(tmp_path / "s" / "c", 0.1, "FAILED", hostile, seed=2)
    path = tmp_path / "report.html"
    report.write_page(analysed(tmp_path / "s"), path, f"python -m exprun compare '{hostile}'")
    page = path.read_text()
    assert hostile not in page
    assert page.count("<script") == 2  # data and program
    assert "&lt;script&gt;alert(1)" in page
    for word in ("src=", "@import", "url(", '<link rel="stylesheet'):
        assert word not in page
    assert len(page) < 200_000


def test_the_report_says_what_the_terminal_says(sweep, capsys):
    write_run(sweep / "12", 0.1, "FAILED", "out of memory", norm__name="batch", seed=9)
    assert cli.main(["compare"]) == 0
    found = analysed(sweep)
    page = html.unescape((sweep / "report.html").read_text()).replace("\N{NO-BREAK SPACE}%", " %")
    for text in (*verdict(found), *found.sentences(), *found.summary(), *found.warnings):
        assert f">{text}<" in page, text
    assert "out of memory</li>" in page
    assert "<code>optim.learning_rate</code>" in page
    capsys.readouterr()
    assert cli.main(["compare", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == verdict(found)


def test_no_character_reaches_the_terminal_that_it_would_obey(sweep, capsys):
    write_run(sweep / "12", 0.1, "FAILED", "\x1b[2J[red]gone", seed=9)
    assert cli.main(["compare"]) == 0
    shown = capsys.readouterr().out
    assert "\x1b[2J" not in shown
    assert "[red]gone" in shown


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("result.json", "{"),
        ("result.json", '{"metrics": 3}'),
        ("result.json", '{"history": [1]}'),
        ("findings.json", "nothing"),
        ("config.yaml", "a: [b"),
        ("config.yaml", "seed: many"),
        ("environment.json", "[]"),
    ],
)
def test_a_damaged_record_costs_its_run_at_most(sweep, name, text):
    (sweep / "0" / name).write_text(text)
    assert len(select([str(sweep)])) == (11 if name == "config.yaml" else 12)


def test_many_runs_are_read_without_tensorflow_or_mlflow(tmp_path):
    write_sweep(tmp_path / "s", seeds=range(50))
    script = (
        "import sys; from exprun.compare.selection import select; from exprun.compare.analysis import analyse; "
        "found = analyse(select(sys.argv[1:])); "
        "print(len(found.arms), 'tensorflow' in sys.modules, 'mlflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "s")], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["4", "False", "False"]


@pytest.mark.parametrize("result", [None, "FAILED", "{", "no metric"])
def test_a_setting_without_a_result_is_listed_and_the_others_are_compared(tmp_path, capsys, result):
    for seed in (0, 1):
        write_run(tmp_path / "s" / f"a{seed}", 0.8 + 0.01 * seed, seed=seed)
        write_run(tmp_path / "s" / f"b{seed}", 0.9 + 0.01 * seed, seed=seed, norm__name="none")
        accuracy = 0.1 if result == "FAILED" else None
        folder = write_run(
            tmp_path / "s" / f"c{seed}", accuracy, "FAILED", "out of memory", seed=seed, norm__name="layer"
        )
        if result == "{":
            (folder / "result.json").write_text(result)
        if result == "no metric":
            (folder / "result.json").write_text('{"status": "FINISHED", "metrics": {}}')
    assert cli.main(["compare", "s"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    reason = {
        None: "NOT ENDED s/c0: it is still running, or its process died",
        "FAILED": "FAILED s/c0: out of memory",
        "{": "NOT ENDED s/c0: its result.json cannot be read",
        "no metric": "FINISHED s/c0: it has no val/accuracy",
    }[result]
    assert reason in shown
    assert "norm=layer is not compared: none of its 2 runs has a result" in shown
    assert "norm=none against norm=batch: +10.0 points" in shown
    assert "Not all arms have the same seeds" not in shown
    assert cli.main(["compare", "s", "--json"]) == 0
    arms = {arm["levels"]["norm"]: arm for arm in json.loads(capsys.readouterr().out)["arms"]}
    assert arms["layer"]["mean"] is None
    assert arms["none"]["mean"] == pytest.approx(0.905)
    assert cli.main(["compare", "s", "--csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 7
