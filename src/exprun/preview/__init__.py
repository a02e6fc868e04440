"""A page of the images that a network will see: after decoding, scaling and augmentation, before any training."""
