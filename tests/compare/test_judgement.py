"""What `compare` concludes from runs: chosen contrasts, equivalence, divergence, images, incomplete designs."""

import json
import math

import numpy as np
import pytest
from scipy import stats

from compare.fake_runs import write_run
from exprun import cli
from exprun.compare import contrasts, report
from exprun.compare.analysis import analyse
from exprun.compare.effects import estimate
from exprun.compare.importance import importance
from exprun.compare.selection import select

BOTH = ("none", "batch")


def write_grid(folder, accuracies, **more):
    """Runs of arms with their accuracies by seed: `{(norm, optim): [0.8, 0.81]}`."""
    for (norm, optim), values in accuracies.items():
        for seed, accuracy in enumerate(values):
            place = folder / f"{norm}-{optim}-{seed}"
            write_run(place, accuracy, norm__name=norm, optim__name=optim, seed=seed, **more)
    return folder


def noisy(mean, seed, count=3, spread=0.01):
    return (mean + spread * np.random.default_rng(seed).standard_normal(count)).tolist()


def analysed(folder, by=("norm", "optim"), **more):
    return analyse(select([str(folder)]), list(by), **more)


@pytest.fixture
def grid(tmp_path):
    means = {("none", "sgd"): 0.50, ("none", "adam"): 0.52, ("batch", "sgd"): 0.83, ("batch", "adam"): 0.85}
    return write_grid(
        tmp_path / "s", {levels: noisy(mean, number) for number, (levels, mean) in enumerate(means.items())}
    )


def test_a_gain_of_33_points_with_three_seeds_is_more_than_noise(grid):
    norm, optim, pair = analysed(grid).effects
    assert norm.mean == pytest.approx(0.33, abs=0.02)
    assert norm.certain
    assert norm.seeds == (3, 3)
    assert not norm.blocks
    assert not pair.certain
    arms = {arm.levels: arm.variance for arm in analysed(grid).arms}
    variances = np.array([arms[level, name] for level in BOTH for name in ("sgd", "adam")])
    for effect, size, factor in ((norm, 0.5, 3), (optim, 0.5, 2), (pair, 1.0, 1)):
        needed = contrasts.needed_seeds(effect.mean, variances, np.full(4, size), 0.05, factor, False)
        assert effect.needed == needed
    assert (norm.needed, optim.needed, pair.needed) == (3, 6, None)


def test_the_effect_is_that_of_the_benchmark(grid):
    from exprun.compare import families

    found = analysed(grid)
    arms = {arm.levels: list(arm.values.values()) for arm in found.arms}
    order = [(norm, optim) for norm in BOTH for optim in ("sgd", "adam")]
    values = np.array([arms[levels] for levels in order])
    weights = np.array([[-0.5, -0.5, 0.5, 0.5], [-0.5, 0.5, -0.5, 0.5], [1.0, -1.0, -1.0, 1.0]])
    known = contrasts.estimates(values, weights)
    # The levels are in the order of the folders' names, so the sign of a contrast may differ.
    assert np.abs([effect.mean for effect in found.effects]) == pytest.approx(np.abs(known.estimate), abs=1e-9)
    assert [effect.uncorrected for effect in found.effects] == pytest.approx(known.probability(), abs=1e-9)
    corrected, _ = families.corrected(lambda factor: known.probability(tests=factor), [3, 2, 1])
    assert [effect.probability for effect in found.effects] == pytest.approx(corrected, abs=1e-9)


def test_a_chosen_contrast_is_tested_alone(grid):
    found = analysed(grid, chosen=["norm=batch,optim=sgd against norm=none, optim=sgd"])
    (effect,) = found.effects
    arms = {arm.levels: list(arm.values.values()) for arm in found.arms}
    assert effect.mean == pytest.approx(np.mean(arms["batch", "sgd"]) - np.mean(arms["none", "sgd"]))
    welch = stats.ttest_ind(arms["batch", "sgd"], arms["none", "sgd"], equal_var=False)
    assert welch.pvalue <= effect.probability < 3 * welch.pvalue
    assert "after correction" not in found.sentences()[0]


