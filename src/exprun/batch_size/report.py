"""The report on batch sizes: sentences, a table on the terminal, JSON, and an HTML page."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exprun.batch_size.measure import RESERVE, Sizes, Speed
from exprun.config.errors import safe
from exprun.config.schema import Config
from exprun.text import json_text

ENOUGH = 0.95  # share of the highest speed from which a batch counts as fast as the fastest


@dataclass(frozen=True)
class Report:
    """The speed against the batch size, with its report.

    Args:
        config: the config of the run.
        sizes: the speeds.
        overrides: the overrides of the command, as a person typed them, without the batch size.
    """

    config: Config
    sizes: Sizes
    overrides: str

    @property
    def fastest(self) -> Speed:
        """The batch size with the highest median speed."""
        return max(self.sizes.speeds, key=lambda speed: speed.median)

    @property
    def take(self) -> Speed:
        """The smallest batch size that is as fast as the fastest, within 5 %."""
        return next(speed for speed in self.sizes.speeds if speed.median >= ENOUGH * self.fastest.median)

    @property
    def word(self) -> str:
        """The suggestion as an override."""
        return f"trainer.batch_size={self.take.size}"

    @property
    def title(self) -> str:
        """The result in one sentence."""
        return f"Training is fastest from {self.take.size} images in a batch: {self.take.median:,.0f} images/s"

    def sentences(self) -> list[str]:
        """The result in full: the batch to take, the fastest, the largest, and what to type next."""
        fastest, take, largest = self.fastest, self.take, self.sizes.speeds[-1]
        lines = [f"Smallest batch within 5 % of the highest speed: {self.word} ({take.median:,.0f} images/s)."]
        if fastest is not take:
            lines.append(f"The fastest is a batch of {fastest.size:,}: {fastest.median:,.0f} images/s.")
        follow = f"{self.sizes.following:,}"
        lines.append(
            {
                "memory": f"The largest batch that fits has {largest.size:,} images; {follow} would need more than "
                + (
                    "the device has."
                    if self.sizes.free is None
                    else f"{100 * RESERVE:.0f} % of the {self._free} free GB."
                ),
                "images": f"The largest batch tried has {largest.size:,} images; the training split has only "
                f"{self.sizes.images:,}.",
                "time": f"The largest batch tried has {largest.size:,} images and fits; --minutes gives time for more.",
            }[self.sizes.end]
        )
        words = " ".join(word for word in ("python -m exprun rate", self.overrides, self.word) if word)
        lines.append(f"The learning rate depends on the batch size; to find it: {words}")
        return lines

    @property
    def _free(self) -> str:
        return f"{(self.sizes.free or 0) / 2**30:,.1f}"

    def note(self, speed: Speed) -> str:
        """The remark on a batch size: whether it is the one to take, the fastest or the configured one."""
        marks = {
            "take": speed is self.take,
            "fastest": speed is self.fastest,
            "configured": speed.size == self.sizes.configured,
        }
        return ", ".join(mark for mark, holds in marks.items() if holds)


def print_report(report: Report) -> None:
    """Print the table and the sentences."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    out = Console(highlight=False, soft_wrap=True)
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("batch", "images/s", "ms per step", "memory"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for speed in report.sizes.speeds:
        table.add_row(*cells(speed), report.note(speed))
    out.print(table)
    for line in report.sentences():
        out.print(safe(line))


def cells(speed: Speed) -> tuple[str, str, str, str]:
    """The size, the speed, the time of a step and the memory of a batch size, as text."""
    memory = "–" if speed.gigabytes is None else f"{speed.gigabytes:,.2f} GB"
    return f"{speed.size:,}", f"{speed.median:,.0f}", f"{1000 * speed.size / speed.median:,.1f}", memory


def as_json(report: Report) -> str:
    """The result as JSON."""
    sizes = report.sizes
    facts = {
        "override": report.word,
        "fastest": report.fastest.size,
        "largest_tried": sizes.speeds[-1].size,
        "ended_by": sizes.end,
        "next": sizes.following,
        "configured": sizes.configured,
        "training_images": sizes.images,
        "free_bytes": sizes.free,
        "sentences": report.sentences(),
        "sizes": [
            {
                "batch_size": speed.size,
                "images_per_second": speed.median,
                "measurements": speed.images_per_second,
                "peak_gigabytes": speed.gigabytes,
            }
            for speed in sizes.speeds
        ],
    }
    return json_text(facts)


def page(report: Report, command: str) -> str:
    """The text of the page.

    Args:
        report: the result.
        command: the command that repeats the measurements.
    """
    from exprun.pages.rendering import CHARTS, PALETTE, render

    folder = Path(__file__).parent
    data: dict[str, Any] = {
        "palette": PALETTE,
        "sizes": [speed.size for speed in report.sizes.speeds],
        "medians": [round(speed.median, 2) for speed in report.sizes.speeds],
        "ranges": [[round(end(speed.images_per_second), 2) for end in (min, max)] for speed in report.sizes.speeds],
        "take": report.take.size,
        "configured": report.sizes.configured,
    }
    return render(
        folder / "report.html",
        data,
        [*CHARTS, folder / "report.js"],
        title=f"Batch size of {report.config.model.label} on {report.config.data.name}",
        report=report,
        command=command,
        cells=cells,
    )
