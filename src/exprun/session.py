"""What the runs of one process share."""

import gc
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from exprun import garbage
from exprun.config.schema import Config
from exprun.data import Dataset, load

if TYPE_CHECKING:
    from exprun.trainer.step import Step


@dataclass
class Session:
    """What the runs of one process share: a loaded data set and a compiled step. It never changes a result.

    Example:
        session = Session()
        for seed in range(3):
            run(["model=resnet20", f"seed={seed}"], session)  # loads the images and compiles the step once

    Args:
        datasets: the loaded data set, by its settings; at most one.
        steps: compiled steps, by their structure.
    """

    datasets: dict[str, Dataset] = field(default_factory=dict)
    steps: dict[str, "Step"] = field(default_factory=dict)

    def dataset(self, config: Config) -> Dataset:
        """The data set of a config, loaded once."""
        key = json.dumps(asdict(config.data), sort_keys=True)
        if key not in self.datasets:
            self.datasets.clear()  # one at a time: data sets are large
            self.datasets[key] = load(config.data)
        return self.datasets[key]

    def step(self, key: str | None, make: Callable[[], "Step"]) -> "Step":
        """The step of a structure, compiled once; it holds the values of the run before.

        Args:
            key: the structure, as `exprun.trainer.structure` describes it; None for a step that cannot be shared.
            make: builds the step.
        """
        if key is None:
            return make()
        if key not in self.steps:
            self.steps[key] = make()
        return self.steps[key]

    def evict_other_steps(self, key: str | None) -> None:
        """Drop the steps of other structures, so that their memory is free before the next step is built."""
        if self.steps.keys() - {key}:
            self.steps = {known: step for known, step in self.steps.items() if known == key}
            garbage.unfreeze()
            gc.collect()
