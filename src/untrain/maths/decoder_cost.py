"""Arithmetic, memory and hours of steps of unlearning on decoders, on paper."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Decoder:
    """Sizes of a decoder with rotary places and gated layers, as Llama has them.

    >>> Decoder(vocabulary=32000, width=4096, layers=32, heads=32, hidden=11008).parameters
    6738415616

    Args:
        vocabulary: number of tokens.
        width: length of a token's vector.
        layers: number of layers.
        heads: number of heads of attention.
        hidden: units of the gated part of a layer.
        shared: heads of keys and values; 0 is as many as there are.
    """

    vocabulary: int
    width: int
    layers: int
    heads: int
    hidden: int
    shared: int = 0

    @property
    def matrices(self) -> int:
        """Weights by which each token is multiplied: those of layers and of the head."""
        keys = self.width * (self.shared or self.heads) // self.heads
        return (
            self.layers * (2 * self.width**2 + 2 * self.width * keys + 3 * self.width * self.hidden) + self.vocabulary * self.width
        )

    @property
    def parameters(self) -> int:
        """All weights: these, the embedding, and the norms."""
        return self.matrices + self.vocabulary * self.width + (2 * self.layers + 1) * self.width


# Of a step with one forget and one retain batch: passes over each that have gradients, and passes of the model before.
# An answer that is put in the place of another is a pass of its own.
PASSES: dict[str, tuple[int, int, int, int]] = {  # forget, retain; before on forget, before on retain
    **dict.fromkeys(("GradAscent", "TaskVector", "CEU"), (1, 0, 0, 0)),
    "UNDIAL": (1, 0, 1, 0),
    "Finetune": (0, 1, 0, 0),
    **dict.fromkeys(("NegGrad", "GradDiff", "SimNPO", "WGA", "SatImp", "PDU"), (1, 1, 0, 0)),
    **dict.fromkeys(("NPO", "KLMax"), (1, 1, 1, 0)),
    **dict.fromkeys(("DPO", "IdkDPO", "AltPO"), (2, 1, 2, 0)),
}


def forward_operations(model: Decoder, rows: int, tokens: int) -> int:
    """Operations of a forward pass over some rows, a multiplication and an addition being two.

    >>> forward_operations(Decoder(10, 4, 1, 2, 8), 1, 3)
    1344

    Args:
        model: its sizes.
        rows: of tokens.
        tokens: of each, padding among them.
    """
    return rows * tokens * (2 * model.matrices + 4 * model.layers * tokens * model.width)


def step_operations(method: str, model: Decoder, rows: int, tokens: int, adapters: int = 0) -> int:
    """Operations of one step of a method on a forget and a retain batch of ``rows`` each.

    >>> ascent, npo = (step_operations(name, Decoder(10, 4, 1, 2, 8), 1, 3) for name in ("GradAscent", "NPO"))
    >>> npo / ascent
    2.3333333333333335

    Args:
        method: a name of ``PASSES``.
        model: its sizes.
        rows: of a batch.
        tokens: of a row.
        adapters: weights of low-rank adapters, where these alone move: then weights need no gradients, and outputs do.
    """
    forget, retain, before_forget, before_retain = PASSES[method]
    once = forward_operations(model, rows, tokens)
    attention = 4 * model.layers * tokens * model.width * rows * tokens
    # Backward: of each product of two, the gradients of both; of one with a weight that stays, of outputs alone.
    trained = 3 * once if not adapters else 2 * once + attention + 6 * rows * tokens * adapters
    return (forget + retain) * trained + (before_forget + before_retain) * (once + 2 * rows * tokens * adapters)


def memory_bytes(
    method: str, model: Decoder, rows: int, tokens: int, width: int = 2, adapters: int = 0, again: bool = True, copies: int = 3
) -> int:
    """Bytes that a step needs: weights, the model before, gradients, AdamW's two moments, and what layers put out.

    Weights in half precision are stepped in copies of float32, which count too. Attention is written out, so that each layer has
    its weights over places.

    >>> seven = Decoder(vocabulary=32000, width=4096, layers=32, heads=32, hidden=11008)
    >>> round(memory_bytes("NPO", seven, 1, 512) / 1e9), round(memory_bytes("NPO", seven, 1, 512, adapters=20_000_000) / 1e9)
    (0, 0)

    Args:
        method: a name of ``PASSES``.
        model: its sizes.
        rows: of a batch.
        tokens: of a row.
        width: bytes of a weight.
        adapters: weights of low-rank adapters, where these alone move.
        again: whether what layers put out is computed again for gradients.
        copies: of the weights: the model that was given, its values by which promises are checked, and the one that moves.
    """
    weights = width * model.parameters * (copies + (1 if sum(PASSES[method][2:]) else 0))
    moved = adapters or model.parameters
    stepped = moved * (4 + 4 + 4 + (4 if width < 4 else 0))  # gradient, two moments, and the copy
    vectors = rows * tokens * model.width * width
    layer = rows * tokens * width * (8 * model.width + 4 * model.hidden) + 3 * rows * model.heads * tokens**2 * width
    kept = model.layers * vectors + layer if again else model.layers * layer
    logits = 3 * 4 * rows * tokens * model.vocabulary
    batches = max(1, sum(PASSES[method][:2]))  # of which all losses are one, whose gradient is taken at once
    return weights + stepped + batches * (kept + logits)


def hours(operations: float, steps: int, devices: int, peak: float, share: float) -> float:
    """Hours of some steps on devices that share a batch.

    >>> hours(1e15, 3600, 1, 1e15, 0.5)
    2.0

    Args:
        operations: of a step.
        steps: how many.
        devices: how many.
        peak: operations a second that one could do.
        share: of the peak that is reached.
    """
    return operations * steps / (devices * peak * share) / 3600
