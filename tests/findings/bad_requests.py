"""Requests, scenarios and data sets that do in one of their verbs what no code may; importable in workers."""

import bad_methods
import numpy as np
from torch.utils.data import Dataset

from untrain.core.process_state import ProcessState
from untrain.data.requests.base import Request
from untrain.experiments.scenarios.base import Scenario
from untrain.experiments.scenarios.digits import Digits
from untrain.models.architectures.convnet import ConvNet
from untrain.training.steps import Steps

BLOCKS = []  # each verb that ran, and in how many blocks
OPEN = []  # states of the process that blocks will put back


class CountedState(ProcessState):
    """The state of the process, noted while its block is open."""

    def __init__(self, names):
        OPEN.append(self)
        super().__init__(names)

    def put_back(self, stdout, draws):
        OPEN.remove(self)
        return super().put_back(stdout, draws)


def act_in(verb, wanted, act):
    """Note that a verb runs; do the act where it is the wanted verb."""
    BLOCKS.append((verb, len(OPEN)))
    if verb == wanted:
        print("SPOILS")  # noqa: T201
        {**bad_methods.LEFT, **bad_methods.FAILS}[act][0]() if act else None


class BadRequest(Request):
    """Does in a verb what no request may.

    Args:
        verb: which.
        act: what.

    Source: planted.
    """

    verb: str = ""
    act: str = ""

    def draw(self, train):
        act_in("draw", self.verb, self.act)
        return np.arange(40)

    def named(self, examples):
        act_in("named", self.verb, self.act)
        return np.arange(40)

    def replacement(self, train, rows):
        act_in("replacement", self.verb, self.act)

    def everywhere(self, examples, replacement):
        act_in("everywhere", self.verb, self.act)
        return examples

    def ensemble(self):
        act_in("ensemble", self.verb, self.act)


class BadScenario(Scenario):
    """Does in a verb what no scenario may.

    Args:
        verb: which.
        act: what.
        request: what to forget.

    Source: planted.
    """

    verb: str = ""
    act: str = ""
    request: Request = BadRequest()

    def _inner(self):
        return Digits(model=ConvNet(width=2), steps=Steps(lr=0.1, epochs=1, batch=64), request=self.request)

    def load(self):
        act_in("load", self.verb, self.act)
        return self._inner().load()

    def learner(self):
        act_in("learner", self.verb, self.act)
        return self._inner().learner()

    def made_elsewhere(self):
        act_in("made_elsewhere", self.verb, self.act)
        return self


class BadRows(Dataset):
    """A data set that does what none may when it is asked for a row."""

    def __init__(self, act=""):
        self.act = act

    def __len__(self):
        return 100

    def __getitem__(self, row):
        act_in("row", "row" if row == 7 else "", self.act)
        return np.full(4, row, dtype=np.float32), row % 2
