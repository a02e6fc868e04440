"""Images of one split that are in another too: bit by bit, or nearly; NumPy alone."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from exprun.config.doctor import Doctor
from exprun.doctor.finding import Finding

DIGESTED = 200 * 2**20  # bytes of images of a split that are compared
PIECE = 64  # images that are looked at together
SIDE, FINE = 8, 32  # pixels of a thumbnail, and of a finer one at the most
FLAT = 4.0  # standard deviation of a thumbnail, in grey levels: below, all images look alike
# Measured: nearly all images that were compressed again, scaled or made brighter pass these; of different digits,
# articles of Fashion-MNIST, drawn palms and noisy templates less than 1 in 1,000 does.
ALIKE, FINELY_ALIKE = 0.99, 0.9  # correlation of the thumbnails of two like images, and of the finer ones
NEIGHBOURS, CLOSER = 3, 0.1  # the one found has less than this share of the distance to the third nearest
ASKED, BLOCK = 1000, 256  # images of a split for which a like is looked for, and how many at once
LEAST_COPIES = 3  # where not all images are compared


@dataclass(frozen=True)
class Prints:
    """What images of a split are recognised by.

    Args:
        split: its name.
        digests: of its images, in random order; empty for an image of one colour, which many have.
        thumbnails: of the same, mean 0 and norm 1, or 0 where they are flat; (images, values); None where unknown.
        images: uint8, (all images, height, width, channels); None where unknown.
        rows: of the same in `images`, in their order.
        names: of the same; empty where unknown.
        total: images of the split, of which the above may be a part.
    """

    split: str
    digests: tuple[bytes, ...]
    thumbnails: np.ndarray | None = None
    images: np.ndarray | None = None
    rows: np.ndarray | None = None
    names: tuple[str, ...] = ()
    total: int = 0


def digests(images: np.ndarray, rows: np.ndarray) -> tuple[bytes, ...]:
    """What tells images apart bit by bit, of as many of `rows` as fit into `DIGESTED` bytes."""
    most = max(1, DIGESTED // max(1, images[0].nbytes))
    return tuple(hashlib.blake2b(images[row].tobytes(), digest_size=12).digest() for row in rows[:most])


def prints_of(split: str, images: np.ndarray, rows: np.ndarray, names: Sequence[str] = ()) -> Prints:
    """The prints of a split.

    Args:
        split: its name.
        images: uint8, (all images, height, width, channels).
        rows: those of the split.
        names: of all images; empty where unknown.
    """
    order = np.random.default_rng(0).permutation(rows)[: max(1, DIGESTED // max(1, images[0].nbytes))]
    found: list[bytes] = []
    thumbnails = []
    for start in range(0, len(order), PIECE):
        piece = images[order[start : start + PIECE]]
        plain = (piece == piece[:, :1, :1]).all(axis=(1, 2, 3))
        found += [
            b"" if one else hashlib.blake2b(image, digest_size=12).digest()
            for one, image in zip(plain, piece, strict=True)
        ]
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
    )


def _thumbnails(images: np.ndarray, side: int) -> np.ndarray:
    """Means over `side` × `side` blocks of each channel, less their mean, with norm 1 or 0; (images, values)."""
    down, across = (np.linspace(0, length, min(side, length) + 1).astype(int) for length in images.shape[1:3])
    sums = np.add.reduceat(np.add.reduceat(images, down[:-1], axis=1, dtype=np.float32), across[:-1], axis=2)
    means = (sums / np.outer(np.diff(down), np.diff(across))[..., None]).reshape(len(images), -1)
    means -= means.mean(1, keepdims=True)
    norms = np.linalg.norm(means, axis=1, keepdims=True)
    flat = norms < FLAT * np.sqrt(means.shape[1])
    return np.where(flat, 0, means / np.maximum(norms, 1e-6)).astype(np.float32)


def check_leaks(splits: Sequence[Prints], limits: Doctor) -> Iterator[Finding]:
    """Images of a split that an earlier one has too.

    Args:
        splits: training, and those that are measured on, in the order of their use.
        limits: the thresholds.
    """
    for number, asked in enumerate(splits):
        earlier = splits[:number]
        told = [leak for known in earlier if (leak := _leak(known, asked, earlier, limits)) is not None]
        if told:
            yield Finding(
                f"leaked-{asked.split}",
                "warning",
                f"{asked.split} images",
                " ".join(text for text, _ in told),
                numbers=max((numbers for _, numbers in told), key=lambda numbers: numbers["share"]),
            )


def _leak(
    known: Prints, asked: Prints, earlier: Sequence[Prints], limits: Doctor
) -> tuple[str, dict[str, float]] | None:
    """What is said of the images of one split that another has too, with its numbers; None where they are few."""
    places = {digest: place for place, digest in enumerate(known.digests) if digest}
    same = {place: places[digest] for place, digest in enumerate(asked.digests) if digest in places}
    near, tried = {}, 0
    if known.thumbnails is not None and asked.thumbnails is not None:
        tried = min(ASKED, len(asked.thumbnails))
        all_earlier = [one.thumbnails for one in earlier if one.thumbnails is not None]
        pairs = _nearest(known.thumbnails, asked.thumbnails[:tried], all_earlier)
        near = _alike(known, asked, {row: place for row, place in pairs.items() if row not in same})
    share = len(same) / max(1, len(asked.digests)) + len(near) / max(1, tried)
    compared = len(known.digests) / max(1, known.total, len(known.digests))
    assert limits.leak is not None
    if share / compared <= limits.leak or (compared < 1 and len(same) + len(near) < LEAST_COPIES):
        return None
    text = " and ".join(
        f"{len(copies):,} of {count:,} {asked.split} images ({len(copies) / count:.0%}) are {kind} "
        f"{known.split} images{_example(known, asked, copies)}"
        for kind, copies, count in (
            ("exact copies of", same, len(asked.digests)),
            ("nearly the same (but for compression, size or brightness) as", near, tried),
        )
        if copies
    )
    part = f" Compared were {len(known.digests):,} of {known.total:,} {known.split} images." if compared < 1 else ""
    return f"{text}.{part}", {"share": share, "exact": len(same), "near": len(near)}


def _nearest(known: np.ndarray, asked: np.ndarray, earlier: Sequence[np.ndarray]) -> dict[int, int]:
    """For rows of `asked` the one of `known` that is near in itself, and far nearer than the third nearest.

    Images of the same kind may be near each other, but then several are about as near.

    Args:
        known: thumbnails, (images, values).
        asked: likewise.
        earlier: of all splits in which the third nearest is looked for.
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
    """The pairs that are alike in fine thumbnails too: small things in coarse ones look alike wherever they are."""
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
    """A pair by name, where images have names."""
    if not (known.names and asked.names):
        return ""
    row, place = next(iter(copies.items()))
    return f", such as {asked.names[row]} and {known.names[place]}"
