"""The methods that the paper compares, its neighbours, and six settings of each: all that tuning may choose from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

KEEP = 0.3


@dataclass(frozen=True)
class Contender:
    """A method and its settings.

    Args:
        label: as tables show it.
        settings: six spellings; the first is the source's own where it has one. A single one is not tuned.
    """

    label: str
    settings: tuple[str, ...]


def grid(template: str, **values: Sequence[object]) -> tuple[str, ...]:
    """The template with every combination of values."""
    return tuple(template.format(**dict(zip(values, row, strict=True))) for row in product(*values.values()))


LENGTHS, RATES = ("100%", "30%"), (0.015, 0.05, 0.15)


def stepped(template: str) -> tuple[str, ...]:
    """Two lengths and three step sizes of a method that trains."""
    return grid(template, epochs=LENGTHS, lr=RATES)


STEPS = "steps=Steps(lr={lr}, epochs='{epochs}')"
RESET, RELABEL = f"ResetFinetune({STEPS})", f"RandomLabel({STEPS})"
NEGGRAD = "NegGrad(alpha={alpha}, steps=Steps(lr={lr}, epochs='30%', schedule=Constant()))"
ASCENTS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
PUSHES = {"alpha": (0.95, 0.99), "lr": (0.015, 0.005, 0.05)}

# Everything keeps its head free to move, as beside DEL's mask, so that localizers differ in the mask alone.
LOCALIZERS = {
    "WeightedGrad": "WeightedGrad(keep={keep})",
    "WeightedGrad on all": "WeightedGrad(keep={keep}, on='all')",
    "RandomMask": "RandomMask(like=WeightedGrad(keep={keep}))",
    "Gradient": "Gradient(keep={keep}, head='full')",
    "WeightMagnitude": "WeightMagnitude(keep={keep}, head='full')",
    "Fisher": "Fisher(keep={keep}, head='full')",
    "Deepest": "Deepest(keep={keep})",
    "Shallowest": "Shallowest(keep={keep})",
    "CriticalNeurons": "CriticalNeurons(keep={keep})",
}
UNLEARNERS = {"ResetFinetune": stepped(RESET), "RandomLabel": stepped(RELABEL), "NegGrad": grid(NEGGRAD, **PUSHES)}


def localized(unlearner: str, localizer: str, keep: float = KEEP) -> Contender:
    """An unlearner confined to what a localizer finds, with the six settings of the unlearner."""
    # The search for critical neurons takes what it takes: at 30 % nothing is cut off.
    whole = localizer == "CriticalNeurons" and keep >= KEEP
    mask = LOCALIZERS[localizer].format(keep=1.0 if whole else keep)
    return Contender(f"{unlearner} @ {localizer}", tuple(f"{s} @ {mask}" for s in UNLEARNERS[unlearner]))


DEL, CONTROL = localized("ResetFinetune", "WeightedGrad"), localized("ResetFinetune", "RandomMask")
NOTHING = Contender("Nothing", ("Nothing()",))
FULL = Contender("ResetFinetune, all weights", stepped(RESET))
FINETUNE = Contender("Finetune", stepped(f"Finetune({STEPS})"))
RANDOM_LABEL = Contender("RandomLabel", stepped(RELABEL))
SALUN = localized("RandomLabel", "Gradient")
NEG_GRAD = Contender("NegGrad", grid(NEGGRAD, **PUSHES))

MAIN = (
    NOTHING,
    DEL,
    CONTROL,
    localized("ResetFinetune", "Gradient"),
    localized("ResetFinetune", "Deepest"),
    localized("ResetFinetune", "Shallowest"),
    localized("ResetFinetune", "CriticalNeurons"),
    FULL,
    FINETUNE,
    RANDOM_LABEL,
    Contender("RandomLabel, drawn once", stepped(f"RandomLabel(draw='once', {STEPS})")),
    SALUN,
    NEG_GRAD,
    Contender("GradAscent", grid("GradAscent(steps=Steps(lr={lr}, epochs=5, schedule=Constant()))", lr=ASCENTS)),
    Contender("L1Sparse", grid("L1Sparse(gamma={gamma}, " + STEPS + ")", gamma=(7e-5, 5e-4), epochs=("30%",), lr=RATES)),
    Contender("SSD", tuple(f"SSD(select={a}, dampen={b})" for a, b in ((10, 1), (1, 1), (2, 1), (5, 1), (16, 1), (2, 0.3)))),
    Contender("WoodFisher", grid("WoodFisher(scale={scale})", scale=(1, 0.1, 0.3, 3, 10, 30))),
    Contender(
        "SCRUB",
        grid(
            "SCRUB(ascents={ascents}, steps=Steps(lr={lr}, epochs={epochs}, optimizer=SGD(decay=0.0005), schedule=Constant()))",
            ascents=(2,), epochs=(3, 6), lr=(5e-4, 5e-3, 2e-2),
        ),
    ),
    Contender(
        "BadTeacher",
        grid("BadTeacher(steps=Steps(lr={lr}, epochs={epochs}, batch=256, optimizer=AdamW(), schedule=Constant()))",
             epochs=(1, 4), lr=(1e-4, 5e-4, 2e-3)),
    ),
    Contender("FisherNoise", grid("FisherNoise(alpha={alpha})", alpha=(1e-6, 1e-8, 1e-7, 1e-5, 3e-5, 1e-4))),
    Contender("CFk", grid("CFk(layers={layers}, steps=Steps(lr={lr}, epochs='50%'))", layers=(2, 4), lr=(0.01, 0.03, 0.1))),
    Contender("EUk", grid("EUk(layers={layers}, steps=Steps(lr={lr}, epochs='100%'))", layers=(2, 4), lr=(0.01, 0.03, 0.1))),
)  # fmt: skip