def test_a_chosen_contrast_may_average_over_a_factor(grid):
    one, other = analysed(
        grid, chosen=["norm=batch against norm=none", "norm=batch,optim=adam against norm=none"]
    ).effects
    arms = {arm.levels: arm.mean for arm in analysed(grid).arms}
    none = (arms["none", "sgd"] + arms["none", "adam"]) / 2
    assert one.mean == pytest.approx((arms["batch", "sgd"] + arms["batch", "adam"]) / 2 - none)
    assert other.mean == pytest.approx(arms["batch", "adam"] - none)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "norm=batch",
            "write it as two sides, for example 'norm=batch,optim=rmsprop against norm=none,optim=rmsprop'.",
        ),
        ("norm=btach against norm=none", "no finished run has norm=btach; the levels are"),
        ("nrom=batch against norm=none", "nrom is not a factor; the factors are norm, optim."),
        ("batch against norm=none", "batch is not factor=level, as in"),
        ("norm=batch against norm=batch", "both sides are the same runs."),
        ("norm=batch,norm=none against norm=batch", "norm is given twice on one side."),
    ],
)
def test_a_mistake_in_a_contrast_is_one_sentence(grid, capsys, text, said):
    assert cli.main(["compare", str(grid), "--contrast", text]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"exprun: --contrast {text}: {said}")
    assert error.count("\n") == 1


@pytest.mark.parametrize("text", ["-1", "0", "much", "nan", "inf"])
def test_a_margin_is_a_number_above_0(grid, capsys, text):
    assert cli.main(["compare", str(grid), f"--margin={text}"]) == 2
    assert capsys.readouterr().err.startswith(f"exprun: --margin {text}: it must be a number above 0, such as 0.5")


def test_no_difference_above_the_margin_is_an_answer(tmp_path):
    write_grid(tmp_path / "s", {("none", "sgd"): noisy(0.8, 1, 5, 0.002), ("batch", "sgd"): noisy(0.8, 2, 5, 0.002)})
    found = analysed(tmp_path / "s", ["norm"], margin=2.0)
    assert found.margin == 0.02
    assert found.sentences()[0].endswith(": no difference above 2.0 points.")
    narrow = analysed(tmp_path / "s", ["norm"], margin=0.01)
    assert "it may be seed noise, and a difference above 0.0 points is not ruled out" in narrow.sentences()[0]
    losses = analysed(tmp_path / "s", ["norm"], metric="val/loss", margin=2.0)
    assert losses.margin == 2.0
    assert losses.sentences()[0].endswith(": no difference above 2.")


def test_few_images_widen_the_interval_and_are_told_apart(tmp_path):
    accuracies = {("none", "sgd"): noisy(0.85, 1), ("batch", "sgd"): noisy(0.90, 2)}
    wide, narrow = tmp_path / "wide", tmp_path / "narrow"
    write_grid(wide, accuracies, environment={"val_images": "40"})
    write_grid(narrow, accuracies, environment={"val_images": ""})
    few, unknown = analysed(wide, ["norm"]).effects[0], analysed(narrow, ["norm"]).effects[0]
    assert few.seed_half == unknown.seed_half
    assert few.probability == unknown.probability
    assert unknown.image_half == 0
    assert few.half > 0.1 > unknown.half
    assert few.half == pytest.approx(math.hypot(few.seed_half, few.image_half))
    sentence = analysed(wide, ["norm"]).sentences()[0]
    assert "finite set of 40 validation images at most ±" in sentence
    assert sentence.endswith("more than seed noise, but other images than these 40 may show no difference.")
    assert "finite set" not in analysed(narrow, ["norm"]).sentences()[0]


def test_intervals_stay_within_the_range_of_accuracies(tmp_path):
    write_grid(tmp_path / "s", {("none", "sgd"): [0.1, 0.9], ("batch", "sgd"): [0.98, 1.0]})
    found = analysed(tmp_path / "s", ["norm"])
    for arm in found.arms:
        low, high = found.interval(arm)
        assert 0 <= low < high <= 1
    assert -1 <= found.effects[0].low < found.effects[0].high <= 1
    assert json.loads(report.as_json(found))["arms"][0]["high"] == 1
    losses = analysed(tmp_path / "s", ["norm"], metric="val/loss")
    assert losses.interval(losses.arms[0])[0] == 0  # no loss is below 0


