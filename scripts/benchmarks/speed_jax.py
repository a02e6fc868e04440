"""The JAX side of `scripts/bench speed --peers`: the same layers with Flax, and a training step that XLA compiles.

Usage: speed_jax.py FOLDER float32|mixed_bfloat16. The folder holds data.npz and config.json. The script runs in a
virtual environment that has JAX but not exprun, and answers the commands `epoch` and `end` as speed_sides.py does.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from speed_process import answer_commands

KNOWN = {"conv", "dense", "kernel", "stride", "padding", "activation", "l2", "dropout", "repeat", "residual", "pool",
         "shortcut", "size", "norm", "momentum", "epsilon", "global_pool", "flatten"}  # fmt: skip


class Network(nn.Module):
    """The network of a config.

    Args:
        config: the config of the run.
        dtype: the dtype that the layers compute in; their weights are float32.
    """

    config: Any
    dtype: Any

    @nn.compact
    def __call__(self, x: Any, training: bool) -> Any:
        """The logits, float32, of scaled images, (batch, height, width, channels)."""
        x = self.layers(self.config["model"]["layers"], x.astype(self.dtype), training)
        return nn.Dense(self.config["classes"], dtype=jnp.float32)(x)

    def layers(self, layers: list[Any], x: Any, training: bool) -> Any:
        """The output of a list of layers, from `model.layers` or a residual block."""
        for layer in layers:
            body: dict[str, Any] = {layer: True} if isinstance(layer, str) else layer
            if body.keys() - KNOWN or body.get("pool", "max") != "max" or body.get("shortcut") == "projection":
                raise SystemExit(f"speed_jax.py cannot build the layer {body}")
            for _ in range(body.get("repeat", 1)):
                x = self.layer(body, x, training)
        return x

    def layer(self, body: dict[str, Any], x: Any, training: bool) -> Any:
        """The output of one layer."""
        if "residual" in body:
            inner = self.layers(body["residual"], x, training)
            stride = x.shape[1] // inner.shape[1]
            x = x[:, ::stride, ::stride]
            return nn.relu(inner + jnp.pad(x, [(0, 0)] * 3 + [(0, inner.shape[3] - x.shape[3])]))
        if "conv" in body or "dense" in body:
            return self.weighted(body, x, training)
        if "pool" in body:
            size = body.get("size", 2)
            return nn.max_pool(x, (size, size), (body.get("stride", size),) * 2)
        if "norm" in body:
            return nn.BatchNorm(not training, dtype=self.dtype)(x)
        if "dropout" in body:
            return nn.Dropout(body["dropout"], deterministic=not training)(x)
        return x.mean((1, 2)) if "global_pool" in body else x.reshape(len(x), -1)

    def weighted(self, body: dict[str, Any], x: Any, training: bool) -> Any:
        """The output of a convolution or dense layer, with its norm, activation and dropout; its penalty is sown."""
        norm = self.config["norm"]["name"] == "batch"
        common = {"use_bias": not norm, "dtype": self.dtype}
        made: Any
        if "conv" in body:
            kernel, stride = body.get("kernel", 3), body.get("stride", 1)
            made = nn.Conv(body["conv"], (kernel,) * 2, stride, body.get("padding", "same").upper(), **common)
        else:
            made = nn.Dense(body["dense"], **common)
        x = made(x)
        if body.get("l2"):
            self.sow("losses", "l2", body["l2"] * jnp.square(made.variables["params"]["kernel"]).sum())
        if norm:
            x = nn.BatchNorm(not training, dtype=self.dtype)(x)
        if body.get("activation", self.config["model"]["activation"]) == "relu":
            x = nn.relu(x)
        return nn.Dropout(body["dropout"], deterministic=not training)(x) if body.get("dropout") else x


def main() -> None:
    """Build the network, compile the step, and then train for each command."""
    folder, precision = Path(sys.argv[1]), sys.argv[2]
    config = json.loads((folder / "config.json").read_text())
    with np.load(folder / "data.npz") as file:
        images, labels, scale, offset = (jnp.asarray(file[name]) for name in ("images", "labels", "scale", "offset"))
    batch, optim = config["trainer"]["batch_size"], config["optim"]
    network = Network(config, jnp.bfloat16 if precision == "mixed_bfloat16" else jnp.float32)
    rule = (
        optax.adam(optim["learning_rate"])
        if optim["name"] == "adam"
        else optax.sgd(optim["learning_rate"], optim.get("momentum") or None)
    )
    key = jax.random.key(0)
    variables = network.init(key, jnp.zeros((2, *images.shape[1:])), training=False)
    state = variables["params"], variables.get("batch_stats", {}), rule.init(variables["params"])

    def train(state: Any, images: Any, labels: Any, index: Any, key: Any) -> Any:
        params, statistics, momenta = state
        x = images[index].astype(jnp.float32) * scale + offset

        def objective(params: Any) -> Any:
            logits, changed = network.apply(
                {"params": params, "batch_stats": statistics},
                x,
                training=True,
                rngs={"dropout": key},
                mutable=["batch_stats", "losses"],
            )
            loss = optax.softmax_cross_entropy_with_integer_labels(logits, labels[index]).mean()
            return loss + sum(jax.tree.leaves(changed.get("losses", {}))), changed.get("batch_stats", {})

        gradients, statistics = jax.grad(objective, has_aux=True)(params)
        updates, momenta = rule.update(gradients, momenta)
        return optax.apply_updates(params, updates), statistics, momenta

    compiled = jax.jit(train, donate_argnums=0)
    rng = np.random.default_rng(0)

    def answer(steps: int) -> dict[str, Any]:
        nonlocal state, key
        started = time.perf_counter()
        order = rng.permutation(len(images))
        for step in range(steps):
            key, own = jax.random.split(key)
            state = compiled(state, images, labels, order[step * batch : (step + 1) * batch], own)
        jax.block_until_ready(state)
        return {"seconds": time.perf_counter() - started, "images": steps * batch}

    answer_commands(answer, len(images) // batch)


if __name__ == "__main__":
    main()
