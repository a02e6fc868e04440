"""not-finite: a loss or weights that are NaN or infinite."""

from exprun.doctor.cause import Cause, Phase

CAUSE = Cause(
    id="not-finite",
    why="NaN spreads to all weights, and nothing more is learned.",
    source="Zhang et al. 2021, AutoTrainer, section 3",
    phases=(Phase.STEP, Phase.PROBE),
    explains=("dead-relu", "loss-at-chance", "collapsed-predictions", "input-independent", "no-generalization"),
    is_symptom=True,
    keras=(
        "look for log, division, sqrt and norms in your own losses and layers (at 0, sqrt has the value 0 but an "
        "infinite gradient: write sqrt(x + 1e-7)); if there are none, divide the learning rate by 10."
    ),
    overrides=("{slower}", "optim.clip_global_norm=1.0", "trainer.precision=float32"),
)