@pytest.mark.parametrize("how", ["failed", "nan", "stopped"])
def test_a_run_that_diverged_counts_as_the_chance_level(grid, tmp_path, how):
    place = grid / "batch-adam-3"
    status = "FAILED" if how == "failed" else "FINISHED"
    reasons = {"failed": "not finite: the loss at step 4 is nan", "stopped": "trainer.max_steps=40 is reached"}
    accuracy = 0.7 if how == "failed" else math.nan
    write_run(place, accuracy, status, reasons.get(how, ""), norm__name="batch", optim__name="adam", seed=3)
    found = analysed(grid)
    arm = next(arm for arm in found.arms if arm.levels == ("batch", "adam"))
    assert arm.values[3] == 0.1
    assert not found.lost
    why = reasons["failed"] if how == "failed" else "val/accuracy is nan"
    start = "norm=batch optim=adam: 1 of 4 runs diverged and counts as the chance level, 10.0 %"
    assert f"{start} (seed 3: {why})." in found.warnings
    loss = analysed(grid, metric="val/loss")
    assert next(arm for arm in loss.arms if arm.levels == ("batch", "adam")).values[3] == pytest.approx(math.log(10))
    assert ",3,FINISHED,0.1," in report.as_csv(found) or ",3,FAILED,0.1," in report.as_csv(found)
    report.write_page(found, tmp_path / "report.html", "python -m exprun compare")
    assert "10.0 (diverged)" in " ".join((tmp_path / "report.html").read_text().split())


def test_a_run_that_diverged_is_lost_if_the_chance_level_is_unknown(grid):
    write_run(
        grid / "x",
        math.nan,
        norm__name="batch",
        optim__name="adam",
        seed=3,
        data__name="folder",
        environment={"classes": ""},
    )
    found = analysed(grid)
    assert [report.why_lost(found, run) for run in found.lost] == [
        "its val/accuracy is nan, and the chance level is unknown"
    ]


def test_an_arm_whose_runs_all_diverged_is_compared(tmp_path):
    write_grid(tmp_path / "s", {("none", "sgd"): noisy(0.8, 1)})
    write_grid(tmp_path / "s", {("batch", "sgd"): [0.3] * 3}, status="FAILED", reason="not finite: a gradient")
    (effect,) = analysed(tmp_path / "s", ["norm"]).effects
    assert abs(effect.mean) == pytest.approx(0.7, abs=0.02)
    assert effect.certain


def write_all(folder, values, **more):
    return write_grid(folder, {("none", "sgd"): values, ("batch", "sgd"): values}, **more)


@pytest.mark.parametrize(
    ("accuracies", "more", "said"),
    [
        ([None, None], {}, "None of the 4 runs has finished: it is still running, or its process died."),
        (
            [0.5, 0.5],
            {"status": "FAILED", "reason": "not finite: the loss at step 4 is nan"},
            "All 4 runs diverged (not finite: the loss at step 4 is nan), so there is nothing to compare: lower",
        ),
        ([math.nan, math.nan], {}, "All 4 runs diverged (val/accuracy is nan), so there is nothing to compare: lower"),
        ([0.5, 0.5], {"status": "FAILED", "reason": "no space"}, "None of the 4 runs has finished: no space."),
    ],
)
def test_where_nothing_can_be_compared_the_exit_code_is_2(tmp_path, capsys, accuracies, more, said):
    write_all(tmp_path / "s", accuracies, **more)
    assert cli.main(["compare", str(tmp_path / "s")]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"exprun: {said}")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("accuracies", "said"),
    [
        ([math.nan, None], "All 2 runs with a result diverged (val/accuracy is nan) and 2 have no result, so there is"),
        ([math.nan] * 3, "All 6 runs diverged (val/accuracy is nan), so there is nothing to compare: lower"),
    ],
)
def test_runs_without_a_result_are_told_apart_from_those_that_diverged(tmp_path, capsys, accuracies, said):
    write_all(tmp_path / "s", accuracies)
    assert cli.main(["compare", str(tmp_path / "s")]) == 2
    assert capsys.readouterr().err.startswith(f"exprun: {said}")


def test_the_only_result_is_that_of_a_run_that_diverged(tmp_path, capsys):
    write_grid(tmp_path / "s", {("none", "sgd"): [math.nan], ("batch", "sgd"): [None]})
    assert cli.main(["compare", str(tmp_path / "s")]) == 2
    said = "exprun: The only run with a result diverged (val/accuracy is nan) and 1 has no result, so there is nothing"
    assert capsys.readouterr().err.startswith(said)


def test_a_metric_that_no_run_has_is_named_even_if_a_run_diverged(grid, capsys):
    write_run(grid / "x", 0.5, "FAILED", "not finite: a gradient", norm__name="batch", optim__name="adam", seed=3)
    assert cli.main(["compare", str(grid), "--metric", "test/f1"]) == 2
    assert capsys.readouterr().err.startswith("exprun: No finished run has the metric test/f1; the metrics are ")


