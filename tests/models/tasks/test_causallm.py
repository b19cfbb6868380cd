"""Losses of answers by hand; padding does not enter; heads that are tied are refused."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from untrain.core.errors import ModelError, SpecError
from untrain.data.examples import Batch, Examples, batch_of
from untrain.data.ragged import PAD, Ragged
from untrain.models.architectures.causaltransformer import CausalTransformer
from untrain.models.compatibility import check_fit
from untrain.models.inference import predict
from untrain.models.tasks.causallm import CausalLM
from untrain.training.gradients import _one_by_one, of_examples

TASK = CausalLM(length=6, vocabulary=4)


class Bigram(nn.Module):
    """Logits of the next token by the token before it alone."""

    def __init__(self, table):
        super().__init__()
        self.table = nn.Parameter(torch.tensor(table).log())

    def forward(self, input_ids, attention_mask):
        return self.table[input_ids]


# After 0 comes 1 half of the time, after 1 comes 2 with a quarter, after 2 comes 3 always but for 1 in 10.
TABLE = [[0.2, 0.5, 0.2, 0.1], [0.25, 0.4, 0.25, 0.1], [0.04, 0.03, 0.03, 0.9], [0.25, 0.25, 0.25, 0.25]]


def examples(*pairs):
    ids, labels = zip(*pairs, strict=True)
    return Examples({"input_ids": Ragged.of(ids), "labels": Ragged.of(labels)}, np.arange(len(ids)))


def batch(*pairs):
    return batch_of(examples(*pairs), np.arange(len(pairs)))


def test_a_loss_is_the_mean_over_the_scored_tokens():
    # Of 0 1 2 3 the last two are scored: p(2 | 1) = 1/4, p(3 | 2) = 9/10.
    drawn = batch(([0, 1, 2, 3], [PAD, PAD, 2, 3]), ([0, 1], [PAD, 1]))
    wanted = [-(math.log(0.25) + math.log(0.9)) / 2, -math.log(0.5)]
    assert TASK.loss(Bigram(TABLE), drawn).tolist() == pytest.approx(wanted, rel=1e-6)


def test_losses_and_gradients_are_to_the_bit_those_of_all_places():
    outputs = torch.randn(5, 9, 33, requires_grad=True)
    ids = torch.randint(33, (5, 9))
    scored = torch.rand(5, 9) < 0.4
    labels = torch.where(scored, ids, PAD)
    plain = -outputs[:, :-1].log_softmax(-1).gather(-1, ids[:, 1:, None])[..., 0]
    found, which = TASK.place_losses(outputs, Batch({"input_ids": ids, "labels": labels}, torch.arange(5)))
    assert torch.equal(which, scored[:, 1:])
    assert torch.equal(found[which], plain[which])
    weights = torch.rand(5, 8) * which
    mine, wanted = (torch.autograd.grad((losses * weights).sum(), outputs)[0] for losses in (found, plain))
    assert torch.equal(mine, wanted)


def test_numbers_of_each_example_are_stored_and_the_rest_derives_from_them():
    made = predict(Bigram(TABLE).eval(), examples(([0, 1, 2, 3], [PAD, PAD, 2, 3]), ([0, 1], [PAD, 1])), TASK)
    assert {name: value.shape for name, value in made.items()} == dict.fromkeys(CausalLM.outputs, (2,))
    assert made["count"].tolist() == [2, 1]
    assert made["hits"].tolist() == [1, 1]  # after 1 the likeliest is 1, which is wrong
    stored = {name: value[None] for name, value in made.items()}
    assert TASK.signal(stored, None, "correct").tolist() == [[0, 1]]
    assert TASK.signal(stored, None, "confidence")[0].tolist() == pytest.approx([math.sqrt(0.225), 0.5], rel=1e-6)
    p = math.sqrt(0.225)
    assert TASK.signal(stored, None, "margin")[0].tolist() == pytest.approx([math.log(p / (1 - p)), 0.0], abs=1e-6)


def test_the_first_token_is_never_scored():
    a = TASK.loss(Bigram(TABLE), batch(([0, 1], [0, 1])))
    b = TASK.loss(Bigram(TABLE), batch(([0, 1], [PAD, 1])))
    assert torch.equal(a, b)


def test_padding_does_not_change_a_loss(texts):
    model, problem = texts.problem("causal")
    task, n = problem.task, len(problem.forget)
    together = task.loss(model, batch_of(problem.forget, np.arange(n)))
    alone = torch.cat([task.loss(model, batch_of(problem.forget, np.array([row]))) for row in range(n)])
    assert torch.allclose(together, alone, rtol=1e-5, atol=1e-6)


def test_gradients_of_single_examples_are_those_one_by_one(texts):
    model, problem = texts.problem("causal")
    params = dict(model.named_parameters())
    order = np.arange(len(problem.forget))
    at_once = [torch.cat(part) for part in zip(*of_examples(model, problem.task, [problem.forget], order, params), strict=True)]
    alone = _one_by_one(model, problem.task, batch_of(problem.forget, order), params)
    for a, b in zip(at_once, alone, strict=True):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-6)


def test_a_divergence_is_the_mean_over_scored_places():
    drawn = batch(([0, 1, 2, 3], [PAD, PAD, 2, 3]))
    flat = [[0.25] * 4] * 4
    student, teacher = (Bigram(table)(drawn.x.clamp(min=0), None) for table in (flat, TABLE))
    each = [sum(q * math.log(q / 0.25) for q in TABLE[before]) for before in (1, 2)]
    assert TASK.divergence(student, teacher, drawn).tolist() == pytest.approx([sum(each) / 2], rel=1e-5)
    assert TASK.divergence(teacher, teacher, drawn).tolist() == [0.0]
    assert TASK.divergence(student, teacher, drawn, temperature=2.0) > 0


def test_tokens_are_not_relabelled():
    with pytest.raises(SpecError, match="CausalLM has no random targets"):
        TASK.random_targets(torch.zeros(2, 3))


def test_the_head_is_the_last_layer_with_an_output_per_token():
    net = CausalTransformer(width=8, depth=1, heads=2, hidden=8).build((6, 4), 4)
    assert TASK.head(net) == ("head.weight",)
    assert CausalLM(head_names=("trunk.norm.weight",)).head(net) == ("trunk.norm.weight",)


def test_a_tied_head_has_to_be_named():
    net = CausalTransformer(width=8, depth=1, heads=2, hidden=8, tied=True).build((6, 4), 4)
    with pytest.raises(ModelError, match=r"shares its weight with the embedding 'trunk.tokens'.*head_names"):
        TASK.head(net)
    assert CausalLM(vocabulary=4, head_names=("trunk.tokens.weight",)).head(net) == ("trunk.tokens.weight",)


def test_a_model_without_such_a_layer_has_no_head():
    with pytest.raises(ModelError, match="no linear layer with 4 outputs"):
        TASK.head(nn.Sequential(nn.Linear(3, 2)))


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([([0, 1], [PAD, PAD])], "no token that is scored"),
        ([([0, 9], [PAD, 9])], "'input_ids' holds token 9 and vocabulary=4"),
        ([([0, 1, 1, 1, 1, 1, 1], [PAD, 1, 1, 1, 1, 1, 1])], "has 7 tokens and length=6"),
        ([([0, 1, 2], [PAD, 1])], "have 3 and 2 tokens"),
        ([([0, 1], [PAD, 1]), ([0, 1], [PAD, 1, 2]), ([0, 1, 2], [PAD, 1])], "have 2 and 3 tokens in the example 1"),
        ([([0, 1, 2], [PAD, -1, 2])], "'labels' holds -1, which is neither a token"),
        ([([0, -1, 2], [PAD, 1, 2])], "'input_ids' holds -1, which is neither a token"),
        ([([0, 1], [PAD, 1]), ([0, PAD, 2], [PAD, 1, 2])], "'input_ids' of the example 1 has a token after -100"),
    ],
)
def test_examples_that_do_not_fit_are_refused(pairs, message):
    with pytest.raises(ModelError, match=message):
        check_fit(Bigram(TABLE).eval(), TASK, examples(*pairs))


def test_padding_at_the_end_and_a_row_that_begins_after_it_are_taken():
    TASK.check_examples(examples(([0, 1, PAD], [PAD, 1, PAD]), ([2, 3], [PAD, 3])))
    padded = torch.tensor([[0, 1, PAD], [1, 2, 3]])
    TASK.check_examples(Examples({"input_ids": padded, "labels": padded}, np.arange(2)))


def test_rows_in_a_tensor_are_checked_alike():
    labels = torch.tensor([[0, 1, 2], [1, 2, 3]])
    with pytest.raises(ModelError, match="'input_ids' of the example 1 has a token after -100"):
        TASK.check_examples(Examples({"input_ids": torch.tensor([[0, 1, 2], [PAD, 2, 3]]), "labels": labels}, np.arange(2)))


def test_images_are_refused():
    ids = torch.rand(2, 3)
    with pytest.raises(ModelError, match=r"'input_ids' holds torch.float32 of shape \(2, 3\)"):
        TASK.check_examples(Examples({"input_ids": ids, "labels": ids}, np.arange(2)))


def test_outputs_of_another_shape_are_refused():
    with pytest.raises(ModelError, match=r"needs \(batch, tokens, 4\)"):
        TASK.check_outputs("Net", torch.zeros(1, 4), examples(([0, 1], [PAD, 1])))


def test_models_of_transformers_are_asked_as_they_are():
    transformers = pytest.importorskip("transformers")
    config = transformers.LlamaConfig(
        vocab_size=12, hidden_size=8, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=2,
        max_position_embeddings=8, tie_word_embeddings=False, attn_implementation="eager", bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    torch.manual_seed(0)
    model = transformers.LlamaForCausalLM(config).eval()
    task = CausalLM(length=8, vocabulary=12)
    data = examples(([0, 1, 2, 3], [PAD, PAD, 2, 3]), ([0, 1], [PAD, 1]))
    check_fit(model, task, data)
    with torch.no_grad():
        together = task.loss(model, batch_of(data, np.arange(2)))
        alone = task.loss(model, batch_of(data, np.array([1])))
    assert together[1].item() == pytest.approx(alone.item(), rel=1e-5)
    assert task.head(model) == ("lm_head.weight",)


def test_a_batch_says_what_is_scored():
    drawn = Batch({"input_ids": torch.tensor([[1, 2]]), "labels": torch.tensor([[PAD, 2]])}, torch.arange(1))
    assert drawn.y is drawn.fields["labels"]


def test_a_guess_costs_the_logarithm_of_the_vocabulary():
    even = torch.zeros(1, 3, 4)
    batch = Batch({"input_ids": torch.tensor([[0, 1, 2]]), "labels": torch.tensor([[PAD, 1, 2]])}, torch.arange(1))
    rows = Examples(dict(batch.fields), np.arange(1))
    assert TASK.guess(rows) == pytest.approx(float(TASK.loss_of(even, batch)))
