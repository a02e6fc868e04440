"""From overrides to a checked config: what is allowed, where files are found, and what each error says."""

import re
from collections import OrderedDict
from dataclasses import asdict
from functools import cache

import pytest
from omegaconf import OmegaConf

from exprun.config.compose import Composer, typed
from exprun.config.errors import ConfigError
from exprun.config.model_checks import check_shape
from exprun.config.options import options, shipped_conf
from exprun.sweep import plan

NEEDED = {
    "data=image_folder": ["data.root=pictures"],
    "data=csv": ["data.root=labels.csv"],
    "data=arrays": ["data.root=arrays.npz"],
    **{f"data={name}": ["data.root=images"] for name in ("parquet", "tfrecord", "webdataset", "huggingface", "tfds")},
    "model=python": ["model.builder=package.module:function"],
    "model=application": ["model.application=MobileNetV2", "data.size=32", "data.channels=3"],
    "model=hub": ["model.preset=resnet_50_imagenet"],
    "input=preset": ["model=hub", "model.preset=resnet_50_imagenet"],
    "model=alexnet": ["data.size=67"],
    "model=palm_alexnet": ["data.size=57"],
    "init=whiten": ["model=cifar10_fast"],
    "schedule=by_epoch": ["schedule.rates=[0.1]"],
    "loss=distillation": ["model.teacher=run"],
    "schedule=milestones": ["schedule.milestones=[1.0]"],
}
SHIPPED = {group: found for group, found in options().items() if group != "experiment"}
CHOICES = [f"{group}={option}" for group, found in SHIPPED.items() for option in found]


def refused(overrides, composer=None):
    """The sentence with which the overrides are refused."""
    with pytest.raises(ConfigError) as caught:
        (composer or Composer()).config(overrides.split(" ") if isinstance(overrides, str) else overrides)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@cache
def composed(*overrides):
    """The composed groups as plain values; shared by tests that do not change them."""
    return OmegaConf.to_container(Composer().compose(list(overrides)), resolve=True)


# What is composed


def test_defaults(composer):
    config = composer.config([])
    names = (config.data.name, config.input.name, config.norm.name, config.init.name, config.model.name)
    assert names == ("digits", "standardize", "batch", "he_normal", "cnn")
    assert (config.seed, config.progress, config.tracking.name) == (0, "auto", "mlflow")
    assert config.run_dir.startswith("outputs/runs/")


def test_each_run_has_a_folder_of_its_own():
    assert Composer().config([]).run_dir != Composer().config([]).run_dir


def test_overrides_are_taken(composer):
    config = composer.config(["model=vgg16", "optim=adam", "optim.learning_rate=0.5", "seed=7", "data.root=${run_dir}"])
    assert (config.model.name, config.optim.name, config.optim.learning_rate, config.seed) == ("vgg16", "adam", 0.5, 7)
    assert config.data.root == config.run_dir


def test_a_key_that_the_options_file_leaves_out_can_be_set(composer):
    assert composer.config(["optim.weight_decay=0.01", "data.limit=100"]).optim.weight_decay == 0.01


def test_tags_can_be_added(composer):
    assert composer.config(["+tracking.tags.paper=vgg"]).tracking.tags == {"paper": "vgg"}


def test_a_file_that_changes_is_read_again_and_otherwise_once(tmp_path, monkeypatch):
    composer = Composer(str(tmp_path))
    write(tmp_path / "optim" / "mine.yaml", "name: sgd\nlearning_rate: 0.5\n")
    assert composer.config(["optim=mine", "optim.learning_rate=0.25"]).optim.learning_rate == 0.25
    with monkeypatch.context() as patch:
        patch.setattr("yaml.load", lambda *_, **__: pytest.fail("read once more"))
        assert composer.config(["optim=mine"]).optim.learning_rate == 0.5
    write(tmp_path / "optim" / "mine.yaml", "name: sgd\nlearning_rate: 0.7\n")
    assert composer.config(["optim=mine"]).optim.learning_rate == 0.7


