"""Find images of one split that are also in another split, exactly or nearly; uses only NumPy."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from exprun.doctor.instruments.altered import digest, largest_shift, mirrored, shifted

MAX_BYTES = 200 * 2**20  # bytes of images of a split that are compared
PIECE = 64  # images that are processed at once
SIDE, FINE = 8, 32  # pixels a side of a thumbnail, and of a finer thumbnail at most
FLAT = 4.0  # standard deviation of a thumbnail, in grey levels, below which all images look alike
# Measured: nearly all images that were compressed again, scaled or brightened pass these thresholds, but fewer than
# 1 in 1,000 different digits, articles of Fashion-MNIST, drawn palms and noisy templates do.
ALIKE, FINELY_ALIKE = 0.99, 0.9  # lowest correlation of the thumbnails of similar images, and of their finer thumbnails
NEIGHBOURS = 3  # the similar image is compared with the third nearest
CLOSER = 0.1  # share of the distance to the third nearest that a similar image may have
MAX_ASKED = 1000  # images of a split for which a similar image is looked for
BLOCK = 256  # images that are compared with the others at once
MIN_ROWS = 20  # rows that show how often their values are equal
MAX_COLUMNS = 2000  # columns that are compared
MIN_COPIES = 3  # copies that are reported if not all images are compared


class Contents(NamedTuple):
    """The encoded content of all images of a split, by which exact copies are recognised without decoding them.

    Args:
        hashes: the first 8 bytes of a hash of each image, uint64, (images,).
        rows: the row in `Prints.images` of each image, (images,).
        names: the names of all images, by row; empty if unknown.
    """

    hashes: np.ndarray
    rows: np.ndarray
    names: Sequence[str]


@dataclass(frozen=True)
class Prints:
    """Fingerprints of the images of a split, by which copies are recognised.

    Args:
        split: the name of the split.
        digests: the digests of its images, in random order; empty for an image of one colour, which is common.
        thumbnails: the thumbnails of the same images, with mean 0 and norm 1, or all 0 for a flat image,
            (images, values); None if unknown.
        images: the images, or the pixels of all splits, (all images, height, width, channels); None if unknown.
        rows: the row in `images` of each image in `digests`, (images,); None if unknown.
        names: the names of the same images; empty if unknown.
        total: the number of images of the split, of which the fingerprints may cover a part.
        contents: the encoded content of all images of the split; None if unknown.
    """

    split: str
    digests: tuple[bytes, ...]
    thumbnails: np.ndarray | None = None
    images: np.ndarray | None = None
    rows: np.ndarray | None = None
    names: tuple[str, ...] = ()
    total: int = 0
    contents: Contents | None = None

    def name(self, row: int) -> str:
        """The name of an image; empty if it is unknown.

        Args:
            row: the row of the image in `images`, or its place in `digests` if `rows` is unknown.
        """
        if self.contents is not None and self.contents.names:
            return self.contents.names[row]
        if not self.names:
            return ""
        return self.names[row if self.rows is None else int(np.flatnonzero(self.rows == row)[0])]


class Pair(NamedTuple):
    """An image and one that it is a copy of.

    Args:
        row: the row of the image in `Prints.images`.
        other: the row of the image of the earlier split.
        kind: how they are alike, such as `exact copies of`.
        earlier: the name of the earlier split.
    """

    row: int
    other: int
    kind: str
    earlier: str


@dataclass(frozen=True)
class Leak:
    """Images of a split that are also in splits that are used earlier.

    Args:
        evidence: how many images are copies of which split, in one or more sentences.
        numbers: the share of the images, and the numbers of exact copies, of mirrored or rotated, of shifted and of
            near ones, for the split with most of them.
        pairs: the copies that were found; empty if the rows of the images are unknown.
    """

    evidence: str
    numbers: dict[str, float]
    pairs: tuple[Pair, ...] = ()


def digests(images: np.ndarray, rows: np.ndarray) -> tuple[bytes, ...]:
    """The digests by which images are compared bit for bit, for as many of `rows` as fit into `MAX_BYTES`."""
    most = max(1, MAX_BYTES // max(1, images[0].nbytes))
    return tuple(digest(images[row]) for row in rows[:most])


def prints_of(
    split: str,
    images: np.ndarray,
    rows: np.ndarray,
    names: Sequence[str] = (),
    most: int | None = None,
    hashes: np.ndarray | None = None,
) -> Prints:
    """The fingerprints of the images of a split.

    Args:
        split: the name of the split.
        images: the pixels of all splits, uint8, (all images, height, width, channels).
        rows: the rows of the split in `images`.
        names: the names of all images; empty if unknown.
        most: the largest number of images that are looked at; None for as many as fit into `MAX_BYTES`.
        hashes: a hash of the encoded content of each image, uint64, (all images,); None if unknown.
    """
    order = np.random.default_rng(0).permutation(rows)[: max(1, MAX_BYTES // max(1, images[0].nbytes))][:most]
    found: list[bytes] = []
    thumbnails = []
    for start in range(0, len(order), PIECE):
        piece = images[order[start : start + PIECE]]
        found += [b"" if _is_plain(image) else digest(image) for image in piece]
        if min(piece.shape[1:3]) >= SIDE:
            thumbnails.append(_thumbnails(piece, SIDE))
    return Prints(
        split,
        tuple(found),
        np.concatenate(thumbnails) if thumbnails else None,
        images,
        order,
        tuple(names[row] for row in order) if names else (),
        len(rows),
        None if hashes is None else Contents(hashes[rows], rows, names),
    )


def _is_plain(image: np.ndarray) -> bool:
    """Whether an image has one colour; most images show already in their first rows that they have not."""
    return all(bool((part == image[0, 0]).all()) for part in (image[:SIDE], image))


def _thumbnails(images: np.ndarray, side: int) -> np.ndarray:
    """Means over `side` × `side` blocks of each channel, minus their mean, with norm 1 or 0; (images, values)."""
    means = block_means(images, side)
    blocks = means.reshape(len(means), -1, images.shape[3])
    flat = np.sqrt(blocks.var(1).mean(1, keepdims=True)) < FLAT  # in each channel, so that one colour is flat, too
    means -= means.mean(1, keepdims=True)
    norms = np.linalg.norm(means, axis=1, keepdims=True)
    return np.where(flat, 0, means / np.maximum(norms, 1e-6)).astype(np.float32)


def block_means(images: np.ndarray, side: int) -> np.ndarray:
    """The means over at most `side` × `side` blocks of each channel, float32, (images, values).

    Args:
        images: (images, height, width, channels).
        side: the number of blocks along each axis, at most.
    """
    down, across = (np.linspace(0, length, min(side, length) + 1).astype(int) for length in images.shape[1:3])
    # Sums of slices: `np.add.reduceat` would take eight times as long along this axis.
    rows = [images[:, top:end].sum(1, dtype=np.float32) for top, end in pairwise(down)]
    sums = np.add.reduceat(np.stack(rows, 1), across[:-1], axis=2)
    return np.asarray((sums / np.outer(np.diff(down), np.diff(across))[..., None]).reshape(len(images), -1))


def equal_by_luck(inputs: np.ndarray) -> float:
    """How many other rows equal a row, on average, if its columns have nothing to do with one another.

    Few columns of few values, as in a truth table or a table of categories, have many equal rows. Rows of images or of
    measured numbers have none, even if the table holds copies of whole rows.

    Args:
        inputs: rows of a split, (rows, …).
    """
    count = len(inputs)
    if count < MIN_ROWS:
        return 0.0
    columns = inputs.reshape(count, -1).T
    expected = float(count - 1)
    for column in columns[:: max(1, len(columns) // MAX_COLUMNS)]:
        if expected < 1e-6:
            return 0.0
        times = np.unique(column, return_counts=True)[1].astype(np.float64)
        expected *= float((times * (times - 1)).sum()) / (count * (count - 1))
    return expected


def repeated(digests: Sequence[bytes]) -> float:
    """The share of images that equal another one of the same split.

    Args:
        digests: the digests of the images; empty if unknown.
    """
    times = Counter(digests)
    return sum(count for count in times.values() if count > 1) / max(1, len(digests))


def find_leaks(splits: Sequence[Prints], limit: float) -> dict[str, Leak]:
    """Find images of a split that are also in a split that is used earlier; returns them by the name of the later one.

    Args:
        splits: the fingerprints of training and of the splits that are evaluated, in the order of their use.
        limit: the share of the images of a split up to which copies are not counted as a leak.
    """
    found = {}
    for number, asked in enumerate(splits):
        earlier = splits[:number]
        leaks = [leak for known in earlier if (leak := _leak(known, asked, earlier, limit)) is not None]
        if leaks:
            worst = max(leaks, key=lambda leak: leak.numbers["share"])
            pairs = tuple(pair for leak in leaks for pair in leak.pairs)
            found[asked.split] = Leak(" ".join(leak.evidence for leak in leaks), worst.numbers, pairs)
    return found


def _leak(known: Prints, asked: Prints, earlier: Sequence[Prints], limit: float) -> Leak | None:
    """The images of one split that are in another; None if they are too few."""
    rows = {one: row for row, one in enumerate(known.digests) if one}
    same = {row: rows[one] for row, one in enumerate(asked.digests) if one in rows}
    turned, moved, compared_altered = _altered(known, asked, rows, same)
    near, compared_near = {}, 0
    if known.thumbnails is not None and asked.thumbnails is not None:
        compared_near = min(MAX_ASKED, len(asked.thumbnails))
        all_earlier = [one.thumbnails for one in earlier if one.thumbnails is not None]
        pairs = _nearest(known.thumbnails, asked.thumbnails[:compared_near], all_earlier)
        others = {*same, *turned, *moved}
        near = _alike(known, asked, {row: other for row, other in pairs.items() if row not in others})
    exact, compared_exact = _by_row(known, asked, same), len(asked.digests)
    if known.contents is not None and asked.contents is not None:
        exact, compared_exact = exact | _of_equal_content(known, asked), asked.total
    kinds = (
        ("exact copies of", exact, compared_exact),
        ("mirrored or rotated copies of", _by_row(known, asked, turned), compared_altered),
        ("shifted copies of", _by_row(known, asked, moved), compared_altered),
        (
            "nearly the same (except for compression, size or brightness) as",
            _by_row(known, asked, near),
            compared_near,
        ),
    )
    share = sum(len(copies) / max(1, count) for _, copies, count in kinds)
    found = sum(len(copies) for _, copies, _ in kinds)
    compared = len(known.digests) / max(1, known.total, len(known.digests))
    certain = len(exact) / max(1, compared_exact) if known.contents is not None else 0.0  # of all images of both splits
    if certain + (share - certain) / compared <= limit or (compared < 1 and found < MIN_COPIES):
        return None
    text = " and ".join(
        f"{len(copies):,} of {count:,} {asked.split} images ({len(copies) / count:.0%}) are {kind} "
        f"{known.split} images{_example(known, asked, copies)}"
        for kind, copies, count in kinds
        if copies
    )
    only = "Only" if known.contents is None else "Except for copies of files, only"
    compared_part = f" {only} {len(known.digests):,} of {known.total:,} {known.split} images were compared."
    numbers = {"share": share, "exact": len(exact), "mirrored": len(turned), "shifted": len(moved), "near": len(near)}
    found_pairs: list[Pair] = []
    if known.rows is not None and asked.rows is not None:
        for kind, copies, _ in kinds:
            found_pairs += [Pair(row, other, kind, known.split) for row, other in copies.items()]
    return Leak(f"{text}.{compared_part if compared < 1 else ''}", numbers, tuple(found_pairs))


def _by_row(known: Prints, asked: Prints, places: Mapping[int, int]) -> dict[int, int]:
    """Pairs of images by their rows in `Prints.images`, of pairs of places; these are unchanged if rows are unknown."""
    if known.rows is None or asked.rows is None:
        return dict(places)
    return {int(asked.rows[place]): int(known.rows[other]) for place, other in places.items()}


def _of_equal_content(known: Prints, asked: Prints) -> dict[int, int]:
    """The rows of images with the same encoded content, except images of one colour, which are common.

    Of many such images, only the first `MAX_ASKED` are examined for their colours.
    """
    assert known.contents is not None
    assert asked.contents is not None
    _, first, second = np.intersect1d(asked.contents.hashes, known.contents.hashes, return_indices=True)
    others = dict(zip(asked.contents.hashes[first].tolist(), known.contents.rows[second].tolist(), strict=True))
    hashes, rows = asked.contents.hashes.tolist(), asked.contents.rows.tolist()
    found = {row: others[one] for row, one in zip(rows, hashes, strict=True) if one in others}
    assert asked.images is not None
    plain = {row for row in list(found)[:MAX_ASKED] if _is_plain(asked.images[row])}
    return {row: other for row, other in found.items() if row not in plain}


def _altered(
    known: Prints, asked: Prints, digests: Mapping[bytes, int], same: Collection[int]
) -> tuple[dict[int, int], dict[int, int], int]:
    """The images that are mirrored or rotated copies, those that are shifted ones, and how many were compared.

    Args:
        known: the earlier split.
        asked: the later split.
        digests: the place of each image of the earlier split, by its digest.
        same: the places of exact copies in the later split.
    """
    if known.images is None or asked.images is None or known.rows is None or asked.rows is None:
        return {}, {}, 0
    most = max(1, MAX_BYTES // max(1, asked.images[0].nbytes * (2 * largest_shift(asked.images) + 1)))
    rows = asked.rows[: min(MAX_ASKED, most, len(asked.digests))]
    images = asked.images[rows]
    places = known.rows[: len(known.digests)]
    some = [row for row in range(len(rows)) if asked.digests[row] and row not in same]
    turned = mirrored(digests, known.images, places, images, some)
    left = [row for row in range(len(rows)) if asked.digests[row] and row not in same and row not in turned]
    return turned, shifted(known.images, places, images, left), len(rows)


def _nearest(known: np.ndarray, asked: np.ndarray, earlier: Sequence[np.ndarray]) -> dict[int, int]:
    """For images of `asked`, the most similar image of `known`, if it is much nearer than the third nearest.

    Images of the same kind may be near each other, but then several are about as near.

    Args:
        known: the thumbnails of the earlier split, (images, values).
        asked: the thumbnails of the later split, (other images, values).
        earlier: the thumbnails of all splits in which the third nearest is looked for.

    Returns:
        The rows in `asked` for which a similar image was found, each with the row of this image in `known`.
    """
    found: dict[int, int] = {}
    rank = min(NEIGHBOURS, sum(map(len, earlier)))
    for start in range(0, len(asked), BLOCK):
        alike = asked[start : start + BLOCK] @ known.T
        rows = np.flatnonzero(alike.max(1) > ALIKE)
        every = np.concatenate([asked[start + rows] @ one.T for one in earlier], axis=1)
        others = np.partition(every, -rank, axis=1)[:, -rank]
        best = alike[rows].argmax(1)
        # Of unit vectors, the square of the distance is 2 - 2 · correlation.
        closer = 1 - alike[rows, best] < CLOSER**2 * (1 - others)
        found |= {start + int(row): int(place) for row, place in zip(rows[closer], best[closer], strict=True)}
    return found


def _alike(known: Prints, asked: Prints, pairs: dict[int, int]) -> dict[int, int]:
    """The pairs whose fine thumbnails are similar too: in coarse ones, small objects look the same anywhere."""
    kept: dict[int, int] = {}
    every = list(pairs.items())
    for start in range(0, len(every), PIECE):
        piece = every[start : start + PIECE]
        one, other = (
            _thumbnails(part.images[part.rows[list(places)]], FINE)  # type: ignore[index]
            for part, places in zip((asked, known), zip(*piece, strict=True), strict=True)
        )
        kept |= {
            pair[0]: pair[1] for pair, alike in zip(piece, (one * other).sum(1), strict=True) if alike > FINELY_ALIKE
        }
    return kept


def _example(known: Prints, asked: Prints, copies: dict[int, int]) -> str:
    """A pair of images by name; empty if the images have no names."""
    row, other = next(iter(copies.items()))
    names = asked.name(row), known.name(other)
    return f", such as {names[0]} and {names[1]}" if all(names) else ""
