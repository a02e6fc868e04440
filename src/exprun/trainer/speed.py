"""How fast a run trains, and how many steps one call of the compiled loop should take."""

SECONDS_PER_CALL = 0.5  # long enough to hide the cost of a call, short enough to show progress


class Speed:
    """Measures the calls of a run. The first call traces and compiles, so it does not count.

    Args:
        batch_size: images per step.
    """

    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size
        self._seconds_per_step: float | None = None
        self._steps, self._seconds = 0, 0.0

    def steps_per_call(self) -> int:
        """The number of steps of the next call; one until a call without compilation has been measured."""
        if self._seconds_per_step is None:
            return 1
        return max(1, int(SECONDS_PER_CALL / self._seconds_per_step))

    def count(self, steps: int, seconds: float) -> float | None:
        """Add a call; returns its images per second, or None for the first call."""
        if self._seconds_per_step is None:
            self._seconds_per_step = SECONDS_PER_CALL  # so the second call takes one step too
            return None
        self._seconds_per_step = seconds / steps
        self._steps += steps
        self._seconds += seconds
        return steps * self.batch_size / seconds

    @property
    def images_per_second(self) -> float:
        """Over all calls but the first; 0 if there was only that call."""
        return self._steps * self.batch_size / self._seconds if self._seconds else 0.0