def test_a_defaults_list_may_refer_to_a_choice(tmp_path):
    root = (shipped_conf() / "config.yaml").read_text()
    write(tmp_path / "config.yaml", root.replace("- optim: sgd_momentum", "- optim: ${model}"))
    write(tmp_path / "optim" / "cnn.yaml", "name: sgd\nlearning_rate: 0.25\n")
    assert Composer(str(tmp_path)).config([]).optim.learning_rate == 0.25


def test_a_class_of_a_plugin_that_was_loaded_again_is_no_obstacle(composer, monkeypatch):
    from hydra._internal.core_plugins import basic_sweeper

    monkeypatch.setattr("exprun.config.loader._COMPOSED", OrderedDict())
    monkeypatch.setattr(basic_sweeper, "BasicSweeperConf", type("BasicSweeperConf", (), {}))
    assert composer.config(["norm=none"]).norm.name == "none"


def test_null_deselects_an_experiment(composer):
    assert composer.config(["experiment=null"]).model.name == "cnn"


def with_option(group, option):
    """The default groups, and one of another option.

    No group knows of another (see `test_presets.py`), so one composition serves an option of each group. Options that
    need settings are composed alone.
    """
    choice = f"{group}={option}"
    if choice in NEEDED:
        return composed(choice, *NEEDED[choice])
    number = list(SHIPPED[group]).index(option)
    together = [f"{other}={list(found)[number % len(found)]}" for other, found in SHIPPED.items()]
    return composed() | {group: composed(*together)[group]}


@pytest.mark.parametrize("choice", CHOICES)
def test_every_shipped_option_composes_and_validates(choice):
    config = typed(with_option(*choice.split("=")), {choice.split("=")[0]})
    assert asdict(config)[choice.split("=")[0]]["name" if not choice.startswith("trainer") else "epochs"]


@pytest.mark.parametrize("group", SHIPPED)
def test_every_option_says_what_it_is(group):
    assert all(line.endswith(".") and " " in line for line in SHIPPED[group].values())


# Keys and options that are not there


@pytest.mark.parametrize("key", ["foo", "optim.foo", "data.sizes", "model.layer", "optim.learning_rate.x"])
@pytest.mark.parametrize("prefix", ["", "+", "++", "~"])
def test_a_key_outside_the_schema_is_refused(key, prefix):
    assert refused(f"{prefix}{key}" if prefix == "~" else f"{prefix}{key}=1").startswith(f"Unknown key {key};")


@pytest.mark.parametrize("prefix", ["++", *(pytest.param(one, marks=pytest.mark.slow) for one in ("", "+"))])
@pytest.mark.parametrize(
    ("overrides", "using"),
    [
        ("init=he_normal {}init.stddev=1", "init=gaussian"),
        ("optim=sgd {}optim.momentum=0.9", "optim=nesterov"),
        ("norm=none {}norm.momentum=0.9", "norm=batch"),
        ("tracking=none {}tracking.experiment=x", "tracking=mlflow"),
        ("schedule=cosine {}schedule.rates=[0.1]", "schedule=by_epoch"),
        ("data=digits {}data.corrupt=skip", "data=image_folder"),
    ],
)
def test_a_key_that_the_option_does_not_use_is_refused(overrides, using, prefix):
    sentence = refused(overrides.format(prefix))
    assert f"{overrides.split()[0]} does not use {overrides.split('}')[1].split('=')[0]};" in sentence
    assert using in sentence


def test_a_part_of_init_refuses_what_its_initialiser_does_not_use():
    sentence = refused(["init.classifier={name: he_normal, stddev: 1.0}"])
    assert "init.classifier=he_normal does not use init.classifier.stddev" in sentence


def test_a_part_of_init_can_be_set_key_by_key(composer):
    """The way a person types it, and the way Hydra gets it in a run."""
    words = ["init.classifier.name=gaussian", "init.classifier.stddev=0.1"]
    assert composer.config(words).init.classifier.stddev == 0.1
    assert composer.compose(words).init.classifier.stddev == 0.1


