"""Load initial weights: from a checkpoint of exprun by the paths of the variables, from a Keras file by their order."""

import contextlib
import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from exprun.config.errors import RunError, UserError, one_line

KERNELS = ("convolution", "depthwise convolution", "dense")


@dataclass(eq=False)
class _Layer:
    """The weights of one layer, either of the model (as variables) or of a file (as arrays).

    Args:
        name: the name of the layer for messages; for a layer inside others, the name of the outermost layer.
        path: the path of the weights, without the last part, which is the name of each weight.
        weights: the weights by name, in Keras' order: kernel, bias; gamma, beta, moving mean, moving variance.
    """

    name: str
    path: str
    weights: dict[str, Any]

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        return [tuple(weight.shape) for weight in self.weights.values()]

    @property
    def kind(self) -> str | None:
        """The kind of a layer, by which layers of files and models are paired; None unless it is a kernel or a norm."""
        shapes = self.shapes
        if any(getattr(weight.dtype, "kind", "f") != "f" for weight in self.weights.values()):
            return None  # a counter, or the state of a seed generator
        match [len(shape) for shape in shapes]:
            case [4] | [4, 1]:
                # Keras 3 numbers depthwise convolutions and other convolutions separately.
                return "depthwise convolution" if shapes[0][-1] == 1 else "convolution"
            case [2] | [2, 1]:
                return "dense"
            case [rank, *others] if rank and 1 <= len(others) <= 3 and len(set(shapes)) == 1:
                return f"norm of {len(shapes)}"
        return None


def load_weights(model: Any, path: Path, head: Sequence[str] = ()) -> list[str]:
    """Load the weights of a file into the layers of a model; after an error, the model is unchanged.

    The last layer with a kernel is the classifier. Its weights, and those of the other layers of the head, are loaded
    only if the shapes are the same. Layers without a counterpart in the file keep their weights.

    Args:
        model: a built Keras model.
        path: the path of the file, from `find_weights`.
        head: the names of further layers of the head.

    Returns:
        The names of the model's layers whose weights were loaded.

    Raises:
        RunError: the file is damaged, nothing in it fits, or a layer before the head differs in shape.
    """
    of_model = _model_layers(model)
    try:
        pairs = _by_path(of_model, path) if path.suffix.lower() == ".npz" else _by_order(of_model, _read_keras(path))
    except UserError:
        raise
    except Exception as error:  # a damaged file can raise exceptions of many classes
        raise RunError(f"model.weights={path} is damaged and cannot be read: {one_line(error)[:120]}.") from None
    classifier = _classifier(of_model)
    pairs = [
        (layer, saved)
        for layer, saved in pairs
        if not (layer is classifier or layer.name in head) or layer.shapes == saved.shapes
    ]
    if not pairs:
        raise RunError(f"model.weights={path} has nothing for any layer of the model; name weights of a similar model.")
    for layer, saved in pairs:
        _check(layer, saved, path)
    for layer, saved in pairs:
        for variable, array in zip(layer.weights.values(), saved.weights.values(), strict=True):
            variable.assign(array)
    filled = {layer.name for layer, _ in pairs}
    return [layer.name for layer in model.layers if layer.name in filled]


def _model_layers(model: Any) -> list[_Layer]:
    """The model's layers with weights, in order, including layers inside other layers."""
    layers = []
    for layer in model.layers:
        inner: dict[str, dict[str, Any]] = {}
        for variable in layer.weights:
            path, _, name = variable.path.rpartition("/")
            inner.setdefault(path, {})[name] = variable
        layers += [_Layer(layer.name, path, weights) for path, weights in inner.items()]
    return layers


def _classifier(of_model: list[_Layer]) -> _Layer | None:
    return next((layer for layer in reversed(of_model) if layer.kind in KERNELS), None)


def _check(of_model: _Layer, of_file: _Layer, path: Path) -> None:
    """Raise a RunError unless the shapes of a layer are the same in the model and in the file."""
    if of_model.shapes == of_file.shapes:
        return
    model_shapes, file_shapes = (" and ".join(map(str, layer.shapes)) for layer in (of_model, of_file))
    mismatch = f"model.weights={path} has {of_file.name} of {file_shapes} for {of_model.name} of {model_shapes}"
    if of_model.kind in KERNELS and of_model.shapes == of_file.shapes[:1]:
        raise RunError(f"{mismatch}: its bias has no place where a norm follows; use norm=none.")
    if of_model.kind in KERNELS and of_model.shapes[:1] == of_file.shapes:
        raise RunError(f"{mismatch}: it lacks the bias, as before a norm; use the norm it was trained with.")
    raise RunError(
        f"{mismatch}; use the model, norm and images (data.size, data.channels) it was trained with, or other weights."
    )


