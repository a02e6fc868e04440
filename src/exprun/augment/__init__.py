"""Random changes of the training images, on the device."""

from exprun.augment.changes import in_training, mirrored_in, strengths
from exprun.augment.draws import seed_of
from exprun.augment.mixing import Mixed, mixes, typical_shares

__all__ = ["Mixed", "in_training", "mirrored_in", "mixes", "seed_of", "strengths", "typical_shares"]
