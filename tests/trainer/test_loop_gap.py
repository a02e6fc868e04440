"""What the gap between training and validation is made of, and further figures of an evaluation."""

import contextlib
import io
import re
from dataclasses import replace

import numpy as np
import pytest

from exprun.run_folder import RunFolder
from tiny import SMALL, config, kept, tiny

WORDS = [*SMALL, "trainer.gap=true", "optim.learning_rate=0.03", "data.classes=[1,8,9]", "augment=flip"]


@pytest.fixture(scope="module")
def averaged(tmp_path_factory):
    """A run of averaged weights, and its loop with all variables as they were behind the last step."""
    folder = tmp_path_factory.mktemp("averaged")
    more = ["norm=batch", "trainer.ema=0.8", "trainer.metrics=[binary_accuracy]", f"run_dir={folder}"]
    result, loop = kept(config(*WORDS, *more))
    loop.checkpoints.restore("last", loop.step.variables)
    return result, loop


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """A run whose gap is of all three parts, and what it printed."""
    out, folder = io.StringIO(), tmp_path_factory.mktemp("printed")
    with contextlib.redirect_stdout(out):
        result = tiny(*WORDS, "fault=unscaled_eval", "trainer.epochs=1", "progress=plain", f"run_dir={folder}")
    return result, out.getvalue()


def training_images(loop):
    """As many training images as there are to validate on, spread over the split."""
    train, count = loop.dataset.train, len(loop.dataset.val)
    assert count < len(train)
    return replace(train, rows=train.rows[np.linspace(0, len(train) - 1, count).astype(int)])


@pytest.mark.slow
def test_the_training_images_are_measured_with_averaged_weights(averaged):
    result, loop = averaged
    feed = loop.evaluator.feed(training_images(loop))
    plain = loop.evaluator.measure(feed)
    loop.step.averages.swap()
    average = loop.evaluator.measure(feed)
    loop.step.averages.swap()
    for name in ("inference", "evaluated"):
        assert result.metrics[f"train/{name}_loss"] == pytest.approx(average.loss, rel=1e-5)
        assert result.metrics[f"train/{name}_accuracy"] == average.accuracy
    assert plain.loss != pytest.approx(average.loss, rel=1e-3)


def test_measuring_the_gap_changes_nothing():
    words = [*WORDS, "trainer.deterministic=true", "trainer.ema=0.8"]
    with_it, without = tiny(*words, "run_dir=with"), tiny(*words, "run_dir=without", "trainer.gap=false")
    assert with_it.history == without.history
    left = {key for key in with_it.metrics if key.startswith(("train/inference", "train/evaluated"))}
    assert len(left) == 4
    assert {k: v for k, v in with_it.metrics.items() if k not in left and "time" not in k} == {
        k: v for k, v in without.metrics.items() if "time" not in k
    }


NUMBER = r"([+-][\d.e-]+)"


@pytest.mark.parametrize(("figure", "factor", "rounding"), [("accuracy", 100, 0.05), ("loss", 1, 0.01)])
def test_the_parts_that_are_shown_add_up(printed, figure, factor, rounding):
    result, out = printed
    line = re.search(rf"{figure} from training to validation {NUMBER}.*= {NUMBER} .* {NUMBER} .* {NUMBER} images", out)
    shown = [float(number) for number in line.groups()]
    places = ("train/", "train/inference_", "train/evaluated_", "val/")
    train, inference, evaluated, val = (factor * result.metrics[place + figure] for place in places)
    wanted = [val - train, inference - train, evaluated - inference, val - evaluated]
    assert shown == pytest.approx(wanted, abs=rounding, rel=0.01)
    assert sum(shown[1:]) == pytest.approx(shown[0], abs=4 * rounding, rel=0.01)
    assert shown[2] != 0


def test_the_gap_is_in_the_journal_once(averaged):
    result, loop = averaged
    rows = [row for row in RunFolder(result.run_dir).read_journal() if "train/evaluated_loss" in row["metrics"]]
    assert [row["step"] for row in rows] == [loop.total_steps]
    assert rows[0]["metrics"].items() <= result.metrics.items()


def test_further_figures_are_in_history_and_metrics(averaged):
    result, loop = averaged
    for row in result.history:
        assert 1 / 3 <= row["val/binary_accuracy"] <= 1
    assert result.metrics["val/binary_accuracy"] == result.history[-1]["val/binary_accuracy"]
    assert 1 / 3 <= result.metrics["test/binary_accuracy"] <= 1
    assert loop.evaluator.measure(loop.val_feed).more.keys() == {"binary_accuracy"}
