"""Which batch sizes are tried, and how their speed is measured."""

import json
from types import SimpleNamespace

import pytest

from batch_size.fakes import FakeFeed, FakeStep, report
from exprun.batch_size import measure as measuring
from exprun.batch_size.measure import REPEATS, measure
from exprun.config.errors import RunError
from exprun.trainer import memory
from tiny import SESSION, config

GB = 2**30
FAST = ["data.size=8", "data.channels=1", "model.layers=[{conv: 8},flatten]"]


@pytest.fixture
def fake(monkeypatch):
    """A function that measures a fake step."""

    def run(step, images=1000, **more):
        settings = config()
        dataset = SimpleNamespace(train=None)
        assembly = SimpleNamespace(config=settings, dataset=dataset, step=step)
        monkeypatch.setattr("exprun.assembly.assemble", lambda *_: assembly)
        evaluator = SimpleNamespace(feed=lambda _: FakeFeed(images))
        monkeypatch.setattr("exprun.trainer.evaluation.Evaluator", lambda *_: evaluator)
        return measure(settings, SESSION, **more)

    return run


def test_on_a_gpu_sizes_are_tried_until_the_memory_does_not_suffice(fake):
    step = FakeStep(fits=100)
    sizes = fake(step)
    assert [speed.size for speed in sizes.speeds] == [8, 16, 32, 64]
    assert (sizes.end, sizes.following) == ("memory", 128)
    assert all(len(speed.images_per_second) == REPEATS for speed in sizes.speeds)
    assert step.trained.count(128) == 1  # it is not tried again
    assert step.size == 32  # the configured size, for whoever uses the step next
    repeats = step.trained[step.trained.index(128) + 1 :]
    assert repeats == [8, 16, 32, 64] * REPEATS  # in turn


def test_no_batch_is_larger_than_the_training_split(fake):
    sizes = fake(FakeStep(), images=40)
    assert [speed.size for speed in sizes.speeds] == [8, 16, 32]
    assert (sizes.end, sizes.images) == ("images", 40)


def test_on_a_cpu_a_size_that_would_need_too_much_memory_is_never_tried(fake, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 4 * GB)
    monkeypatch.setattr(memory, "needed", lambda *_: GB // 20)
    step = FakeStep(gpu=False)
    sizes = fake(step)
    assert max(step.trained) == 32  # 1.5 · 64 / 20 GB are more than 0.8 · 4 GB
    assert (sizes.end, sizes.following, sizes.free) == ("memory", 64, 4 * GB)


def test_what_smaller_batches_have_needed_counts_too(fake, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 4 * GB)
    monkeypatch.setattr(memory, "needed", lambda *_: 1)  # a network of layers whose outputs are not known
    step = FakeStep(gpu=False)
    monkeypatch.setattr(measuring, "_peak", lambda: step.size * GB // 19)
    assert fake(step).speeds[-1].size == 32
    assert max(step.trained) == 32


def test_time_ends_the_search(fake):
    sizes = fake(FakeStep(), images=10**9, minutes=1e-9)
    assert [speed.size for speed in sizes.speeds] == [8]
    assert sizes.end == "time"
    assert len(sizes.speeds[0].images_per_second) == 1


@pytest.mark.parametrize(
    ("step", "images", "said"),
    [
        (FakeStep(fits=1), 1000, "Not even a batch of 8 images"),
        (FakeStep(), 5, "only 5 training images"),
        (FakeStep(finite=False), 1000, "not finite: python -m exprun check"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(fake, step, images, said):
    with pytest.raises(RunError, match=said):
        fake(step, images)


@pytest.mark.slow
@pytest.mark.usefixtures("own_steps")
def test_a_real_network_keeps_its_weights():
    from exprun.assembly import assemble
    from exprun.session import Session

    session = Session()
    weights = assemble(config(*FAST), session).step.model.trainable_variables
    before = [weight.numpy().copy() for weight in weights]
    sizes = measure(config(*FAST), session, minutes=0.02)
    assert len(session.steps) == 1
    after = [weight.numpy() for weight in weights]
    assert all((a == b).all() for a, b in zip(before, after, strict=True))
    assert sizes.speeds[0].median > 0


def test_the_smallest_batch_that_is_nearly_as_fast_is_the_one_to_take():
    found = report({8: [100.0], 16: [190.0], 32: [194.0, 196.0, 900.0], 64: [200.0]}, overrides="model=cnn")
    assert found.fastest.size == 64
    assert found.take.size == 16
    assert found.word == "trainer.batch_size=16"
    assert found.sentences()[-1].endswith("python -m exprun rate model=cnn trainer.batch_size=16")
    assert [found.note(speed) for speed in found.sizes.speeds] == ["", "take", "", "fastest, configured"]


@pytest.mark.parametrize(
    ("end", "free", "said"),
    [
        ("memory", 8 * GB, "128 would need more than 80 % of the 8.0 free GB"),
        ("memory", None, "128 would need more than the device has"),
        ("images", None, "the training split has only 10,000"),
        ("time", None, "--minutes gives time for more"),
    ],
)
def test_why_no_larger_batch_was_tried(end, free, said):
    assert any(said in line for line in report({64: [1.0]}, end, free=free).sentences())


def test_the_command_prints_a_table_and_a_word_and_writes_a_page(run_server, tmp_path):
    words = ["tracking=none", "data.limit=100", "trainer.precision=float32", "trainer.batch_size=16", *FAST]
    done = run_server.run("batch", *words, "--minutes", "0.01", "--html", "page.html")
    assert done.returncode == 0, done.stderr
    assert "Smallest batch within 5 % of the highest speed: trainer.batch_size=" in done.stdout
    assert "trainer.batch_size=16 trainer.batch_size=" not in done.stdout
    assert done.stdout.splitlines()[-1] == "page: page.html"
    assert "images/s" in (tmp_path / "page.html").read_text()


@pytest.mark.slow
def test_json_is_all_that_is_printed_with_it(run_server):
    words = ["tracking=none", "data.limit=100", "trainer.precision=float32", *FAST]
    done = run_server.run("batch", *words, "--minutes", "0.001", "--json")
    found = json.loads(done.stdout)
    assert found["sizes"][0]["batch_size"] == 8
    assert found["override"].startswith("trainer.batch_size=")
