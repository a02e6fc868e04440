"""Two coordinates for each image, so that images that are alike to the network lie side by side."""

import numpy as np


def principal(features: np.ndarray) -> tuple[np.ndarray, float]:
    """The first two principal components of features, and their share of the variance.

    Args:
        features: (images, features), float32; a value that is not finite counts as 0.

    Returns:
        The coordinates, (images, 2), and the share; with fewer than two features or images, coordinates are 0.
    """
    centred = np.nan_to_num(features.astype(np.float64), posinf=0.0, neginf=0.0)
    centred -= centred.mean(axis=0)
    images, count = centred.shape
    # The smaller of both products has the same eigenvalues, and is faster to decompose.
    product = centred.T @ centred if count <= images else centred @ centred.T
    values, vectors = np.linalg.eigh(product)
    values, vectors = values[::-1][:2].clip(0), vectors[:, ::-1][:, :2]
    coordinates = centred @ vectors if count <= images else vectors * np.sqrt(values)
    coordinates = np.pad(coordinates, ((0, 0), (0, 2 - coordinates.shape[1])))
    total = float(np.square(centred).sum())
    return coordinates, float(values.sum() / total) if total else 0.0