def test_a_single_arm_with_results_is_no_comparison(tmp_path, capsys):
    write_grid(tmp_path / "s", {("none", "sgd"): noisy(0.8, 1), ("batch", "sgd"): [None, None]})
    assert cli.main(["compare", str(tmp_path / "s")]) == 2
    assert "Only norm=none has runs with val/accuracy; a comparison needs a second arm" in capsys.readouterr().err


def test_equal_metrics_are_said(tmp_path):
    found = analysed(write_all(tmp_path / "s", [0.9, 0.9, 0.9]), ["norm"])
    assert "All 6 runs have the same val/accuracy, so there is no difference to judge." in found.warnings
    assert "which cannot be judged: the runs of each arm have the same value" in found.sentences()[0]
    assert not found.effects[0].certain


@pytest.mark.parametrize("gain", [0.0, 0.125])
def test_blocks_with_the_same_difference_for_every_seed_are_said(tmp_path, gain):
    values = [0.5, 0.625, 0.75, 0.5625, 0.6875]
    write_grid(tmp_path / "s", {("none", "sgd"): values, ("batch", "sgd"): [value + gain for value in values]})
    found = analysed(tmp_path / "s", ["norm"])
    assert found.effects[0].blocks
    assert found.sentences()[0].endswith("which cannot be judged: the difference is the same for every seed.")


def test_one_seed_in_one_arm_is_said(tmp_path):
    write_grid(tmp_path / "s", {("none", "sgd"): noisy(0.8, 1), ("batch", "sgd"): [0.9]})
    found = analysed(tmp_path / "s", ["norm"])
    assert "norm=batch has one seed, so its seed noise is unknown. Add seed=0,1,2." in found.warnings
    assert "which may be seed noise: run more seeds to find out" in found.sentences()[0]
    assert found.best is None


def test_an_incomplete_design_is_compared_where_it_can_be(tmp_path):
    cells = {("none", "sgd"): 0.5, ("none", "adam"): 0.7, ("batch", "sgd"): 0.8}
    write_grid(tmp_path / "s", {levels: noisy(mean, number) for number, (levels, mean) in enumerate(cells.items())})
    found = analysed(tmp_path / "s")
    norm, optim = found.effects
    arms = {arm.levels: arm.mean for arm in found.arms}
    assert abs(norm.mean) == pytest.approx(arms["batch", "sgd"] - arms["none", "sgd"])
    assert abs(optim.mean) == pytest.approx(arms["none", "adam"] - arms["none", "sgd"])
    assert ", over 1 of 2 combinations of the other factors: " in found.sentences()[0]
    assert any("there are no results of norm=batch optim=adam: contrasts use" in warning for warning in found.warnings)
    assert found.importance is None


def test_factors_that_change_together_are_compared_as_pairs_of_arms(tmp_path):
    cells = {("none", "sgd"): 0.5, ("layer", "adam"): 0.7, ("batch", "rmsprop"): 0.8}
    write_grid(tmp_path / "s", {levels: noisy(mean, number) for number, (levels, mean) in enumerate(cells.items())})
    found = analysed(tmp_path / "s")
    assert len(found.effects) == 3
    assert all(effect.certain for effect in found.effects)
    pairs = {frozenset(effect.change.split(" against ")) for effect in found.effects}
    assert frozenset({"norm=none optim=sgd", "norm=batch optim=rmsprop"}) in pairs


def test_many_arms_without_a_common_level_are_not_compared_in_pairs():
    from exprun.compare import design
    from exprun.compare.arms import Arm

    arms = [Arm((str(n), str(n)), [], {0: 0.5, 1: 0.6}) for n in range(design.MAX_ARMS + 1)]
    assert len(design.family(arms[:-1], ["a", "b"]).contrasts) == 45
    many = [Arm((str(n),) * 12, [], {0: 0.5, 1: 0.6}) for n in range(20)]  # of 20 to the power of 12 combinations
    assert design.Grid(many, "abcdefghijkl").missing == 20**12 - 20
    assert len(design.Grid(many, "abcdefghijkl").first_missing(3)) == 3
    assert design.family(arms, ["a", "b"]).contrasts == []


