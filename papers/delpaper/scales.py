"""At which size the paper's experiments are run."""

from __future__ import annotations

from dataclasses import dataclass

RANDOM = "Random(fraction=0.1)"
CLASSES = "Random(fraction=0.1, classes=(2, 5))"
REQUESTS = {"random": RANDOM, "classes": CLASSES}


@dataclass(frozen=True)
class Scale:
    """Data, networks and numbers of models.

    Args:
        name: as it is asked for.
        data: the scenario, with ``{path}``, ``{request}``, ``{model}``, ``{steps}`` to be filled in.
        networks: name -> (spelling of the network, spelling of how it is trained).
        seeds: original models, each unlearned by every method.
        oracles: models retrained without the forget set.
        requests: those that the control is asked on.
        settings: places of the settings that the control takes, of the six that a search may choose; None takes all.
    """

    name: str
    data: str
    networks: dict[str, tuple[str, str]]
    seeds: int
    oracles: int
    requests: tuple[str, ...] = tuple(REQUESTS)
    settings: tuple[int, ...] | None = None

    def scenario(self, path: str, request: str, network: str = "resnet") -> str:
        """The spelling of a scenario."""
        model, steps = self.networks[network]
        return self.data.format(path=path, request=REQUESTS.get(request, request), model=model, steps=steps)


SCALES = {
    "small": Scale(
        "small",
        "CIFAR10(path={path!r}, size=5000, model={model}, steps={steps}, request={request})",
        {
            "resnet": ("ResNet(width=8, depth=10)", "Steps(lr=0.1, epochs=15)"),
            "vit": ("ViT(width=64, depth=3, heads=4, hidden=128)", "Steps(lr=0.05, epochs=30)"),
        },
        seeds=3,
        oracles=8,
    ),
    "paper": Scale(
        "paper",
        "CIFAR10(path={path!r}, model={model}, steps={steps}, request={request})",
        {
            "resnet": ("ResNet(width=64, depth=18)", "Steps(lr=0.1, epochs=30)"),
            "vit": ("ViT()", "Steps(lr=0.05, epochs=30)"),
        },
        seeds=3,
        oracles=6,
    ),
    # For the control alone: a network that memorizes its 10,000 images, so that a random request has 27 points to forget.
    "memorized": Scale(
        "memorized",
        "SmallCIFAR10(path={path!r}, model={model}, steps={steps}, request={request})",
        {
            "resnet": (
                "ResNet9()",
                "Steps(lr=0.8, epochs=12, batch=250, optimizer=SGD(decay=0.0005, nesterov=True, decay_on='weights'), "
                "schedule=Triangular())",
            ),
        },
        seeds=4,
        oracles=10,
        requests=("random",),
        settings=(1, 2, 5),
    ),
    # To see in minutes that everything goes through, on the digits that scikit-learn carries: no number of it means anything.
    "dry": Scale(
        "dry",
        "Digits(model={model}, steps={steps}, request={request})",
        {
            "resnet": ("ConvNet(width=4)", "Steps(lr=0.1, epochs=2, batch=64)"),
            "vit": ("ViT(width=8, depth=1, heads=2, hidden=8, patch=4)", "Steps(lr=0.05, epochs=2, batch=64)"),
        },
        seeds=2,
        oracles=4,
    ),
}
