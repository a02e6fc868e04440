"""Which trainable variables the gradient of the loss does not reach."""

from dataclasses import dataclass
from typing import Any

from exprun.doctor.instruments.layers import Layer, leaves
from exprun.doctor.instruments.passes import Pass
from exprun.text import nouns

MAX_PATHS = 4  # layers or variables that a sentence names


@dataclass(frozen=True)
class Unreached:
    """The trainable variables that get no gradient from the loss.

    Args:
        paths: the paths of these variables.
        layers: the layers that hold them.
        total: the number of all trainable variables.
        are_whole: whether they are all trainable variables of these layers.
    """

    paths: list[str]
    layers: list[Layer]
    total: int
    are_whole: bool

    @property
    def where(self) -> str:
        """The layers if all their variables are concerned; otherwise the variables."""
        kind, names = ("layer", [layer.name for layer in self.layers]) if self.are_whole else ("variable", self.paths)
        more = " and more" if len(names) > MAX_PATHS else ""
        return f"{nouns(len(names), kind)} {', '.join(names[:MAX_PATHS])}{more}"

    @property
    def count(self) -> str:
        """The clause that says how many variables there are."""
        get = "get" if len(self.paths) > 1 else "gets"
        return f"{len(self.paths)} of {self.total} trainable variables {get} no gradient from the loss"


def unreached_by(found: Pass, model: Any) -> Unreached | None:
    """The trainable variables of a model that get no gradient from the losses of a pass; None if there are none."""
    if not found.has_gradients:
        return None
    variables = model.trainable_variables
    without = [variable for variable, gradient in zip(variables, found.gradients, strict=True) if gradient is None]
    lost = {id(variable) for variable in without}
    layers = [leaf for leaf in leaves(model) if any(id(v) in lost for v in leaf.layer.trainable_variables)]
    whole = bool(layers) and all(id(v) in lost for leaf in layers for v in leaf.layer.trainable_variables)
    return Unreached([v.path for v in without], layers, len(variables), whole) if without else None