@pytest.mark.parametrize(
    ("overrides", "key"),
    [
        ("schedule=by_epoch", "schedule.rates"),
        ("schedule=milestones", "schedule.milestones"),
        ("init.conv={name:gaussian}", "init.conv.stddev"),
        ("~optim.momentum", "optim.momentum"),
        ("~trainer.epochs", "trainer.epochs"),
        ("trainer.epochs=???", "trainer.epochs"),
        ("~norm", "norm.name"),
    ],
)
def test_a_missing_key_is_named(overrides, key):
    assert re.search(rf"needs {key}|{key} is missing", refused(overrides))


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("optim.lr=1", "optim.learning_rate"),
        ("optim.learning_rat=1", "optim.learning_rate"),
        ("learning_rate=1", "optim.learning_rate"),
        ("epochs=3", "trainer.epochs"),
        ("trainer.epoch=3", "trainer.epochs"),
        ("mode=vgg16", "model"),
        ("model=vgg61", "vgg16"),
        ("model=resnet10", "resnet20"),
        ("optim=sgd_momentun", "sgd_momentum"),
        ("data=cifar", "cifar10"),
        ("experiment=smok", "smoke"),
    ],
)
def test_the_nearest_names_are_given(given, meant):
    said = refused(given).split("did you mean ")[1].rstrip("?")
    assert meant in said.split(" or ")


def test_what_resembles_nothing_gets_a_list():
    assert "valid names are alexnet, application, cifar10_fast" in refused("model=zzzzz")


@pytest.mark.parametrize("group", ["model", "norm", "optim"])
def test_a_group_without_an_option_is_refused(group):
    assert group in refused(f"{group}=null")


@pytest.mark.parametrize(
    "text", ["seed", "a b", "model==cnn", "seed=[1", "seed='1", "--x", "=1", "data.root=${run_dir", ""]
)
def test_what_is_no_override_is_refused(text):
    refused([text])


@pytest.mark.parametrize("text", ["model=cnn,vgg16", "seed=1,2", "trainer.epochs=1,2", "experiment=smoke,smoke"])
def test_several_values_need_multirun(text):
    sentence = refused(text)
    assert sentence.startswith(text)
    assert "add -m" in sentence


@pytest.mark.parametrize("text", ["data.root=${nope}", "seed=${seed}", "data.root=${oc.env:NOT_THERE_AT_ALL}"])
def test_an_interpolation_that_leads_nowhere_is_refused(text):
    assert "cannot be resolved" in refused(text)


def test_an_unknown_launcher_is_refused_with_those_there_are():
    assert "basic" in refused("hydra/launcher=nope")


# Types, ranges, allowed values


@pytest.mark.parametrize(
    ("given", "allowed"),
    [
        ("trainer.epochs=2.5", "a whole number"),
        ("trainer.epochs=true", "a whole number"),
        ("trainer.epochs='3'", "a whole number"),
        ("trainer.epochs=null", "a whole number"),
        ("trainer.epochs=0", "at least 1"),
        ("seed=-1", "at least 0"),
        ("seed=4294967296", "below 4294967296"),
        ("seed=1.0", "a whole number"),
        ("optim.learning_rate=fast", "a number"),
        ("optim.learning_rate=0", "above 0"),
        ("optim.learning_rate=1001", "at most 1000"),
        ("optim.learning_rate=nan", "a finite number"),
        ("optim.learning_rate=-inf", "a finite number"),
        ("optim.momentum=1.0", "below 1"),
        ("norm.momentum=-0.1", "at least 0"),
        ("trainer.resume=1", "true or false"),
        ("trainer.resume='true'", "true or false"),
        ("trainer.precision=float16", "one of auto, float32, mixed_bfloat16, mixed_float16"),
        ("trainer.jit=maybe", "auto"),
        ("data.channels=2", "one of 1, 3"),
        ("data.class_weights=equal", "balanced"),
        ("data.size=5000", "at most 4096"),
        ("data.classes=[true,false]", "a string or a whole number"),
        ("norm.where=[convs]", "one of conv, dense"),
        ("optim.decay_exempt=bias", "a list"),
        ("run_dir=null", "a string"),
        ("run_dir=''", "a string that is not empty"),
        ("model.layers=vgg", "a list"),
        ("schedule=by_epoch schedule.rates=[]", "a list that is not empty"),
        ("progress=loud", "one of auto, rich, plain, quiet"),
    ],
)
def test_wrong_values_are_refused_with_what_is_allowed(given, allowed):
    key = given.split()[-1].split("=")[0]
    sentence = refused(given)
    assert re.match(rf"{re.escape(key)}(\[0\])? is .*, but must be .*{re.escape(allowed)}", sentence), sentence


