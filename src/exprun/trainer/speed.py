"""The speed of a run, and the number of steps that one call of the compiled step takes."""

SECONDS_PER_CALL = 0.5  # duration of a call: long enough to make its overhead small, short enough to show progress


class Speed:
    """Measures the speed of a run over all calls but those that trace and compile, such as the first.

    Args:
        batch_size: the number of images per step.
    """

    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size
        self._seconds_per_step: float | None = None
        self._steps, self._seconds = 0, 0.0

    def expect_compilation(self) -> None:
        """Leave the next call out of the speed, because it traces and compiles."""
        self._seconds_per_step = None

    def steps_per_call(self) -> int:
        """The number of steps of the next call; 1 until a call without compilation has been measured."""
        if self._seconds_per_step is None:
            return 1
        return max(1, int(SECONDS_PER_CALL / self._seconds_per_step))

    def count(self, steps: int, seconds: float) -> float | None:
        """Add a call of some steps; returns its images per second, or None for a call that compiles."""
        if self._seconds_per_step is None:
            self._seconds_per_step = SECONDS_PER_CALL  # makes the second call take one step too
            return None
        self._seconds_per_step = seconds / steps
        self._steps += steps
        self._seconds += seconds
        return steps * self.batch_size / seconds

    @property
    def images_per_second(self) -> float:
        """The images per second over all calls that did not compile; 0 without such calls."""
        return self._steps * self.batch_size / self._seconds if self._seconds else 0.0
