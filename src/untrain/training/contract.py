"""Promises of learners."""

from __future__ import annotations

from untrain.core.contract import check_random_state_kept, require, seed_everything
from untrain.core.metering import metered
from untrain.models.state import state
from untrain.training.base import Learner
from untrain.training.toy import changes, small, undone


def the_same_seed_trains_the_same_model(made: Learner) -> None:
    """Bit for bit, whatever the global random state; another seed trains another model, unless it says that seeds play no part.

    Cure: derive initial weights and the order of batches from the seed; a learner without chance sets `deterministic`.
    """
    _, problem = small()
    trained = []
    for noise, seed in ((5, 0), (6, 0), (7, 1)):
        seed_everything(noise)
        trained.append(state(made(problem.rest, seed)))
    require(not changes(trained[0], trained[1]), made, "trains two models for one seed")
    another = bool(changes(trained[0], trained[2]))
    require(another != made.deterministic, made, _SEEDS[made.deterministic])


_SEEDS = {
    False: "trains one model for two seeds: it ignores its seed; a learner in which seeds play no part is `deterministic`",
    True: "trains two models for two seeds, and says that it is deterministic",
}


def it_says_whether_its_operations_are_counted(made: Learner) -> None:
    """A budget is a share of them, and is refused before training where they are not.

    Cure: set `counted` to what training shows: False where no operation of torch is seen by the meter.
    """
    _, problem = small()
    with metered() as meter:
        made(problem.rest, 0)
    require(meter.counted == made.counted, made, f"has `counted` {made.counted}, and training it gives {meter.counted}")


def it_leaves_the_examples_and_the_random_state(made: Learner) -> None:
    """The training set is as it was, and so are torch's, numpy's and python's global states.

    Cure: clone examples before you change them, and draw from a generator of your own.
    """
    _, problem = small()
    undone(made, None, (problem.rest,), lambda: made(problem.rest, 0))
    check_random_state_kept(made, lambda: made(problem.rest, 0))
