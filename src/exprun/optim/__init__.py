"""Build the optimiser of a run, with weight decay, gradient clipping and learning rates per layer."""

from exprun.optim.optimizer import l2_factors, make_optimizer
from exprun.optim.sharpness import climbed

__all__ = ["climbed", "l2_factors", "make_optimizer"]
