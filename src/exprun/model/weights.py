"""Weights to start from: of a checkpoint of ours by the variables' paths, of a Keras file by order."""

import contextlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from exprun.config.errors import RunError, UserError, one_line

KERNELS = ("convolution", "depthwise convolution", "dense")


@dataclass(eq=False)
class _Layer:
    """The weights of one layer, of the model (variables) or of a file (arrays).

    Args:
        name: what a person knows it by; in the model, that of the outermost layer around it.
        path: of its weights, without their own names.
        weights: by name, in Keras' order: kernel, bias; gamma, beta, moving mean, moving variance.
    """

    name: str
    path: str
    weights: dict[str, Any]

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        return [tuple(weight.shape) for weight in self.weights.values()]

    @property
    def kind(self) -> str | None:
        """What layers are counted by; None for all but kernels and norms."""
        shapes = self.shapes
        if any(getattr(weight.dtype, "kind", "f") != "f" for weight in self.weights.values()):
            return None  # a counter, or the state of a seed generator
        match [len(shape) for shape in shapes]:
            case [4] | [4, 1]:
                # Keras 3 numbers depthwise convolutions apart from the others.
                return "depthwise convolution" if shapes[0][-1] == 1 else "convolution"
            case [2] | [2, 1]:
                return "dense"
            case [rank, *others] if rank and 1 <= len(others) <= 3 and len(set(shapes)) == 1:
                return f"norm of {len(shapes)}"
        return None


def load_weights(model: Any, path: Path) -> list[str]:
    """Give layers the weights of a file: all that fit or, where one is wrong, none.

    The last layer with a kernel is the classifier; it takes the file's only where the shape is the same. Layers
    that the file has no counterpart of stay as they are.

    Args:
        model: a built Keras model.
        path: from `find_weights`.

    Returns:
        Names of the model's layers that were filled.

    Raises:
        RunError: the file is damaged, nothing in it fits, or a layer other than the classifier differs in shape.
    """
    own = _own(model)
    try:
        pairs = _by_path(own, path) if path.suffix.lower() == ".npz" else _by_order(own, _read_keras(path))
    except UserError:
        raise
    except Exception as error:  # a damaged file can raise nearly anything
        raise RunError(f"model.weights={path} is damaged and cannot be read: {one_line(error)[:120]}.") from None
    classifier = _classifier(own)
    pairs = [(mine, theirs) for mine, theirs in pairs if mine is not classifier or mine.shapes == theirs.shapes]
    if not pairs:
        raise RunError(f"model.weights={path} has nothing for any layer of the model; name the weights of one like it.")
    for mine, theirs in pairs:
        _check(mine, theirs, path)
    for mine, theirs in pairs:
        for variable, array in zip(mine.weights.values(), theirs.weights.values(), strict=True):
            variable.assign(array)
    filled = {mine.name for mine, _ in pairs}
    return [layer.name for layer in model.layers if layer.name in filled]


def _own(model: Any) -> list[_Layer]:
    """The model's layers with weights in order, those inside of others too."""
    found = []
    for layer in model.layers:
        inner: dict[str, dict[str, Any]] = {}
        for variable in layer.weights:
            path, _, name = variable.path.rpartition("/")
            inner.setdefault(path, {})[name] = variable
        found += [_Layer(layer.name, path, weights) for path, weights in inner.items()]
    return found


def _classifier(own: list[_Layer]) -> _Layer | None:
    return next((layer for layer in reversed(own) if layer.kind in KERNELS), None)


def _check(mine: _Layer, theirs: _Layer, path: Path) -> None:
    """Raise a RunError unless the shapes are the same."""
    if mine.shapes == theirs.shapes:
        return
    here, there = (" and ".join(map(str, layer.shapes)) for layer in (mine, theirs))
    said = f"model.weights={path} has {theirs.name} of {there} for {mine.name} of {here}"
    if mine.kind in KERNELS and mine.shapes == theirs.shapes[:1]:
        raise RunError(f"{said}: its bias has no place where a norm follows; use norm=none.")
    if mine.kind in KERNELS and mine.shapes[:1] == theirs.shapes:
        raise RunError(f"{said}: it lacks the bias, as before a norm; use the norm it was trained with.")
    raise RunError(
        f"{said}; use the model, norm and images (data.size, data.channels) it was trained with, or other weights."
    )


