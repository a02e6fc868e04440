"""Folders of runs that were never trained."""

import json
from pathlib import Path

import yaml

CONFIG = {
    "model": {"name": "cnn", "layers": [{"conv": 8}]},
    "data": {"name": "digits", "limit": None},
    "norm": {"name": "batch", "momentum": 0.9},
    "loss": {"name": "cross_entropy"},
    "augment": {"name": "none"},
    "optim": {"name": "sgd_momentum", "learning_rate": 0.01},
    "trainer": {"epochs": 2, "batch_size": 64},
    "tracking": {"name": "mlflow", "tags": None},
    "sweep": {"name": "grid"},
    "seed": 0,
    "run_dir": "",
}
ENVIRONMENT = {
    "commit": "a" * 40,
    "changes": "",
    "precision": "float32",
    "data_fingerprint": "d" * 64,
    "classes": "10",
    "val_images": "400",
    "test_images": "0",
}


def write_run(folder: Path, accuracy: float | None, status="FINISHED", reason="", environment=None, **changes) -> Path:
    """A run; `accuracy` of None is one that was killed without a word. Changes are `group__key=value`."""
    folder.mkdir(parents=True)
    config = json.loads(json.dumps(CONFIG))
    for key, value in changes.items():
        *groups, last = key.split("__")
        place = config
        for group in groups:
            place = place[group]
        place[last] = value
    config["run_dir"] = str(folder)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    (folder / "environment.json").write_text(
        json.dumps(ENVIRONMENT | {"command": "python -m exprun"} | (environment or {}))
    )
    if accuracy is not None:
        row = {
            "epoch": 2.0,
            "step": 40.0,
            "train/loss": 1 - accuracy,
            "val/accuracy": accuracy,
            "val/loss": 1 - accuracy,
        }
        metrics = {key: value for key, value in row.items() if "/" in key} | {
            "time/seconds": 10.0,
            "val/best_accuracy": 1.0,
        }
        note = {
            "status": status,
            "reason": reason,
            "metrics": metrics,
            "history": [row | {"epoch": 1.0, "step": 20.0}, row],
        }
        (folder / "result.json").write_text(json.dumps(note))
    return folder


def write_sweep(folder: Path, effect=0.1, seeds=(0, 1, 2), **more) -> Path:
    """Batch norm against none by two optimisers, a few seeds each."""
    number = 0
    for norm in ("none", "batch"):
        for optim in ("sgd_momentum", "rmsprop"):
            for seed in seeds:
                accuracy = 0.8 + effect * (norm == "batch") + 0.01 * seed + 0.002 * ((seed * 7 + number) % 3)
                rate = 0.01 if optim == "sgd_momentum" else 0.0003
                write_run(
                    folder / str(number),
                    accuracy,
                    norm__name=norm,
                    optim__name=optim,
                    optim__learning_rate=rate,
                    seed=seed,
                    **more,
                )
                number += 1
    return folder
