"""The PyTorch side of `scripts/bench`: the same layers, channels last, eager; in an environment of its own.

Usage: bench_torch.py FOLDER float32|mixed_bfloat16; the folder holds data.npz and config.json. It answers the commands
of bench_sides.py.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn


KNOWN = {"conv", "dense", "kernel", "stride", "padding", "activation", "l2", "dropout", "repeat", "residual", "pool",
         "shortcut", "size", "norm", "momentum", "epsilon", "global_pool", "flatten"}  # fmt: skip


class Residual(nn.Module):
    """Layers around which their input is carried; fewer pixels by a stride, more channels as zeros (option A)."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        out = self.inner(x)
        stride = x.shape[2] // out.shape[2]
        x = x[:, :, ::stride, ::stride]
        if out.shape[1] > x.shape[1]:
            x = nn.functional.pad(x, (0, 0, 0, 0, 0, out.shape[1] - x.shape[1]))
        return torch.relu(out + x)


def layers_of(config, layers, penalties):
    """The modules of a layer list; sizes are left to the first batch. Adds what has an `l2` to `penalties`, with it."""
    norm, found = config["norm"]["name"] == "batch", []
    activation = config["model"]["activation"]
    for layer in layers:
        body = {layer: True} if isinstance(layer, str) else layer
        if body.keys() - KNOWN or body.get("pool", "max") != "max" or body.get("shortcut") == "projection":
            raise SystemExit(f"bench_torch.py knows no layer {body}")
        for _ in range(body.get("repeat", 1)):
            if "residual" in body:
                found.append(Residual(nn.Sequential(*layers_of(config, body["residual"], penalties))))
            elif "conv" in body or "dense" in body:
                conv = "conv" in body
                if conv:
                    kernel = body.get("kernel", 3)
                    stride, padding = body.get("stride", 1), kernel // 2 if body.get("padding", "same") == "same" else 0
                    found.append(nn.LazyConv2d(body["conv"], kernel, stride, padding, bias=not norm))
                else:
                    found.append(nn.LazyLinear(body["dense"], bias=not norm))
                if body.get("l2"):
                    penalties.append((found[-1], body["l2"]))
                if norm:
                    found.append(nn.LazyBatchNorm2d() if conv else nn.LazyBatchNorm1d())
                if body.get("activation", activation) == "relu":
                    found.append(nn.ReLU(inplace=True))
                if body.get("dropout"):
                    found.append(nn.Dropout(body["dropout"]))
            elif "pool" in body:
                found.append(nn.MaxPool2d(body.get("size", 2), body.get("stride")))
            elif "norm" in body:
                found.append(nn.LazyBatchNorm2d())
            elif "dropout" in body:
                found.append(nn.Dropout(body["dropout"]))
            elif "global_pool" in body:
                found += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
            else:
                found.append(nn.Flatten())
    return found


def main():
    folder, precision = Path(sys.argv[1]), sys.argv[2]
    config = json.loads((folder / "config.json").read_text())
    with np.load(folder / "data.npz") as file:
        data = {name: torch.from_numpy(file[name]) for name in file.files}
    images = data["images"].permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
    labels = data["labels"].long()
    scale, offset = (data[name].view(1, -1, 1, 1) for name in ("scale", "offset"))
    batch = config["trainer"]["batch_size"]
    steps = len(images) // batch
    torch.manual_seed(0)
    penalties = []
    model = nn.Sequential(*layers_of(config, config["model"]["layers"], penalties), nn.LazyLinear(config["classes"]))

    def scaled(index):
        return images[index].float() * scale + offset

    model(scaled(torch.arange(2)))
    model = model.to(memory_format=torch.channels_last)
    optim = config["optim"]
    if optim["name"] == "adam":
        rule = torch.optim.Adam(model.parameters(), optim["learning_rate"], fused=True)
    else:
        rule = torch.optim.SGD(model.parameters(), optim["learning_rate"], optim.get("momentum") or 0.0, fused=True)

    def epoch():
        order = torch.randperm(len(images))
        model.train()
        for step in range(steps):
            index = order[step * batch : (step + 1) * batch]
            x = scaled(index)
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "mixed_bfloat16"):
                loss = nn.functional.cross_entropy(model(x), labels[index])
            for layer, l2 in penalties:
                loss = loss + l2 * layer.weight.square().sum()
            loss.backward()
            rule.step()
            rule.zero_grad(set_to_none=True)

    def answer():
        started = time.perf_counter()
        epoch()
        print(json.dumps({"seconds": time.perf_counter() - started, "images": steps * batch}), flush=True)

    answer()
    for line in sys.stdin:
        if line.strip() == "end":
            break
        answer()


if __name__ == "__main__":
    main()