def _by_path(own: list[_Layer], path: Path) -> list[tuple[_Layer, _Layer]]:
    """Each layer with the one of its path in a checkpoint of ours."""
    found: dict[str, dict[str, np.ndarray]] = {}
    with np.load(path, allow_pickle=False) as file:
        for key in file.files:
            if key.startswith("model/"):
                layer, _, name = key.removeprefix("model/").rpartition("/")
                found.setdefault(layer, {})[name] = file[key]  # reading checks it against its CRC
    pairs = []
    for mine in own:
        if theirs := found.get(mine.path):
            ordered = {name: theirs[name] for name in mine.weights if name in theirs} | theirs
            pairs.append((mine, _Layer(mine.path, mine.path, ordered)))
    return pairs


def _by_order(own: list[_Layer], theirs: list[_Layer]) -> list[tuple[_Layer, _Layer]]:
    """The k-th layer of each kind with the file's k-th, but the classifier with the file's last of its kind."""
    pairs, classifier = [], _classifier(own)
    for kind in dict.fromkeys(layer.kind for layer in own if layer.kind):
        mine = [layer for layer in own if layer.kind == kind]
        others = [layer for layer in theirs if layer.kind == kind]
        if classifier in mine and others:
            # Unless the file was cut off before its classifier: then its last fits the hidden layer in its place.
            place = mine[min(len(others), len(mine)) - 1]
            if place is classifier or place.shapes != others[-1].shapes:
                pairs.append((mine.pop(), others.pop()))
        pairs += zip(mine, others, strict=False)
    return pairs


def _read_keras(path: Path) -> list[_Layer]:
    """The kernels and norms of a Keras file, in the order of its network."""
    import h5py  # type: ignore[import-untyped]

    with contextlib.ExitStack() as stack:
        source: Any = path
        if path.suffix.lower() == ".keras":
            # Nothing but the weights: the config beside them could name code to run.
            source = io.BytesIO(stack.enter_context(zipfile.ZipFile(path)).read("model.weights.h5"))
        file = stack.enter_context(h5py.File(source, "r"))
        root = file.get("model_weights", file)
        listed = "layer_names" in root.attrs or "layer_names0" in root.attrs
        layers = [layer for layer in (_listed(root) if listed else _numbered(file, path)) if layer.kind]
        for layer in layers:
            layer.weights = {name: dataset[()] for name, dataset in layer.weights.items()}
    return layers


def _listed(root: Any) -> Iterator[_Layer]:
    """Layers of the older .h5 format, which lists them; those of a nested model share one group."""
    for name in _strings(root, "layer_names"):
        inner: dict[str, dict[str, Any]] = {}
        for weight in _strings(root[name], "weight_names"):
            inner.setdefault(weight.rpartition("/")[0], {})[weight] = root[name][weight]
        for path, weights in inner.items():
            yield _Layer(path or name, path, weights)


def _strings(group: Any, key: str) -> list[str]:
    """An attribute that lists names; Keras splits a long one into key0, key1, …"""
    parts = [group.attrs[key]] if key in group.attrs else []
    while f"{key}{len(parts)}" in group.attrs:
        parts.append(group.attrs[f"{key}{len(parts)}"])
    return [name.decode() if isinstance(name, bytes) else str(name) for part in parts for name in part]


def _numbered(file: Any, source: Path) -> Iterator[_Layer]:
    """Layers of Keras 3's format, `layers/conv2d_1/vars/0`, numbered by class in the order of the network.

    Raises:
        RunError: layers of one kind have several classes, so that their order is not known.
    """
    found: dict[str, dict[str, Any]] = {}

    def visit(name: str, item: Any) -> None:
        path, _, index = name.rpartition("/vars/")
        if index.isdigit():
            found.setdefault(path, {})[index] = item

    file.visititems(visit)
    classes: dict[str | None, str] = {}
    for path in sorted(found, key=_parts):
        name = file[path]["vars"].attrs.get("name", path)
        layer = _Layer(str(name), path, dict(sorted(found[path].items(), key=lambda item: int(item[0]))))
        class_ = "/".join(stem for stem, _ in _parts(path))
        if layer.kind and classes.setdefault(layer.kind, class_) != class_:
            raise RunError(
                f"model.weights={source} does not tell the order of its {classes[layer.kind]} and {class_}; "
                "save that network as .h5 by Keras' model.save, which does."
            )
        yield layer


def _parts(path: str) -> list[tuple[str, int]]:
    """Each part of a path as name and number, by which `conv2d_10` comes after `conv2d_9`."""
    stems = [(part, part.rstrip("0123456789")) for part in path.split("/")]
    return [(stem.rstrip("_"), int(part[len(stem) :] or 0)) for part, stem in stems]
