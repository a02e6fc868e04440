"""Run the programs of `programs/`, buggy and repaired, and print their final metrics side by side.

    python tests/doctor/verify_programs.py            # all
    python tests/doctor/verify_programs.py raw_table  # those named

Metrics are those of the last epoch: loss/metric on the training images, then on the validation images.
"""

import importlib
import os
import sys
import time
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
PROGRAMS = Path(__file__).resolve().parent / "programs"
sys.path.insert(0, str(PROGRAMS.parents[1]))


def figures(history: dict) -> str:
    """Last loss and metric, training / validation."""
    parts = []
    for prefix in ("", "val_"):
        names = [n for n in history if n.startswith("val_") == bool(prefix)]
        if names:
            parts.append(" ".join(f"{history[n][-1]:.3g}" for n in sorted(names, key=lambda n: not n.endswith("loss"))))
    return " | ".join(parts)


def main(names: list[str]) -> None:
    import keras

    warnings.filterwarnings("ignore")
    names = names or sorted(path.stem for path in PROGRAMS.glob("*.py"))
    print(f"{'program':26} {'buggy: train | val':37} {'repaired: train | val':37} {'s':>5} {'s':>5}  causes")
    start = time.time()
    for name in names:
        program = importlib.import_module(f"doctor.programs.{name}")
        row, seconds = [], []
        for repaired in (False, True):
            keras.backend.clear_session()
            begin = time.time()
            try:
                row.append(figures(program.run([], repaired=repaired).history.history))
            except Exception as error:
                row.append(f"{type(error).__name__}: {error}"[:36].replace("\n", " "))
            seconds.append(time.time() - begin)
        causes = ", ".join(program.CAUSES)
        print(f"{name:26} {row[0]:37} {row[1]:37} {seconds[0]:5.1f} {seconds[1]:5.1f}  {causes}", flush=True)
    print(f"{len(names)} programs, {time.time() - start:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
