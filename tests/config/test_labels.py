"""Settings that do not fit the kind of labels: each is refused in one sentence."""

import pytest

from exprun.config.compose import Composer
from exprun.config.errors import ConfigError

ARRAYS = ["data=arrays", "data.root=x.npz", "model.layers=[flatten]"]
CSV = ["data=csv", "data.root=x.csv", "model.layers=[{global_pool: avg}]"]
WRONG = [
    (
        ["data.labels=several"],
        "data=digits has one class for each image: data.labels=several belongs to data=csv, data=",
    ),
    ([*ARRAYS, "data.labels=soft", "data.classes=[0,1]"], "data.labels=soft needs all classes"),
    ([*ARRAYS, "data.labels=several", "loss=class_balanced"], "choose loss.class_balance=null, or data.class_weights="),
    ([*ARRAYS, "data.labels=several", "loss=distillation", "model.teacher=x"], "choose loss=cross_entropy or loss=fo"),
    ([*ARRAYS, "data.labels=soft", "fault=wrong_loss"], "compares logits with class numbers, which data.labels=soft"),
    ([*ARRAYS, "data.labels=several", "trainer.metrics=[binary_accuracy]"], "val/accuracy is the same metric"),
    ([*ARRAYS, "trainer.select=val/micro_f1"], "does not fit data.labels=one; it belongs to data.labels=several"),
    ([*ARRAYS, "data.labels=several", "trainer.select=val/top5_accuracy"], "data.labels=one, data.labels=ordered and"),
    ([*ARRAYS, "data.labels=soft", "trainer.select=val/mean_absolute_error"], "it belongs to data.labels=ordered."),
    ([*CSV, "data.labels=soft"], "list them, such as data.label="),
    ([*CSV, "data.label=[a,b]"], "data.label lists 2 columns, but data.labels=one takes one"),
    ([*CSV, "data.labels=several", "data.label=[a]"], "must list the columns of at least two classes"),
    ([*CSV, "data.labels=several", "data.label=[a,a]"], "must list the columns of at least two classes"),
]
RIGHT = [
    [*ARRAYS, "data.labels=several", "loss=focal", "trainer.select=val/mean_average_precision"],
    [*ARRAYS, "data.labels=several", "data.class_weights=balanced", "fault=shuffled_labels"],
    [*ARRAYS, "data.labels=soft", "loss=class_balanced", "trainer.select=val/auroc"],
    [*CSV, "data.labels=several"],
    [*CSV, "data.labels=soft", "data.label=[a,b]"],
    ["data.labels=ordered", "trainer.select=val/quadratic_weighted_kappa"],
]


@pytest.mark.parametrize(("words", "said"), WRONG)
def test_settings_that_do_not_fit_are_refused(words, said):
    with pytest.raises(ConfigError) as error:
        Composer().config(words)
    assert said in str(error.value)


@pytest.mark.parametrize("words", RIGHT)
def test_settings_that_fit(words):
    Composer().config(words)
