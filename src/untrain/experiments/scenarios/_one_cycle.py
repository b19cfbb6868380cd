"""Short training of a small residual network on a CPU."""

from __future__ import annotations

from untrain.training.steps import SGD, Steps, Triangular

# A batch of 250 divides 10,000 images: a last batch of 16 at this step size leaves some of the training set unlearned.
ONE_CYCLE = Steps(
    lr=0.8,
    batch=250,
    optimizer=SGD(momentum=0.9, decay=5e-4, nesterov=True, decay_on="weights"),
    schedule=Triangular(peak=0.2),
)