def test_a_long_value_is_shortened():
    assert len(refused(f"trainer.precision={'x' * 5000}")) < 300


def test_whole_numbers_serve_as_numbers(composer):
    assert composer.config(["optim.learning_rate=1"]).optim.learning_rate == 1.0


# Rules between several settings


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ("model=python", "model=python needs model.builder="),
        ("model.builder=a:b", "exclude each other"),
        ("model=python model.builder=a:b model.layers=[flatten]", "exclude each other"),
        ("model=python model.builder=a.b", "must be written package.module:function"),
        ("model=python model.builder=a:b:c", "must be written package.module:function"),
        ("model=python model.builder=a.py:b-c", "must be written package.module:function"),
        ("model=python model.builder=a:b init=gaussian", "does not use init"),
        ("model=python model.builder=a:b norm.momentum=0.5", "does not use norm.momentum"),
        ("model=vgg16 data.size=31", "at least 32×32"),
        ("model=vgg16 data=mnist", "too deep for images of 28×28"),
        ("model.layers=[conv:3]", "model.layers[0]"),
        ("model.layers=[]", "add flatten"),
        ("data=image_folder", "data=image_folder needs data.root="),
        ("data=arrays", "data=arrays needs data.root="),
        ("data.classes=[1]", "at least two classes"),
        ("data.classes=[1,1]", "each once"),
        ("data.classes=[1,10]", "data.classes names 10"),
        ("data.classes=[cat,1]", "data.classes names cat"),
        ("data=cifar10 data.classes=[cat,dgo]", "data.classes names dgo"),
        ("data=cifar100 data.classes=[1,100]", "data.classes names 100"),
        ("data=cifar10 data.classes=[cat,9]", "data.classes mixes names and numbers: cat is the name of a class, 9 is"),
        ("data=palm_vein data.classes=[person0001,2]", "data.classes mixes names and numbers"),
        ("data.class_weights=[1,2]", "2 weights for 10 classes"),
        ("data.classes=[0,1] data.class_weights=[1,2,3]", "3 weights for 2 classes"),
        ("data.classes=[0,1] data.class_weights=[1,-2]", "must not be negative"),
        ("data.classes=[0,1] data.class_weights=[0,0]", "at least one must be above 0"),
        ("data.limit=19", "fewer than two images for each of the 10 classes"),
        ("data.classes=[0,1] data.limit=3", "fewer than two images for each of the 2 classes"),
        ("data.val_fraction=0.5 data.test_fraction=0.5", "leave nothing to train on"),
        ("data.val_fraction=0", "nothing to validate on"),
        ("data.validation=test data.test_fraction=0", "needs test images"),
        ("trainer.batch_size=1797", "but there are only about 14"),
        ("data.limit=100 trainer.batch_size=100", "but there are only about 80 training"),
        ("data=cifar10 trainer.batch_size=50000", "but there are only about 45000 training"),
        ("data=cifar10 data.classes=[cat,dog] trainer.batch_size=10000", "but there are only about 9000 training"),
        ("optim=adam optim.decay=decoupled", "optim=adam has no decoupled decay"),
        (
            "data.class_weights=balanced loss=class_balanced",
            "choose data.class_weights=none or loss.class_balance=null",
        ),
        ("trainer.batch_size=10 trainer.accumulate=4", "cannot be split evenly by trainer.accumulate=4"),
        ("loss.gamma=1", "loss=cross_entropy does not use loss.gamma; it belongs to loss=focal"),
        ("optim.clip_norm=1 optim.clip_value=1", "Only one of optim.clip_norm"),
        ("optim.clip_norm=1 optim.clip_global_norm=1", "Only one of optim.clip_norm"),
        ("schedule.warmup_epochs=8", "not below trainer.epochs=8"),
        ("schedule=by_epoch schedule.rates=[0.1,-0.1]", "schedule.rates must lie between 0 and 1000"),
        ("trainer.resume=true trainer.checkpoint=false", "trainer.resume=true needs checkpoints"),
        ("tracking.model=checkpoint trainer.checkpoint=false", "tracking.model=checkpoint needs checkpoints"),
        (
            "tracking.register=digits",
            "tracking.register=digits needs the file of a model: add tracking.model=mlflow or",
        ),
        ("tracking.model=mlflow tracking.register=a/b", "tracking.register is 'a/b', but a name in MLflow's registry"),
        ("tracking=none tracking.register=digits", "tracking=none does not use tracking.register"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(overrides, message):
    assert message in refused(overrides)


def test_a_path_that_no_file_can_have_is_refused(composer):
    raw = OmegaConf.to_container(composer.compose([]), resolve=True)
    with pytest.raises(ConfigError, match="run_dir contains a character"):
        typed({**raw, "run_dir": "a\0b"})


@pytest.mark.parametrize(
    "overrides",
    [
        "model=vgg16 data.size=32",
        "data=cifar10 data.classes=[3,9]",
        "data=cifar100 data.classes=[apple,bear]",
        "data.classes=[0,1] data.class_weights=[1,0]",
        "data.limit=20 trainer.batch_size=16",
        "data=cifar10 data.validation=test data.val_fraction=0",
        "data=cifar10 data.validation=test trainer.batch_size=50000",
        "optim=adamw optim.decay=l2",
        "optim=nesterov optim.decay=decoupled",
        "schedule.warmup_epochs=7.5",
        "trainer.resume=true",
        "tracking.model=checkpoint",
        "model=python model.builder=package.module:function data.size=1",
    ],
)
def test_settings_that_go_together_are_accepted(composer, overrides):
    composer.config(overrides.split())


def test_a_size_known_only_from_the_files_is_checked_then(composer):
    config = composer.config(["data=image_folder", "data.root=x", "model=vgg16"])
    check_shape(config, (32, 40), 3)
    with pytest.raises(ConfigError, match="images of 40×31"):
        check_shape(config, (40, 31), 3)


# Where config files are found


def test_a_config_dir_comes_before_conf_before_what_ships(tmp_path):
    assert Composer().config(["optim=sgd"]).optim.learning_rate == 0.05
    write(tmp_path / "conf/optim/sgd.yaml", "name: sgd\nlearning_rate: 0.2\n")
    write(tmp_path / "mine/optim/sgd.yaml", "name: sgd\nlearning_rate: 0.3\n")
    assert Composer().config(["optim=sgd"]).optim.learning_rate == 0.2
    assert Composer("mine").config(["optim=sgd"]).optim.learning_rate == 0.3
    assert Composer("mine").config(["optim=adam"]).optim.name == "adam"


def test_an_option_of_ones_own_gets_the_generic_keys(tmp_path):
    write(tmp_path / "conf/optim/slow.yaml", "# Slow.\nname: sgd\nlearning_rate: 1.0e-6\n")
    optim = Composer().config(["optim=slow"]).optim
    assert (optim.learning_rate, optim.weight_decay, optim.decay_exempt) == (1e-6, 0.0, ["norm", "bias"])
    assert "slow" in refused("optim=slwo")
    assert options()["optim"]["slow"] == "Slow."


def test_an_option_of_ones_own_is_checked_too(tmp_path):
    write(tmp_path / "conf/optim/wrong.yaml", "name: sgd\nlearning_rate: 1.0\nlearning_rat: 2.0\n")
    assert "did you mean optim.learning_rate" in refused("optim=wrong")


def test_a_preset_of_ones_own_works(tmp_path):
    text = "# @package _global_\ndefaults:\n  - override /model: vgg11\ntrainer:\n  epochs: 3\n"
    write(tmp_path / "conf/experiment/mine.yaml", text)
    config = Composer().config(["experiment=mine"])
    assert (config.model.name, config.trainer.epochs, config.trainer.batch_size) == ("vgg11", 3, 64)


def test_a_config_dir_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match="--config-dir nowhere is not a folder"):
        Composer("nowhere")


