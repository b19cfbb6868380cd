"""Language models of Hugging Face transformers."""

from __future__ import annotations

from typing import Any, Literal

from torch import nn

from untrain.models.architectures._transformer import token_shape
from untrain.models.architectures._transformers import Settings, check_choice, digest_of, transformers_for
from untrain.models.architectures.base import Architecture

OWN = {"vocab_size": "the task's vocabulary", "max_position_embeddings": "the task's length", "n_positions": "the task's length"}


class HuggingFaceLM(Architecture):
    """Language model of Hugging Face transformers, from a checkpoint or newly initialised.

    Name either ``checkpoint`` or ``kind``. Initial values are those of the checkpoint; a reset to 'fresh' or 'own' values and
    retraining begin there too, so that what the checkpoint itself was trained on is never forgotten by them. With
    ``weights='fresh'`` all initial values are drawn. Only safetensors are read, and no code of a checkpoint is run. The data have
    to be cut by the checkpoint's own tokenizer, which ``QuestionAnswer(tokenizer=...)`` reads from the same folder.

    The model is transformers' own class, so that ``save_pretrained`` writes it.

    Args:
        checkpoint: folder with config.json and model.safetensors, or a model on the hub as 'owner/name' or
            'owner/name@revision'.
        kind: a ``model_type`` of transformers, such as 'llama', 'gpt2' or 'qwen2', made for the task's tokens.
        config: settings that differ from the checkpoint's or the kind's, such as {'hidden_size': 64}; kept as pairs.
        weights: whether a checkpoint's weights are loaded ('pretrained'), or drawn anew by its configuration ('fresh'); those
            of a kind are drawn.
        dtype: of the weights: 'bfloat16' halves their memory; steps are taken in float32 and rounded.
        checkpointing: whether what layers put out is computed again for gradients, and not kept: less memory for a third more
            time.

    Source: Wolf et al. 2020, arXiv 1910.03771, and the papers of the models.
    Departs: attention is computed as written ('eager') and not by fused kernels, and a cache is kept in generation alone.
    """

    checkpoint: str = ""
    kind: str = ""
    config: Settings = ()
    weights: Literal["pretrained", "fresh"] = "pretrained"
    dtype: Literal["float32", "bfloat16"] = "float32"
    checkpointing: bool = False

    def __post_init__(self) -> None:
        check_choice("HuggingFaceLM", self.checkpoint, self.kind, "llama", self.config, OWN)

    def begins_alike(self) -> bool:
        """Return whether its values are those of a checkpoint."""
        return bool(self.checkpoint) and self.weights == "pretrained"

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """The model with its initial values, in eval mode, for rows of tokens, of shape (length, vocabulary).

        Raises:
            ModelError: there is no such checkpoint, kind or setting, or the tokens do not fit it.
            MissingExtra: transformers, or a library that this kind needs, is not installed.
        """
        length, vocabulary = token_shape("HuggingFaceLM", shape)
        with transformers_for("HuggingFaceLM"):
            from untrain.models.transformers import causal as library
            from untrain.models.transformers import config as common
        if self.kind:
            config = library.of_kind(self.kind, dict(self.config), length, vocabulary)
        else:
            config = library.of_checkpoint(self.checkpoint, dict(self.config), length, vocabulary)
        stored = self.weights == "pretrained" and self.checkpoint
        net: Any = library.loaded(self.checkpoint, config) if stored else library.drawn(config)
        library.as_asked(net, self.dtype, self.checkpointing)
        net.head_names, net.read_saved = library.head_names(net), common.read_saved
        net.described = Described(
            f"transformers {common.VERSION}, config {digest_of(net.config)}{', bfloat16' if self.dtype == 'bfloat16' else ''}"
        )
        net.register_forward_pre_hook(_plain_inputs, with_kwargs=True)
        network: nn.Module = net.eval()
        return network


class Described(nn.Module):
    """Says what a model's outputs depend on and its layers' own words leave out: the store's keys contain it.

    Args:
        text: what it says.
    """

    def __init__(self, text: str):
        super().__init__()
        self.text = text

    def extra_repr(self) -> str:
        """The text."""
        return self.text


def whole_mask(net: Any, inputs: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Give a model of transformers its mask in whole numbers, as its own code has it."""
    mask = named.get("attention_mask")
    return inputs, named | ({} if mask is None else {"attention_mask": mask.long()})


def _plain_inputs(net: Any, inputs: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return whole_mask(net, inputs, {"use_cache": False} | named)
