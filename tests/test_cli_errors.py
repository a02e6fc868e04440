"""Wrong command lines as a person types them: one sentence, exit code 2, nothing heavy loaded, nothing written."""

import subprocess
import sys

import pytest
import yaml

import forked
from exprun.config.options import options
from exprun.trainer.memory import may_have_gpu


@pytest.fixture(scope="module")
def server():
    """The process that commands are forked from, which refuses the heavy packages."""
    started = forked.Server(forked.CLI, forked.HEAVY)
    yield started
    started.close()


def output(server, *words, **environment):
    """What a command that succeeds has printed, without loading a heavy package."""
    done = server.run(*words, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    printed, _, asked = done.stdout.rpartition("loaded: ")
    assert asked == "[]\n"
    return printed


def refusal(server, tmp_path, words):
    """The sentence of a command line that is refused."""
    before = sorted(tmp_path.rglob("*"))
    done = server.run(*words)
    assert "Traceback" not in done.stderr, done.stderr[-500:]
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("exprun: ")
    assert done.stdout == "loaded: []\n"
    assert sorted(tmp_path.rglob("*")) == before
    return done.stderr


WRONG = [
    (["foo"], "'foo' is neither a command"),
    (["a b"], "'a b' is not an override"),
    ([""], "is not an override"),
    (["=1"], "key=value"),
    (["--bogus"], "--bogus"),
    (["-z"], "-z"),
    (["--cfg"], "--cfg"),
    (["--cfg", "everything"], "choose from"),
    (["--info", "everything"], "choose from"),
    (["--resolve"], "--resolve goes with --cfg"),
    (["--package", "model"], "--package"),
    (["--cfg", "job", "--package", "nope"], "--package nope"),
    (["--experimental-rerun", "run.pickle"], "--experimental-rerun"),
    (["--run", "--multirun"], "Only one of"),
    (["--config-dir", "nowhere"], "--config-dir nowhere is not a folder"),
    (["--config-name", "nowhere"], "nowhere.yaml"),
    (["--config-path", "nowhere"], "--config-dir"),
    (["-sc", "foo"], "install"),
    (["model=vgg61"], "vgg16"),
    (["model=null"], "model"),
    (["model=vgg16,cnn"], "model=vgg16,cnn names several values: add -m"),
    (["optim.lr=0.1"], "did you mean optim.learning_rate"),
    (["+optim.foo=1"], "Unknown key optim.foo"),
    (["++foo=1"], "Unknown key foo"),
    (["~foo"], "Unknown key foo"),
    (["init.stddev=1"], "init=he_normal does not use init.stddev"),
    (["++norm.groups=1"], "norm=batch does not use norm.groups"),
    (["schedule=by_epoch"], "needs schedule.rates"),
    (["trainer.epochs=2.5"], "a whole number"),
    (["trainer.epochs=0"], "at least 1"),
    (["trainer.precision=half"], "mixed_bfloat16"),
    (["seed=\x1b[31m"], "cannot be read"),
    (["data=image_folder"], "needs data.root"),
    (["model=vgg16", "data.size=8"], "at least 32×32"),
    (["model=python"], "model.builder"),
    (["data.root=${nope}"], "cannot be resolved"),
    (["hydra.mode=FOO"], "MULTIRUN"),
    (["hydra/launcher=nope"], "nope"),
    (["-m", "seed=0,1", "run_dir=here"], "would be shared"),
    (["-m", "model=cnn,vgg61"], "model=vgg61 is not known"),
    (["-m", "seed=interval(0,1)"], "is an interval, and only a search can choose values in it"),
    (["-m", "model=glob(vgg*)", "data.size=8"], "too deep"),
    (["-m", "hydra.sweeper.params=3"], "hydra.sweeper.params"),
    (["--cfg", "job", "optim.lr=0.1"], "optim.learning_rate"),
    (["ui", "--port", "99999"], "1 to 65535"),
    (["ui", "--port", "x"], "--port"),
    (["ui", "foo"], "foo"),
    (["ui", "--host", "everywhere"], "must be an address"),
    (["ui"], "no store"),
    (["ui", "--uri", "nonsense://x"], "must be a database"),
    (["export", "last", "--to", "elsewhere"], "--folder names the folder of the files"),
    (["serve"], "required: RUN"),
    (["serve", "nothing"], "There is no run named nothing"),
    (["serve", "last", "--port", "99999"], "1 to 65535"),
    (["export", "last", "--int8"], "--int8 is for --to tflite, not for --to keras"),
    (["export", "last", "--to", "onnx", "--float16"], "--float16 is for --to tflite, not for --to onnx"),
    (["export", "last", "--to", "tflite", "--float16", "--int8"], "not allowed with"),
    (["data=arrays", "data.root=nowhere"], "data.root=nowhere does not exist"),
    (["data.fold=1"], "data.fold=1 needs data.folds, the number of folds: add data.folds=5"),
    (["data.folds=3"], "data.folds=3 needs data.fold, the fold to validate on: add data.fold=0"),
    (["data.folds=1", "data.fold=0"], "data.folds is 1, but must be at least 2"),
    (["data.folds=5", "data.fold=5"], "data.fold=5, but data.folds=5 numbers the folds from 0 to 4"),
    (["data.folds=5", "data.fold=0", "data.validation=test"], "data.validation=test excludes data.folds"),
    (["data.folds=5", "data.fold=0", "data.val_fraction=0.2"], "data.folds=5 excludes data.val_fraction"),
    (["-m", "data.folds=5", "data.fold=0,5"], "data.fold=5, but data.folds=5"),
    (["-m", "sweep=tuned", "optim=adam,rmsprop", "data.folds=5", "data.fold=0,1"], "give data.fold one value"),
    (["data.group=folder"], "data=digits has no groups"),
    (["data=palm_vein", "data.group=folder"], "data=palm_vein has no groups"),
    (["data=image_folder", "data.root=.", "data.group=patient"], "a pattern with one group in parentheses"),
    (["data=image_folder", "data.root=.", "data.group=(a)(b)"], "but it has 2"),
    (["data=image_folder", "data.root=.", "data.group=(a"], "data.group=(a must be folder or outer_folder, or"),
    (["data=image_folder", "data.root=.", "data.split=a"], "does not use data.split; it belongs to data=csv"),
    (["data=csv"], "data=csv needs data.root=…, the CSV file that lists your images"),
    (["fault=foo"], "fault=foo is not known; valid names are bypass_preprocessing"),
    (["fault=bypass_preprocessing", "input=raw"], "needs a scaling to bypass"),
    (["adversary=pgd", "adversary.steps=0"], "adversary.steps is 0, but must be at least 1"),
    (
        ["adversary=fgsm", "adversary.steps=3"],
        "adversary=fgsm does not use adversary.steps; it belongs to adversary=pgd",
    ),
    (["input.crop=40"], "input.crop=40 is more than data.size=32"),
    (["data.people=5"], "data=digits does not use data.people; it belongs to data=palm_vein"),
    (
        ["optim=adam", "optim.momentum_of=gradients"],
        "momentum_of=gradients belongs to optim=sgd_momentum and",
    ),
    (["trainer.metrics=[f1]"], "must be one of binary_accuracy"),
    (["model.fine_tune_rate=0.1"], "it needs model.weights="),
    (["model.weights=missing"], "model.weights=missing does not exist"),
    (["run_dir=/dev/null/x"], "is a file"),
    (["run_dir=/"], "holds other files but no run"),
    (["check", "modle=vgg16"], "Unknown key modle"),
    (["check", "doctor=none"], "leave out doctor=none"),
    (["check", "doctor.thrust=1"], "Unknown key doctor.thrust"),
    (["show", "data=image_folder"], "data=image_folder needs data.root="),
    (["show", "data=image_folder", "data.root=missing"], "data.root=missing does not exist"),
    (["show", "augmnt=cifar"], "Unknown key augmnt"),
    (["show", "--html", "."], "--html .: it must be a file, such as page.html, not a folder"),
    (["explain", "model=vgg99"], "model=vgg99 is not known"),
    (
        ["tracking.uri=./mlruns"],
        "but MLflow 3 does not keep runs in folders: use a database or a server, for example sqlite:////",
    ),
    (["tracking.uri=localhost:5000"], "has no scheme: give http://localhost:5000"),
    (["tracking.tags={a@b: 1}"], "The tag a@b is not a name that MLflow accepts"),
    (["-m", "seed=0,1", "tracking.tags={a@b: 1}"], "The tag a@b is not a name that MLflow accepts"),
    (["check", "tracking.uri=nonsense://x"], "nonsense://x, which MLflow does not know"),
    (["sync", "--uri", "./mlruns"], "--uri is ./mlruns, a folder"),
    (["compare", "--experiment", "exprun", "--uri", "./mlruns"], "--uri is ./mlruns, a folder"),
    (["data.root=~nosuch/x"], "data.root=~nosuch/x: no home folder is known for ~nosuch"),
    (["data.cache=~nosuch/x"], "data.cache=~nosuch/x: no home folder is known"),
    (["run_dir=~nosuch/x"], "run_dir=~nosuch/x: no home folder is known"),
    (["model.weights=~nosuch/x"], "model.weights=~nosuch/x: no home folder is known"),
    (["tracking.uri='sqlite:///~nosuch/x'"], "sqlite:///~nosuch/x: no home folder is known"),
    (["-m", "seed=0,1", "hydra.sweep.dir=~nosuch/x"], "hydra.sweep.dir=~nosuch/x: no home folder is known"),
    (["--config-dir", "~nosuch"], "--config-dir ~nosuch: no home folder is known"),
    (["runs", "show", "~nosuch"], "~nosuch: no home folder is known"),
    (["rate", "optim.lr=0.1"], "did you mean optim.learning_rate"),
    (["rate", "--minutes", "0"], "--minutes is 0, but must be above 0"),
    (["rate", "--seeds", "99"], "--seeds is 99, but must be from 1 to 20"),
    (["rate", "--json", "--open"], "add --html FILE, or leave out --open"),
    (["rate", "--html", "."], "--html .: it must be a file"),
    (["batch", "modle=vgg16"], "Unknown key modle"),
    (["batch", "--minutes", "x"], "--minutes"),
    (["batch", "trainer.accumulate=2"], "leave out trainer.accumulate"),
    (["batch", "--json", "--open"], "add --html FILE, or leave out --open"),
    (["diagnose", "--html", ".", __file__], "--html .: it must be a file"),
    (["check", "--html", "page.html", "pictures=false"], "pictures=false writes none"),
    (["show", "pictures=false"], "pictures=false writes none"),
    (["rate", "--open", "pictures=false"], "pictures=false writes none"),
    (["batch", "--html", "page.html", "pictures=false"], "pictures=false writes none"),
    (["check", "--rate", "doctor=none"], "leave out doctor=none"),
    (["--help", "optm"], "optm is not a command, a group or a key; did you mean optim or"),
    (["--help", "learning_rate"], "did you mean optim.learning_rate"),
    (["--help", "vgg16"], "vgg16 is an option of model: type --help model"),
    (["--help", "--config-dir", "nowhere"], "--config-dir nowhere is not a folder"),
    (["compare", "~nosuch"], "~nosuch: no home folder is known"),
    (["sync", "~nosuch"], "~nosuch: no home folder is known"),
    (["explain", "model=vgg16", "--against"], "--against needs the overrides of another config"),
    (["data.decode=stream"], "data=digits does not use data.decode"),
    (["data=image_folder", "data.root=.", "data.decode=stream"], "set data.size, for example"),
    (
        ["data=image_folder", "data.root=s3://bucket/x", "data.decode=stream", "data.size=32"],
        "data.decode=stream reads files of this machine only",
    ),
]
# What another line or a test of the configuration has too: these are slow.
REPEATED = {
    "schedule=by_epoch",
    "trainer.epochs=2.5",
    "trainer.epochs=0",
    "model=vgg16 data.size=8",
    "data=image_folder",
    "data.root=${nope}",
    "-m seed=0,1 run_dir=here",
    "-m model=cnn,vgg61",
    "-m model=glob(vgg*) data.size=8",
    "init.stddev=1",
    "trainer.precision=half",
    "model=python",
    "data=arrays data.root=nowhere",
    "data.folds=1 data.fold=0",
    "-m data.folds=5 data.fold=0,5",
    "-m sweep=tuned optim=adam,rmsprop data.folds=5 data.fold=0,1",
    "data=palm_vein data.group=folder",
    "data=image_folder data.root=. data.split=a",
    "data=csv",
    "data.people=5",
    "adversary=fgsm adversary.steps=3",
    "adversary=pgd adversary.steps=0",
    "show data=image_folder",
    "explain model=vgg99",
    "-m seed=0,1 tracking.tags={a@b: 1}",
    "data.cache=~nosuch/x",
    "run_dir=~nosuch/x",
    "model.weights=~nosuch/x",
    "rate optim.lr=0.1",
    "batch modle=vgg16",
    "rate --html .",
    "rate --open pictures=false",
    "batch --html page.html pictures=false",
    "explain model=vgg16 --against",
    "--cfg job optim.lr=0.1",
}


@pytest.mark.parametrize(
    ("words", "said"),
    [pytest.param(*one, marks=pytest.mark.slow if " ".join(one[0]) in REPEATED else []) for one in WRONG],
    ids=lambda value: " ".join(value).encode("unicode_escape").decode() if isinstance(value, list) else "",
)
def test_a_wrong_command_line_is_one_sentence(server, tmp_path, words, said):
    assert said in refusal(server, tmp_path, words)


def test_a_wrong_command_line_in_a_new_interpreter():
    done = subprocess.run([sys.executable, "-m", "exprun", "model=vgg61"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("exprun: model=vgg61 is not known")


def test_broken_files_of_ones_own_are_one_sentence(server, tmp_path):
    (tmp_path / "conf/optim").mkdir(parents=True)
    file = tmp_path / "conf/optim/mine.yaml"
    file.write_text("name: [sgd\n")
    assert "optim/mine.yaml, line" in refusal(server, tmp_path, ["optim=mine"])
    file.write_text("#" * 300_000)
    assert "larger than 256 kB" in refusal(server, tmp_path, ["optim=mine"])
    file.write_text("learning_rate: 0.1\n")
    assert "has no name" in refusal(server, tmp_path, ["optim=mine"])


def test_no_character_reaches_the_terminal_that_it_would_obey(server, tmp_path):
    assert "\x1b" not in refusal(server, tmp_path, ["model=\x1b[31mred"])


def test_version():
    from exprun import __version__

    done = subprocess.run([sys.executable, "-m", "exprun", "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"exprun {__version__}\n", "")


def test_cfg_job_is_yaml_with_all_groups(server, tmp_path):
    config = yaml.safe_load(output(server, "--cfg", "job", "model=vgg16"))
    assert {*options()} - {"experiment"} <= set(config)
    assert config["model"]["name"] == "vgg16"
    assert "hydra" not in config
    assert not list(tmp_path.iterdir())


def test_cfg_job_resolved_has_no_interpolation(server):
    words = ["--cfg", "job", "tracking.experiment=${model.name}"]
    assert yaml.safe_load(output(server, *words))["tracking"]["experiment"] == "${model.name}"
    assert yaml.safe_load(output(server, *words, "--resolve"))["tracking"]["experiment"] == "cnn"


def test_cfg_shows_what_a_run_would_take(server):
    printed = output(server, "--cfg", "job", "init.classifier.name=gaussian", "init.classifier.stddev=0.1")
    assert yaml.safe_load(printed)["init"]["classifier"] == {"name": "gaussian", "stddev": 0.1}


def test_cfg_of_a_package(server):
    assert yaml.safe_load(output(server, "--cfg", "job", "--package", "norm"))["name"] == "batch"


def test_info_shows_the_search_path(server, tmp_path):
    (tmp_path / "conf").mkdir()
    assert str(tmp_path / "conf") in output(server, "--info", "searchpath")


@pytest.mark.parametrize("line", ["exprun model=vg", "python -m exprun model=vg", "python3 -m exprun seed=1 model=vg"])
def test_tab_completes_options(server, line):
    printed = output(server, "-sc", "query=bash", COMP_LINE=line, COMP_POINT=str(len(line)))
    assert printed.split() == ["model=vgg11", "model=vgg13", "model=vgg16", "model=vgg19"]


def test_tab_completion_can_be_installed(server):
    assert "complete " in output(server, "-sc", "install=bash")


HUGE = "model.layers=[{conv: 64}, flatten, {dense: 65536, repeat: 1000}]"  # more than the memory of any machine


@pytest.mark.skipif(may_have_gpu(), reason="the memory of a GPU is not known before TensorFlow is imported")
@pytest.mark.parametrize(
    "words",
    [
        [],
        ["-m", "seed=0,1"],
        *(pytest.param([one], marks=pytest.mark.slow) for one in ("check", "rate", "batch", "explain")),
    ],
)
def test_a_network_that_cannot_fit_into_memory_is_refused_before_it_is_built(server, tmp_path, words):
    sentence = refusal(server, tmp_path, [*words, HUGE])
    assert "million weights in dense1" in sentence
    assert "GB of memory are left" in sentence
