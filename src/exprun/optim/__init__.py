"""Build the optimiser of a run, with weight decay, gradient clipping and learning rates per layer."""

from exprun.optim.optimizer import l2_factors, make_optimizer

__all__ = ["l2_factors", "make_optimizer"]