def _by_path(of_model: list[_Layer], path: Path) -> list[tuple[_Layer, _Layer]]:
    """Pairs of a model's layer and the layer of the same path in a checkpoint of exprun."""
    arrays: dict[str, dict[str, np.ndarray]] = {}
    with np.load(path, allow_pickle=False) as file:
        for key in file.files:
            if key.startswith("model/"):
                layer, _, name = key.removeprefix("model/").rpartition("/")
                arrays.setdefault(layer, {})[name] = file[key]  # NumPy compares the CRC when it reads an array
    pairs = []
    for layer_of_model in of_model:
        if weights := arrays.get(layer_of_model.path):
            ordered = {name: weights[name] for name in layer_of_model.weights if name in weights} | weights
            pairs.append((layer_of_model, _Layer(layer_of_model.path, layer_of_model.path, ordered)))
    return pairs


def _by_order(of_model: list[_Layer], of_file: list[_Layer]) -> list[tuple[_Layer, _Layer]]:
    """Pairs of a layer of the model and a layer of the file.

    The first layer of a kind in the model is paired with the first layer of this kind in the file, the second with the
    second, and so on. The classifier is paired with the last layer of its kind in the file.
    """
    pairs, classifier = [], _classifier(of_model)
    for kind in dict.fromkeys(layer.kind for layer in of_model if layer.kind):
        in_model = [layer for layer in of_model if layer.kind == kind]
        in_file = [layer for layer in of_file if layer.kind == kind]
        if classifier in in_model and in_file:
            # If the file was saved without a classifier, its last layer fits the hidden layer at the same position.
            counterpart = in_model[min(len(in_file), len(in_model)) - 1]
            if counterpart is classifier or counterpart.shapes != in_file[-1].shapes:
                pairs.append((in_model.pop(), in_file.pop()))
        pairs += zip(in_model, in_file, strict=False)
    return pairs


def _read_keras(path: Path) -> list[_Layer]:
    """The kernels and norms of a Keras file, in the order of its network."""
    import h5py  # type: ignore[import-untyped]

    with contextlib.ExitStack() as stack:
        source: Any = path
        if path.suffix.lower() == ".keras":
            # Only the weights are read: the config in the same archive could name code to run.
            source = io.BytesIO(stack.enter_context(zipfile.ZipFile(path)).read("model.weights.h5"))
        file = stack.enter_context(h5py.File(source, "r"))
        root = file.get("model_weights", file)
        listed = "layer_names" in root.attrs or "layer_names0" in root.attrs
        layers = [layer for layer in (_listed(root) if listed else _numbered(file, path)) if layer.kind]
        for layer in layers:
            layer.weights = {name: dataset[()] for name, dataset in layer.weights.items()}
    return layers


def _listed(root: Any) -> Iterator[_Layer]:
    """Layers of the older .h5 format, which lists them in order; the layers of a nested model share one group."""
    for name in strings(root, "layer_names"):
        inner: dict[str, dict[str, Any]] = {}
        for weight in strings(root[name], "weight_names"):
            inner.setdefault(weight.rpartition("/")[0], {})[weight] = root[name][weight]
        for path, weights in inner.items():
            yield _Layer(path or name, path, weights)


def strings(group: Any, key: str) -> list[str]:
    """The names that an attribute lists; Keras splits a long list into key0, key1, …"""
    parts = [group.attrs[key]] if key in group.attrs else []
    while f"{key}{len(parts)}" in group.attrs:
        parts.append(group.attrs[f"{key}{len(parts)}"])
    return [name.decode() if isinstance(name, bytes) else str(name) for part in parts for name in part]


def _numbered(file: Any, source: Path) -> Iterator[_Layer]:
    """Layers of Keras 3's format, such as `layers/conv2d_1/vars/0`.

    The layers of each class, here Conv2D, are numbered in their order in the network.

    Raises:
        RunError: several classes of layers are of the same kind, so the order of these layers is unknown.
    """
    arrays: dict[str, dict[str, Any]] = {}

    def visit(name: str, item: Any) -> None:
        path, _, index = name.rpartition("/vars/")
        if index.isdigit():
            arrays.setdefault(path, {})[index] = item

    file.visititems(visit)
    classes: dict[str | None, str] = {}
    for path in sorted(arrays, key=_parts):
        name = file[path]["vars"].attrs.get("name", path)
        layer = _Layer(str(name), path, dict(sorted(arrays[path].items(), key=lambda item: int(item[0]))))
        class_ = "/".join(stem for stem, _ in _parts(path))
        if layer.kind and classes.setdefault(layer.kind, class_) != class_:
            raise RunError(
                f"model.weights={source} does not contain the order of its {classes[layer.kind]} and {class_}; "
                "save that network as .h5 with Keras' model.save, which stores it."
            )
        yield layer


def _parts(path: str) -> list[tuple[str, int]]:
    """The parts of a path as name and number: a key for sorting that puts `conv2d_10` after `conv2d_9`."""
    stems = [(part, part.rstrip("0123456789")) for part in path.split("/")]
    return [(stem.rstrip("_"), int(part[len(stem) :] or 0)) for part, stem in stems]
