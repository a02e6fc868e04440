"""The optim room: Keras' optimisers by the names of the config, with decay, clipping and layer rates."""

from exprun.optim.optimizer import l2_factors, make_optimizer

__all__ = ["l2_factors", "make_optimizer"]
