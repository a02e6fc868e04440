"""Range tests of small networks."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from exprun import Session
from exprun.config.errors import RunError
from exprun.range_test.measure import SPANS, USUAL_SPAN, batches, measure, span
from exprun.range_test.suggestion import candidates, judge
from exprun.trainer.feed import epoch_order
from tiny import SESSION, config

FAST = ["data.size=8", "data.channels=1", "model.layers=[{conv: 8},flatten]", "trainer.batch_size=16"]
DEAD = ["norm=none", "init=gaussian", "init.stddev=1e-12", "model.layers=[{conv: 8},flatten,{dense: 8}]"]
WORDS = ["tracking=none", "data.limit=400", "trainer.precision=float32", *FAST]


@pytest.mark.slow
def test_a_small_network_learns_and_each_seed_is_a_training_of_its_own():
    seen = []
    test = measure(config(*FAST), SESSION, report=seen.append)
    assert [curve.seed for curve in test.curves] == [0, 1, 2]
    assert seen == test.curves
    starts = [curve.losses[0] for curve in test.curves]
    assert len({float(loss) for loss in starts}) == 3
    assert test.chance.loss == pytest.approx(np.log(10), abs=0.01)
    assert test.chance.accuracy == pytest.approx(0.1, abs=0.01)
    assert judge(test.curves, test.chance) is not None
    assert [trial.rate for trial in test.trials] == candidates(judge(test.curves, test.chance).take)
    assert [len(trial.losses) for trial in test.trials] == [3, 3, 3]
    assert all(trial.loss < test.chance.loss for trial in test.trials[:2])
    again = measure(config(*FAST, "schedule=by_epoch", "schedule.rates=[0.1]"), SESSION, seeds=1)
    assert again.trials == []  # this schedule does not use the learning rate
    assert again.curves[0].losses[:20] == pytest.approx(test.curves[0].losses[:20], rel=1e-4)


@pytest.mark.slow
def test_the_first_losses_are_those_of_the_initial_weights():
    """At the lowest learning rate nothing changes, whatever seeds were trained before in the same step."""
    first = measure(config(*FAST), Session(SESSION.datasets, {}), seeds=1).curves[0]
    measure(config(*FAST, "seed=5"), SESSION, seeds=1)
    after = measure(config(*FAST), SESSION, seeds=1).curves[0]
    assert after.losses[0] == pytest.approx(first.losses[0], rel=1e-5)


@pytest.mark.slow
def test_a_network_without_a_signal_learns_at_no_learning_rate():
    seen = []
    test = measure(config(*FAST, *DEAD), SESSION, report=seen.append)
    assert len(seen) == 6  # they are tried again with more steps
    assert len(test.curves[0].rates) > len(seen[0].rates)
    assert test.minutes == 0
    assert judge(test.curves, test.chance) is None
    assert test.trials == []


@pytest.mark.slow
@pytest.mark.parametrize("optim", ["muon", "lion", "rmsprop"])
def test_other_optimisers(optim):
    settings = config(*FAST, f"optim={optim}")
    test = measure(settings, SESSION, seeds=1)
    assert test.curves[0].rates[0] == pytest.approx(span(settings)[0])
    assert judge(test.curves, test.chance) is not None


def test_the_learning_rates_depend_on_the_optimiser_and_include_the_configured_one():
    assert span(config("optim=lion")) == SPANS["lion"]
    assert span(config()) == USUAL_SPAN
    assert span(config("optim.learning_rate=1e-9"))[0] == 1e-9
    assert span(config("optim.learning_rate=100"))[1] == 100


@pytest.mark.slow
def test_too_little_time_takes_fewer_steps():
    test = measure(config(*FAST), SESSION, minutes=1e-6, seeds=1)
    assert len(test.curves[0].rates) <= 30
    assert test.minutes >= 1


def test_batches_are_those_of_a_run_and_small_data_repeats():
    settings = config(*FAST)
    parts = list(batches(settings, 40, 5))
    assert [len(order) for order, _ in parts] == [2, 2, 1]
    for epoch, (order, mirrored) in enumerate(parts):
        assert np.array_equal(order, epoch_order(40, 16, settings.seed, epoch)[: len(order)])
        assert mirrored.shape == order.shape
    one = replace(settings, trainer=replace(settings.trainer, overfit_batch=True))
    assert len({order.tobytes() for whole, _ in batches(one, 40, 5) for order in whole}) == 1


def test_a_batch_that_is_larger_than_the_data_is_refused():
    settings = config(*FAST)  # if the number of images is known, the config is refused before the data is read
    with pytest.raises(RunError, match=r"trainer\.batch_size=1000 is more than the \d+ training images"):
        measure(replace(settings, trainer=replace(settings.trainer, batch_size=1000)), SESSION)


@pytest.mark.slow
def test_a_first_loss_that_is_not_finite_is_one_sentence():
    with pytest.raises(RunError, match="not finite: python -m exprun check"):
        measure(config(*FAST, *DEAD[:2], "init.stddev=1000", "model.layers=[flatten,{dense: 8, repeat: 16}]"), SESSION)


def test_the_command_prints_a_table_and_a_word_and_writes_a_page(run_server, tmp_path):
    done = run_server.run("rate", *WORDS, "--html", "page.html")
    assert done.returncode == 0, done.stderr
    word = re.search(r"Learning rate to take: (optim\.learning_rate=\S+)", done.stdout)
    assert word, done.stdout
    assert done.stdout.splitlines()[-1] == "page: page.html"
    assert word[1] in (tmp_path / "page.html").read_text()
    assert "\x1b" not in done.stdout
    assert [path.name for path in tmp_path.iterdir() if path.name != "outputs"] == ["page.html"]
    assert not (tmp_path / "outputs" / "runs").exists()


@pytest.mark.slow
def test_json_is_all_that_is_printed_with_it(run_server, tmp_path):
    done = run_server.run("rate", *WORDS, *DEAD, "--json", "--seeds", "2")
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert found["learns"] is False
    assert [curve["seed"] for curve in found["curves"]] == [0, 1]
    assert "check" in found["sentences"][-1]
    assert not (tmp_path / "outputs" / "pages").exists()


@pytest.mark.slow
def test_check_does_the_range_test_too_if_it_is_asked_for(run_server, tmp_path):
    done = run_server.run("check", "--rate", *WORDS, "optim.learning_rate=100", "--html", "check.html", "--seeds", "1")
    assert done.returncode == 2  # an option of rate only
    done = run_server.run("check", "--rate", *WORDS, "optim.learning_rate=100", "--html", "check.html")
    assert done.returncode == 1, done.stderr
    assert "is beyond this range" in done.stdout
    assert done.stdout.splitlines()[-1] == "page: check.html"
    assert len(list((tmp_path / "outputs" / "pages").glob("rate-*.html"))) == 1


@pytest.mark.slow
@pytest.mark.parametrize("command", [["rate", "--seeds", "1"], ["batch"], ["check", "--rate"]])
def test_without_pictures_no_page_is_written(command, run_server, tmp_path):
    done = run_server.run(*command, *WORDS, "pictures=false")
    assert done.returncode in (0, 1), done.stderr
    assert "page" not in done.stdout
    assert "median of 1 seed" not in done.stdout
    assert not (tmp_path / "outputs" / "pages").exists()