def test_a_yaml_file_over_256_kb_is_refused(tmp_path):
    file = write(tmp_path / "conf/norm/big.yaml", "name: none\n".ljust(256 * 1024, "#"))
    assert Composer().config(["norm=big"]).norm.name == "none"
    write(file, "name: none\n".ljust(256 * 1024 + 1, "#"))
    assert "big.yaml is larger than 256 kB" in refused("norm=big")
    Composer().config([])  # a file that is not chosen is not read


def test_the_name_of_an_option_is_not_set_by_hand():
    assert "to choose an option, write init=…" in refused("init.name=gaussian")


def test_a_conf_of_another_hydra_program_is_left_alone(tmp_path):
    write(tmp_path / "conf/config.yaml", "db: {host: localhost}\n")
    write(tmp_path / "conf/model/vgg16.yaml", "name: theirs\n")
    assert Composer().config(["model=vgg16"]).model.layers is not None


def test_plain_text_needs_no_quotes(tmp_path):
    for value in ("Bilder/Übung", "~/pictures", "it's"):
        assert Composer().config(["data=image_folder", f"data.root={value}"]).data.root == value


@pytest.mark.parametrize(
    "text",
    ["name: sgd\nlearning_rate: [0.1\n", "name: sgd\n\tlearning_rate: 1\n", "name: sgd\nname: : x\n", "a: 1\n- 2\n"],
)
def test_a_broken_yaml_file_is_named_with_its_line(tmp_path, text):
    write(tmp_path / "conf/optim/broken.yaml", text)
    assert re.search(r"optim/broken\.yaml, line [23]", refused("optim=broken"))


