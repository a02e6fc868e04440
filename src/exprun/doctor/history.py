"""What was measured while a network trains."""

from exprun.doctor.instruments.chance import ChanceLevel


class History:
    """The losses, metrics and weights of one run while it trains.

    Args:
        chance: the chance level of the training labels; None if the labels are not classes, or too few are known yet.
    """

    def __init__(self, chance: ChanceLevel | None) -> None:
        self.chance = chance
        self._streaks: dict[str, int] = {}

    def streak(self, name: str, holds: bool) -> int:
        """How often in a row something has held, this time included; 0 if it does not hold now.

        Args:
            name: what holds, the same at each call.
            holds: whether it holds now.
        """
        self._streaks[name] = self._streaks.get(name, 0) + 1 if holds else 0
        return self._streaks[name]
