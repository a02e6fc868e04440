"""The PyTorch sides of `scripts/bench speed`: the same layers, with channels last.

Usage: speed_torch.py FOLDER float32|mixed_bfloat16 eager|default|max-autotune. The last argument is eager mode, or the
mode of `torch.compile`. The folder holds data.npz and config.json. The script runs in a virtual environment that has
PyTorch but not exprun, and answers the commands `epoch` and `end` as speed_sides.py does.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from speed_process import answer_commands

KNOWN = {"conv", "dense", "kernel", "stride", "padding", "activation", "l2", "dropout", "repeat", "residual", "pool",
         "shortcut", "size", "norm", "momentum", "epsilon", "global_pool", "flatten"}  # fmt: skip


class Residual(nn.Module):
    """Layers whose input is added to their output.

    If the output has fewer pixels, the input is subsampled; if it has more channels, the input is padded with zeros
    (option A of He et al. 2016).

    Args:
        inner: the layers.
    """

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        """The ReLU of the sum of the input and the layers' output."""
        out = self.inner(x)
        stride = x.shape[2] // out.shape[2]
        x = x[:, :, ::stride, ::stride]
        if out.shape[1] > x.shape[1]:
            x = nn.functional.pad(x, (0, 0, 0, 0, 0, out.shape[1] - x.shape[1]))
        return torch.relu(out + x)


Penalties = list[tuple[nn.Module, float]]  # layers with the factors of their L2 penalties


def layers_of(config: dict[str, Any], layers: list[Any], penalties: Penalties) -> list[nn.Module]:
    """The modules of a list of layers; their input sizes are inferred from the first batch.

    Args:
        config: the config of the run.
        layers: the layers in `model.layers`, or in a residual block.
        penalties: a list to which layers with an L2 penalty are added.
    """
    modules: list[nn.Module] = []
    for layer in layers:
        body: dict[str, Any] = {layer: True} if isinstance(layer, str) else layer
        if body.keys() - KNOWN or body.get("pool", "max") != "max" or body.get("shortcut") == "projection":
            raise SystemExit(f"speed_torch.py cannot build the layer {body}")
        for _ in range(body.get("repeat", 1)):
            if "residual" in body:
                modules.append(Residual(nn.Sequential(*layers_of(config, body["residual"], penalties))))
            elif "conv" in body or "dense" in body:
                modules += weighted(config, body, penalties)
            elif "pool" in body:
                modules.append(nn.MaxPool2d(body.get("size", 2), body.get("stride")))
            elif "norm" in body:
                modules.append(nn.LazyBatchNorm2d())
            elif "dropout" in body:
                modules.append(nn.Dropout(body["dropout"]))
            elif "global_pool" in body:
                modules += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
            else:
                modules.append(nn.Flatten())
    return modules


def weighted(config: dict[str, Any], body: dict[str, Any], penalties: Penalties) -> list[nn.Module]:
    """The modules of a convolution or dense layer, with its norm, activation and dropout.

    Args:
        config: the config of the run.
        body: the layer, as in `model.layers`.
        penalties: a list to which the layer is added if it has an L2 penalty.
    """
    norm, conv = config["norm"]["name"] == "batch", "conv" in body
    modules: list[nn.Module] = []
    if conv:
        kernel = body.get("kernel", 3)
        stride, padding = body.get("stride", 1), kernel // 2 if body.get("padding", "same") == "same" else 0
        modules.append(nn.LazyConv2d(body["conv"], kernel, stride, padding, bias=not norm))
    else:
        modules.append(nn.LazyLinear(body["dense"], bias=not norm))
    if body.get("l2"):
        penalties.append((modules[0], body["l2"]))
    if norm:
        modules.append(nn.LazyBatchNorm2d() if conv else nn.LazyBatchNorm1d())
    if body.get("activation", config["model"]["activation"]) == "relu":
        modules.append(nn.ReLU(inplace=True))
    if body.get("dropout"):
        modules.append(nn.Dropout(body["dropout"]))
    return modules


def main() -> None:
    """Build the network, compile the step, and then train for each command."""
    folder, precision, mode = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    config = json.loads((folder / "config.json").read_text())
    with np.load(folder / "data.npz") as file:
        data = {name: torch.from_numpy(file[name]) for name in file.files}
    images = data["images"].permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
    labels = data["labels"].long()
    scale, offset = (data[name].view(1, -1, 1, 1) for name in ("scale", "offset"))
    batch = config["trainer"]["batch_size"]
    torch.manual_seed(0)
    penalties: Penalties = []
    model = nn.Sequential(*layers_of(config, config["model"]["layers"], penalties), nn.LazyLinear(config["classes"]))

    def scaled(index: Tensor) -> Tensor:
        return images[index].float() * scale + offset

    model(scaled(torch.arange(2)))
    model = model.to(memory_format=torch.channels_last)
    optim = config["optim"]
    rule: torch.optim.Optimizer
    if optim["name"] == "adam":
        rule = torch.optim.Adam(model.parameters(), optim["learning_rate"], fused=True)
    else:
        rule = torch.optim.SGD(model.parameters(), optim["learning_rate"], optim.get("momentum") or 0.0, fused=True)

    network = model if mode == "eager" else torch.compile(model, mode=mode)

    def train(steps: int) -> None:
        order = torch.randperm(len(images))
        model.train()
        for step in range(steps):
            index = order[step * batch : (step + 1) * batch]
            x = scaled(index)
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "mixed_bfloat16"):
                loss = nn.functional.cross_entropy(network(x), labels[index])
            for layer, l2 in penalties:
                loss = loss + l2 * layer.weight.square().sum()
            loss.backward()
            rule.step()
            rule.zero_grad(set_to_none=True)

    def answer(steps: int) -> dict[str, Any]:
        started = time.perf_counter()
        train(steps)
        return {"seconds": time.perf_counter() - started, "images": steps * batch}

    answer_commands(answer, len(images) // batch)


if __name__ == "__main__":
    main()
