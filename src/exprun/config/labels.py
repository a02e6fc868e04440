"""The kinds of labels, `data.labels`, and what each of them excludes."""

from exprun import metrics as names
from exprun.config.errors import ConfigError
from exprun.config.images import TABLES, Data
from exprun.config.schema import Config
from exprun.text import joined

ROWS = ("several", "soft")  # kinds of labels with a number for each class
FORMATS = {  # data sets that have such labels
    "several": ("csv", "arrays", "parquet", "tfrecord", "webdataset", "huggingface"),
    "soft": ("csv", "arrays"),
}
# The metrics of `trainer.select` that some kinds of labels do not have.
OF_SEVERAL = (names.SUBSET_ACCURACY, names.MICRO_F1, names.MEAN_AVERAGE_PRECISION)
OF_ORDERED = (names.MEAN_ABSOLUTE_ERROR, names.KAPPA)
OF_ONE = (names.BALANCED_ACCURACY, names.TOP5_ACCURACY)


def label_columns(data: Data) -> tuple[str, ...]:
    """The columns of a table that have the labels."""
    return (data.label,) if isinstance(data.label, str) else tuple(data.label)


def label_column(data: Data) -> str:
    """The column that has the labels, in a data set that has only one."""
    assert isinstance(data.label, str)
    return data.label


def check_labels(config: Config) -> None:
    """Refuse settings that do not fit `data.labels`.

    Raises:
        ConfigError: a setting does not fit; the message is one sentence.
    """
    data, kind = config.data, config.data.labels
    if kind in ROWS and data.name not in FORMATS[kind]:
        raise ConfigError(
            f"data={data.name} has one class for each image: data.labels={kind} belongs to "
            f"{joined([f'data={one}' for one in FORMATS[kind]])}."
        )
    _check_columns(data)
    if kind == "soft" and data.classes is not None:
        raise ConfigError(
            "data.labels=soft needs all classes, because the probabilities of an image add up to 1: leave out "
            "data.classes."
        )
    if kind == "several" and config.loss.class_balance is not None:
        raise ConfigError(
            "loss.class_balance weights images by their one class, and data.labels=several has images of several: "
            "choose loss.class_balance=null, or data.class_weights=balanced, which weights each label."
        )
    if kind == "several" and config.loss.name == "distillation":
        raise ConfigError(
            "loss=distillation compares the probabilities of one class with those of a teacher, and with "
            "data.labels=several, images have several: choose loss=cross_entropy or loss=focal."
        )
    if kind in ROWS and config.fault.name == "wrong_loss":
        raise ConfigError(f"fault=wrong_loss compares logits with class numbers, which data.labels={kind} has not.")
    if kind in ROWS and config.trainer.metrics:
        raise ConfigError(
            f"trainer.metrics={config.trainer.metrics[0]} compares probabilities with one class, and "
            f"data.labels={kind} has {'several: val/accuracy is the same metric' if kind == 'several' else 'shares'}."
        )
    _check_select(config)


def _check_columns(data: Data) -> None:
    if data.name != "csv":
        if data.name in TABLES and not isinstance(data.label, str):
            raise ConfigError(
                f"data.label lists {len(data.label)} columns, but data={data.name} takes one; data=csv takes several."
            )
        return
    if isinstance(data.label, str):
        if data.labels == "soft":
            raise ConfigError(
                "data.labels=soft needs a column with the probability of each class: list them, such as "
                "data.label=[cat,dog]."
            )
        return
    if data.labels not in ROWS:
        raise ConfigError(
            f"data.label lists {len(data.label)} columns, but data.labels={data.labels} takes one: choose "
            "data.labels=several or data.labels=soft for one column of each class."
        )
    if len(data.label) < 2 or len(set(data.label)) < len(data.label):
        raise ConfigError("data.label must list the columns of at least two classes, each once.")


def _check_select(config: Config) -> None:
    kind, select = config.data.labels, config.trainer.select
    name = names.measured(select)
    for wrong, belongs in (
        (OF_SEVERAL, ("several",)),
        (OF_ORDERED, ("ordered",)),
        (OF_ONE, ("one", "ordered", "soft")),
    ):
        if name in wrong and kind not in belongs:
            raise ConfigError(
                f"trainer.select={select} does not fit data.labels={kind}; it belongs to "
                f"{joined([f'data.labels={one}' for one in belongs])}."
            )