@pytest.mark.parametrize("text", [b"name: \xff\xfe\n", b"name: a\x00b\n", b"- 1\n- 2\n", b"3\n"])
def test_a_file_that_is_no_mapping_of_text_is_named(tmp_path, text):
    write(tmp_path / "conf/optim/strange.yaml", "").write_bytes(text)
    assert "strange" in refused("optim=strange")


# Multirun


def jobs_of(composer, *overrides):
    return plan.make(composer, overrides).configs


def test_jobs_are_the_product_of_the_values(composer):
    jobs = jobs_of(composer, *["norm=none,batch", "seed=range(3)", "trainer.epochs=1"])
    assert [(job.norm.name, job.seed) for job in jobs] == [(n, s) for n in ("none", "batch") for s in range(3)]
    assert all(job.trainer.epochs == 1 for job in jobs)


def test_a_preset_can_be_swept(composer):
    assert len(jobs_of(composer, *["experiment=smoke,cifar10_resnet20"])) == 2


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ("model=cnn,vgg61", "model=vgg61 is not known"),
        ("model=cnn,vgg16 data.size=16", "model=vgg16 is too deep"),
        ("trainer.epochs=1,0", "trainer.epochs is 0"),
        ("init=gaussian,he_normal init.stddev=0.1", "init=he_normal does not use init.stddev"),
        ("schedule=cosine,by_epoch", "schedule=by_epoch needs schedule.rates"),
        ("seed=0,1 +foo=1", "Unknown key foo"),
        ("seed=0,1 run_dir=here", "run_dir=here would be shared"),
        ("seed=0,1 norm=none,batch run_dir=run-${seed}", "run_dir=run-0 would be shared"),
    ],
)
def test_every_job_is_checked_before_the_first_runs(composer, overrides, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        jobs_of(composer, *overrides.split())


def test_folders_of_their_own_are_accepted(composer):
    assert [job.run_dir for job in jobs_of(composer, *["seed=0,1", "run_dir=run-${seed}"])] == ["run-0", "run-1"]
    assert len(jobs_of(composer, *["seed=0,1", "hydra.sweep.dir=here"])) == 2


def test_options_can_be_picked_by_a_pattern(composer):
    names = [job.model.name for job in jobs_of(composer, *["model=glob(vgg*)"])]
    assert names == ["vgg11", "vgg13", "vgg16", "vgg19"]


@pytest.mark.parametrize("override", ["norm=group norm.groups=null", "optim.momentum=null", "tracking.experiment=null"])
def test_null_is_no_value_for_what_an_option_needs(override):
    assert "needs" in refused(override)


def test_hydras_name_of_the_folder_is_ours(composer):
    assert composer.config(["hydra.run.dir=x"]).run_dir == "x"
    assert composer.config(["+hydra.run.dir='x y'"]).run_dir == "x y"
    with pytest.raises(ConfigError, match="run_dir=x would be shared"):
        composer.jobs(["hydra.run.dir=x", "seed=0,1"], [["run_dir=x", "seed=0"], ["run_dir=x", "seed=1"]])


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("hydra.job.chdir=true", "hydra.job.chdir=true is not supported"),
        ("hydra.output_subdir=.hydra", "hydra.output_subdir is not supported: a run writes config.yaml itself"),
        ("hydra/job_logging=default", "hydra/job_logging is not supported: a run writes run.log itself"),
        ("hydra.job_logging.root.level=INFO", "hydra.job_logging.root.level is not supported"),
        ("hydra.searchpath=[file:///tmp]", "--config-dir DIR adds a folder"),
    ],
)
def test_what_a_run_decides_itself_is_refused(composer, override, said):
    with pytest.raises(ConfigError, match=said):
        composer.config([override])