class CountedArms(list):
    """Arms that count how often all of them are visited."""

    visits = 0

    def __iter__(self):
        self.visits += 1
        return super().__iter__()


@pytest.mark.parametrize("levels", ["continuous", "one factor at a time"])
def test_the_arms_of_a_search_are_not_all_visited_for_each_contrast(monkeypatch, levels):
    from exprun.compare import design, effects
    from exprun.compare.arms import Arm

    tried = []
    contrast = design.Grid.contrast
    monkeypatch.setattr(design.Grid, "contrast", lambda *args: tried.append(args) or contrast(*args))
    if levels == "continuous":
        rng = np.random.default_rng(11)
        combined = [(f"{a:g}", f"{b:g}") for a, b in rng.random((300, 2))]
    else:
        combined = [(str(n), "0") for n in range(20)] + [("0", str(n)) for n in range(1, 20)]
    arms = CountedArms(Arm(names, [], {0: 0.5 + number / 1000}) for number, names in enumerate(combined))
    family = design.family(arms, ["learning_rate", "momentum"])
    effects.judge(arms, family, "val/accuracy")
    assert len(tried) == len(family.contrasts) == (0 if levels == "continuous" else 2 * 190)
    assert arms.visits < 20


def test_three_levels_have_interactions_with_the_first(tmp_path):
    cells = {(norm, optim): 0.5 for norm in ("batch", "layer", "none") for optim in ("adam", "sgd")}
    write_grid(tmp_path / "s", {levels: noisy(mean, number) for number, (levels, mean) in enumerate(cells.items())})
    found = analysed(tmp_path / "s")
    assert [effect.factor for effect in found.effects] == [("norm",)] * 3 + [("optim",)] + [("norm", "optim")] * 2


def test_seeds_are_blocks_if_they_move_all_arms(tmp_path):
    shared = 0.05 * np.random.default_rng(3).standard_normal(6)
    rng = np.random.default_rng(4)
    cells = {
        (norm, "sgd"): 0.5 + gain + shared + 0.002 * rng.standard_normal(6)
        for norm, gain in (("none", 0), ("batch", 0.02))
    }
    write_grid(tmp_path / "s", {levels: values.tolist() for levels, values in cells.items()})
    found = analysed(tmp_path / "s", ["norm"])
    (effect,) = found.effects
    paired = stats.ttest_rel(*cells.values())
    assert effect.blocks
    assert effect.probability == pytest.approx(paired.pvalue)
    variance = np.subtract(*cells.values()).var(ddof=1, keepdims=True)
    assert effect.needed == contrasts.needed_seeds(effect.mean, variance, np.ones(1), 0.05, 1, True) == 3
    assert "6 seeds each as blocks; p" in found.sentences()[0]


def test_skewed_and_unequal_noise_near_100_percent_is_said(tmp_path):
    write_grid(tmp_path / "s", {("none", "sgd"): [0.999, 0.998, 0.96], ("batch", "sgd"): [0.990, 0.991, 0.992]})
    (said,) = [text for text in analysed(tmp_path / "s", ["norm"]).warnings if "probably skewed" in text]
    assert "norm=none" in said
    assert "norm=batch" in said  # above 98 %, three seeds do not show whether an arm has rare bad ones
    assert not any(
        "probably skewed" in warning for warning in analysed(tmp_path / "s", ["norm"], metric="val/loss").warnings
    )
    write_grid(tmp_path / "t", {("none", "sgd"): [0.70, 0.72, 0.74], ("batch", "sgd"): [0.90, 0.901, 0.902]})
    assert not any("probably skewed" in warning for warning in analysed(tmp_path / "t", ["norm"]).warnings)
    write_grid(tmp_path / "u", {("none", "sgd"): [0.96, 0.95, 0.89], ("batch", "sgd"): [0.90, 0.901, 0.902]})
    (said,) = [text for text in analysed(tmp_path / "u", ["norm"]).warnings if "probably skewed" in text]
    assert "norm=batch" not in said


def test_shares_of_the_variance_are_exact(tmp_path):
    # means 1 + a + b + ab: a of ±0.1, b of ±0.2, ab of ±0.05, without noise
    cells = {
        ("none", "adam"): 0.5 - 0.1 - 0.2 + 0.05,
        ("none", "sgd"): 0.5 - 0.1 + 0.2 - 0.05,
        ("batch", "adam"): 0.5 + 0.1 - 0.2 - 0.05,
        ("batch", "sgd"): 0.5 + 0.1 + 0.2 + 0.05,
    }
    write_grid(tmp_path / "s", {levels: [mean, mean] for levels, mean in cells.items()})
    shares = dict(analysed(tmp_path / "s").importance.shares)
    total = 0.01 + 0.04 + 0.0025
    assert shares == pytest.approx(
        {("optim",): 0.04 / total, ("norm",): 0.01 / total, ("norm", "optim"): 0.0025 / total}
    )


