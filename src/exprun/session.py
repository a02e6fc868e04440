"""The session: a loaded data set and a compiled step that the runs of one process share."""

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
    """A loaded data set and a compiled step that the runs of one process share; sharing them does not change results.

    Example:
        session = Session()
        for seed in range(3):
            run(["model=resnet20", f"seed={seed}"], session)  # loads the images and compiles the step once

    Args:
        datasets: the loaded data set, by its settings; at most one is kept.
        steps: the compiled steps, by their structure.
    """

    datasets: dict[str, Dataset] = field(default_factory=dict)
    steps: dict[str, "Step"] = field(default_factory=dict)

    def dataset(self, config: Config) -> Dataset:
        """The data set of a config; it is loaded again only if the settings of the group `data` have changed."""
        key = json.dumps(asdict(config.data), sort_keys=True)
        if key not in self.datasets:
            self.datasets.clear()  # only one is kept, because data sets are large
            self.datasets[key] = load(config.data)
        return self.datasets[key]

    def step(self, key: str | None, make: Callable[[], "Step"]) -> "Step":
        """The compiled step of a structure, built if it is new; an existing step has the weights of an earlier run.

        Args:
            key: the structure, from `exprun.trainer.structure`; None for a step that cannot be shared.
            make: function that builds the step.
        """
        if key is None:
            return make()
        if key not in self.steps:
            self.steps[key] = make()
        return self.steps[key]

    def evict_other_steps(self, key: str | None) -> None:
        """Remove the steps of other structures, so that their memory is free before the next step is built."""
        if self.steps.keys() - {key}:
            self.steps = {other: step for other, step in self.steps.items() if other == key}
            garbage.unfreeze()
            gc.collect()
