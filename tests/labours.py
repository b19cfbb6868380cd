"""Work for pools: importable in their workers, where functions of a test module are not."""

import os
import signal
import threading
import time
from pathlib import Path

import torch

from untrain.unlearners.base import Unlearner


def noted(folder, name):
    """Leave a line that this was begun; how often it was before."""
    with (Path(folder) / name).open("a") as file:
        file.write(f"{os.getpid()}\n")
    return len((Path(folder) / name).read_text().splitlines()) - 1


def begun(folder):
    """How often each was begun."""
    return {file.name: len(file.read_text().splitlines()) for file in Path(folder).iterdir()}


def square(x, folder=None, name=""):
    """A result."""
    if folder is not None:
        noted(folder, name)
    return x * x


def slow_square(x, folder, name, seconds):
    """A result that takes a while."""
    noted(folder, name)
    time.sleep(seconds)
    return x * x


def mortal(x, folder, name, deaths):
    """Killed in the middle, so many times; then a result."""
    if noted(folder, name) < deaths:
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGKILL)
    return x * x


def bar(folder, seconds):
    """A lock as a bar of progress holds it, for a while."""
    from tqdm import tqdm

    with tqdm.get_lock():
        noted(folder, "bar")
        time.sleep(seconds)


def raising(text):
    """An error of its own."""
    raise KeyError(text)


class Odd(Exception):
    """An error that cannot be unpickled."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


def odd():
    """Raise what cannot be sent."""
    raise Odd("this", "that")


def unsendable():
    """Return what cannot be sent."""
    return lambda: None


def threads():
    """Threads of torch where this is done, and its process."""
    return torch.get_num_threads(), os.getpid()


class Mortal(Unlearner):
    """Fine as it is, but the process that runs it first is killed.

    Args:
        folder: where each attempt leaves a line.
        deaths: how often.

    Source: made up for tests.
    """

    folder: str = "."
    deaths: int = 1

    def unlearn(self, model, problem):
        """The model, a little moved, if its process lives."""
        name = f"seed {problem.seed}"
        if noted(self.folder, name) < self.deaths:
            os.kill(os.getpid(), signal.SIGKILL)
        with torch.no_grad():
            next(iter(model.parameters())).mul_(1.01)
        return model


def dies_while_it_answers(mark):
    """A large answer, and the first time a death in the middle of sending it."""
    if not Path(mark).exists():
        Path(mark).touch()
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGKILL)).start()
    return b"x" * (50 << 20)


def alive(pid):
    """Whether a process is there and no mere zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(pids, within=10.0):
    """Whether all of them end in time."""
    until = time.monotonic() + within
    while any(map(alive, pids)) and time.monotonic() < until:
        time.sleep(0.1)
    return not any(map(alive, pids))