@pytest.mark.slow
def test_shares_of_the_variance_leave_out_seed_noise(tmp_path):
    rng = np.random.default_rng(8)
    rests = []
    for number in range(40):
        cells = {(norm, optim): (0.5 + 0.02 * rng.standard_normal(3)).tolist() for norm in BOTH for optim in ("a", "b")}
        for (norm, optim), values in cells.items():
            if optim == "a":
                cells[norm, optim] = [value + 0.1 for value in values]
        found = analysed(write_grid(tmp_path / str(number), cells))
        rests.append(1 - dict(found.importance.shares)["optim",])
    raw = 2 * (0.02**2 / 3) / (0.1**2 + 3 * 0.02**2 / 3)  # what noise alone adds to both other terms
    assert np.mean(rests) < 0.8 * raw


def test_a_factor_without_an_effect_has_no_importance(tmp_path):
    found = analysed(write_grid(tmp_path / "s", {(n, o): [0.5, 0.5] for n in BOTH for o in ("a", "b")}))
    assert found.importance is None
    assert importance(found.arms, ["norm"]) is None


def test_the_best_arms_are_those_not_shown_to_be_worse(grid):
    found = analysed(grid)
    assert [arm.levels for arm in found.best] == [("batch", "adam"), ("batch", "sgd")]
    assert found.summary()[-1].startswith("Best: norm=batch optim=adam with val/accuracy 8")
    assert found.summary()[-1].endswith("not shown to be worse: norm=batch optim=sgd.")
    losses = analysed(grid, metric="val/loss")
    assert [arm.levels for arm in losses.best] == [("batch", "adam"), ("batch", "sgd")]


def test_the_best_of_equal_arms_is_rarely_shown_to_be_worse(tmp_path):
    """The first of three equal arms is left out in at most 5 % of comparisons; 200 are drawn."""
    from exprun.compare.arms import Arm
    from exprun.compare.importance import not_worse

    rng = np.random.default_rng(9)
    left_out = 0
    for _ in range(200):
        arms = [Arm((str(n),), [], dict(enumerate(rng.normal(0.8, 0.01, 3).tolist()))) for n in range(3)]
        left_out += arms[0] not in not_worse(arms, False)
    assert left_out <= 20


def test_an_estimate_of_arms_with_equal_values_has_no_p_value(tmp_path):
    found = analysed(write_all(tmp_path / "s", [0.1 + 0.2, 0.3]), ["norm"])
    assert math.isnan(estimate(found.arms, np.array([-1.0, 1.0]), False).probability()[0])


def test_the_numbers_are_in_json(grid, capsys):
    assert cli.main(["compare", str(grid), "--json", "--margin", "1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["margin"] == 0.01
    assert found["effects"][0]["p_equivalent"] > 0.05
    assert found["effects"][0]["images"] == 400
    assert [effect["seeds_needed"] for effect in found["effects"]] == [3, 6, None]
    assert sum(one["share"] for one in found["importance"]) == pytest.approx(1)
    assert found["not_worse"] == [{"norm": "batch", "optim": "adam"}, {"norm": "batch", "optim": "sgd"}]


@pytest.mark.slow
def test_a_family_without_any_difference_hardly_ever_has_one():
    """From the values of runs to the corrected p-values; 100 families, of which 5 may claim a difference."""
    from exprun.compare import design, effects
    from exprun.compare.arms import Arm

    rng = np.random.default_rng(10)
    claimed = 0
    for _ in range(100):
        arms = [
            Arm((norm, optim), [], dict(enumerate(rng.normal(0.8, spread, 3).tolist())))
            for (norm, optim), spread in zip(
                [(n, o) for n in BOTH for o in ("a", "b")], (0.05, 0.01, 0.01, 0.01), strict=True
            )
        ]
        found = effects.judge(arms, design.family(arms, ["norm", "optim"]), "val/accuracy")
        claimed += any(effect.certain for effect in found)
    assert claimed <= 12
