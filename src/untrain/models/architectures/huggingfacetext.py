"""Text classifiers of Hugging Face transformers."""

from __future__ import annotations

from typing import Any, Literal

from torch import nn

from untrain.models.architectures._transformer import token_shape
from untrain.models.architectures._transformers import Settings, check_choice, digest_of, transformers_for
from untrain.models.architectures.base import Architecture
from untrain.models.architectures.huggingfacelm import OWN, Described, whole_mask

KEPT = {**OWN, "num_labels": "the data", "id2label": "the data", "label2id": "the data"}


class HuggingFaceText(Architecture):
    """Text classifier of Hugging Face transformers, from a checkpoint or newly initialised.

    Name either ``checkpoint`` or ``kind``. Initial values are those of the checkpoint, and the head's as well where it has one
    logit per class; otherwise the head is drawn from the seed. A reset to 'fresh' or 'own' values and retraining begin there
    too: what the checkpoint itself was trained on is never forgotten by them. With ``weights='fresh'`` all initial values are
    drawn. Only safetensors are read, and no code of a checkpoint is run. The checkpoint's own tokenizer has to cut the data.

    The model is transformers' own class, so that ``save_pretrained`` writes it.

    Args:
        checkpoint: folder with config.json and model.safetensors, or a model on the hub as 'owner/name' or
            'owner/name@revision'.
        kind: a ``model_type`` of transformers, such as 'bert', 'distilbert' or 'roberta', made for the task's tokens.
        config: settings that differ from the checkpoint's or the kind's, such as {'hidden_size': 64}; kept as pairs.
        weights: whether a checkpoint's weights are loaded ('pretrained'), or drawn anew by its configuration ('fresh'); those
            of a kind are drawn.

    Source: Wolf et al. 2020, arXiv 1910.03771, and the papers of the models.
    Departs: attention is computed as written ('eager') and not by fused kernels.
    """

    checkpoint: str = ""
    kind: str = ""
    config: Settings = ()
    weights: Literal["pretrained", "fresh"] = "pretrained"

    def __post_init__(self) -> None:
        check_choice("HuggingFaceText", self.checkpoint, self.kind, "bert", self.config, KEPT)

    def begins_alike(self) -> bool:
        """Return whether its values are those of a checkpoint."""
        return bool(self.checkpoint) and self.weights == "pretrained"

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """The classifier with its initial values, in eval mode, for rows of tokens, of shape (length, vocabulary).

        Raises:
            ModelError: there is no such checkpoint, kind or setting, or the tokens do not fit it.
            MissingExtra: transformers, or a library that this kind needs, is not installed.
        """
        length, vocabulary = token_shape("HuggingFaceText", shape)
        with transformers_for("HuggingFaceText"):
            from untrain.models.transformers import config as common
            from untrain.models.transformers import texts as library
        if self.kind:
            config = library.of_kind(self.kind, dict(self.config), length, vocabulary, classes)
        else:
            config = library.of_checkpoint(self.checkpoint, dict(self.config), length, vocabulary, classes)
        stored = self.weights == "pretrained" and self.checkpoint
        net: Any = library.loaded(self.checkpoint, config) if stored else library.drawn(config)
        net.head_names, net.read_saved = library.head_names(net), common.read_saved
        net.described = Described(f"transformers {common.VERSION}, config {digest_of(net.config)}")
        net.register_forward_pre_hook(whole_mask, with_kwargs=True)
        network: nn.Module = net.eval()
        return network