@pytest.mark.parametrize(
    "override",
    [
        "hydra.job.chdir=false", "hydra.output_subdir=null", "hydra/job_logging=disabled", "hydra.job.name=mine",
        "hydra.verbose=true", "hydra.sweep.subdir='${hydra.job.num}'", "hydra.searchpath=[]",
    ],
)  # fmt: skip
def test_what_changes_nothing_of_a_run_is_taken(composer, override):
    assert composer.config([override]).run_dir.startswith("outputs/runs/")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("job: {chdir: true}", "hydra.job.chdir=true is not supported"),
        ("run: {dir: x}", "the run folder is set by run_dir"),
    ],
)
def test_a_config_file_of_ones_own_is_told_too(tmp_path, text, said):
    (tmp_path / "conf").mkdir()
    shipped = (shipped_conf() / "config.yaml").read_text()
    (tmp_path / "conf/config.yaml").write_text(f"{shipped}\nhydra: {{{text}}}\n")
    with pytest.raises(ConfigError, match=said):
        Composer().config([])


def test_what_hydra_knows_can_be_used(composer):
    words = ["model=resnet20", "tracking.run_name=${hydra:runtime.choices.model}-${hydra:job.name}"]
    assert composer.config(words).tracking.run_name == "resnet20-exprun"
    jobs = composer.jobs(["seed=0,1"], [[f"seed={n}", "tracking.run_name=run${hydra:job.num}"] for n in (0, 1)])
    assert [config.tracking.run_name for config in jobs] == ["run0", "run1"]


@pytest.mark.parametrize("pattern", [r"(patient\d+)_", r'"(patient\d+)_"', r"([^/]+?)[-_. ]+\d{1,3}\.", r"(it's)"])
def test_patterns_of_groups_need_no_quotes_of_hydra(composer, pattern):
    config = composer.config(["data=image_folder", "data.root=x", f"data.group={pattern}"])
    assert config.data.group == pattern.strip('"')
