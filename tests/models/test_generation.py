"""What is said after a prompt: by a model whose next token is known, and drawn as its probabilities say."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

import untrain as ut
from untrain.core.errors import NotFinite
from untrain.models.decoding import cache_of
from untrain.models.generation import generate
from untrain.models.inference import predict
from untrain.models.tasks.causallm import CausalLM

V = 7
TASK = CausalLM(length=12, vocabulary=V)


class Counting(nn.Module):
    """The next token is the last one plus 1, modulo 7; with probability 1 - e the likeliest, and the one after it with e."""

    def __init__(self, e=0.0):
        super().__init__()
        self.scale, self.e = nn.Parameter(torch.ones(1)), e

    def forward(self, input_ids, attention_mask):
        p = torch.zeros(*input_ids.shape, V)
        p.scatter_(-1, (input_ids[..., None] + 1) % V, 1 - self.e)
        p.scatter_add_(-1, (input_ids[..., None] + 2) % V, torch.full((*input_ids.shape, 1), self.e))
        return self.scale * p.log().clamp(min=-50)


def test_rows_of_several_lengths_go_on_from_their_own_last_token():
    said = generate(Counting(), [[2], [0, 0, 5], [1, 3]], TASK, length=4)
    assert said == [[3, 4, 5, 6], [6, 0, 1, 2], [4, 5, 6, 0]]


def test_an_end_is_the_last_token_and_rows_stop_apart():
    assert generate(Counting(), [[2], [4], [5]], TASK, length=5, end=6) == [[3, 4, 5, 6], [5, 6], [6]]


def test_no_row_exceeds_the_task():
    assert [len(row) for row in generate(Counting(), [[0] * 10, [0] * 12, [0]], TASK, length=5)] == [2, 0, 5]


def test_a_prompt_says_the_same_whatever_is_asked_beside_it():
    learner, train = ut.Facts().learner(), ut.Facts().load().train
    model = learner.init(train, 0).eval()
    prompts = [[3, 5], [7], [9, 2, 4, 8]]
    together = generate(model, prompts, learner.task, length=6)
    assert together == [generate(model, [prompt], learner.task, length=6)[0] for prompt in prompts]
    n = learner.task.asked_at_once
    many = generate(model, prompts * n, learner.task, length=6)
    assert many == together * n


def test_greedily_an_answer_is_said_where_each_of_its_tokens_is_a_hit():
    facts = ut.Facts(people=10)
    train, learner = facts.load().train, facts.learner()
    model = ut.Train(model=facts.model, steps=facts.steps, task=learner.task)(train, 0)
    hits = predict(model, train, learner.task)
    rows, labels = (train.fields[name][:].tolist() for name in ("input_ids", "labels"))
    answers = [[t for t in row if t >= 0] for row in labels]
    prompts = [[t for t in row if t >= 0][: -len(answer)] for row, answer in zip(rows, answers, strict=True)]
    said = generate(model, prompts, learner.task, length=8, end=answers[0][-1])
    right = (hits["hits"] == hits["count"]).tolist()
    assert [one == true for one, true in zip(said, answers, strict=True)] == right
    assert any(right)


def test_logits_that_are_nan_say_nothing():
    model = Counting()
    model.scale.data.fill_(float("nan"))
    with pytest.raises(NotFinite, match="logits that are NaN"):
        generate(model, [[0]], TASK, length=2)


def test_draws_are_seeded_and_follow_the_probabilities():
    model, prompts = Counting(e=0.3), [[0]] * 2000
    first, again, other = (generate(model, prompts, TASK, 1, temperature=1.0, seed=seed) for seed in (0, 0, 1))
    assert first == again != other
    assert abs(np.mean([row == [2] for row in first]) - 0.3) < 0.04
    cold = generate(model, prompts, TASK, 1, temperature=0.1)
    assert np.mean([row == [1] for row in cold]) > 0.99


class Forgetful(nn.Module):
    """A model that keeps nothing from token to token, whatever the one within could."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, input_ids, attention_mask):
        return self.inner(input_ids=input_ids, attention_mask=attention_mask)


@pytest.mark.parametrize(
    "architecture",
    [
        ut.CausalTransformer(width=16, depth=2, hidden=32),
        ut.CausalTransformer(width=16, depth=2, hidden=32, positions="rotary"),
        ut.HuggingFaceLM(kind="llama", config={"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
                                               "num_key_value_heads": 1, "intermediate_size": 32}),
        ut.HuggingFaceLM(kind="gpt2", config={"n_embd": 16, "n_layer": 2, "n_head": 2}),
        ut.HuggingFaceLM(kind="opt", config={"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "ffn_dim": 32,
                                             "word_embed_proj_dim": 16}),
    ],
    ids=lambda a: getattr(a, "kind", "own"),
)  # fmt: skip
def test_what_is_kept_from_token_to_token_changes_no_logit(architecture, monkeypatch):
    task = CausalLM(length=14, vocabulary=40)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = architecture.build((14, 40), 40).eval()
        for p in model.parameters():  # so that tokens matter, and places do
            p.data.mul_(3)
    assert cache_of(model) is not None
    assert cache_of(Forgetful(model)) is None
    seen = []
    monkeypatch.setattr("untrain.models.generation._choose", lambda logits, *_: (seen.append(logits), logits.argmax(-1))[1])
    prompts = [[3, 5, 7, 1, 2], [7], [9, 2, 4], [1] * 12]
    said = [generate(each, prompts, task, length=8) for each in (model, Forgetful(model))]
    assert said[0] == said[1]
    assert len({token for row in said[0] for token in row}) > 3  # and not one token again and again
    kept, anew = torch.stack(seen[: len(seen) // 2]), torch.stack(seen[len(seen) // 2 :])
    # Rows whose last token has been said repeat it; what their logits are then matters to nobody.
    going = torch.tensor([[step < len(row) for row in said[0]] for step in range(len(kept))])
    assert torch.allclose(kept[going], anew[going], atol=1e-4)


def test_each_token_is_read_once_by_a_model_that_keeps_what_it_read():
    model = ut.CausalTransformer(width=8, depth=1, hidden=8).build((14, 40), 40).eval()
    widths = []
    model.register_forward_pre_hook(lambda _, args, named: widths.append(named["input_ids"].shape[1]), with_kwargs=True)
    generate(model, [[3, 5, 7], [7]], CausalLM(length=14, vocabulary=40), length=5)
    assert widths == [3, 1, 1, 1, 1]


def small_lm(kind, **config):
    return ut.HuggingFaceLM(kind=kind, config={"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32} | config)


@pytest.mark.parametrize(
    "architecture",
    [
        small_lm("mistral", num_hidden_layers=1, num_key_value_heads=1, sliding_window=4),
        ut.HuggingFaceLM(
            kind="gpt_neo",
            config={
                "hidden_size": 16,
                "num_layers": 2,
                "num_heads": 2,
                "window_size": 4,
                "attention_types": [[["global", "local"], 1]],
            },
        ),
        small_lm("camembert", num_hidden_layers=1, is_decoder=True, pad_token_id=1),
    ],
    ids=lambda a: a.kind,
)
def test_a_cache_that_would_change_what_is_said_is_not_used(architecture):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = architecture.build((20, 40), 40).eval()
        for p in model.parameters():
            p.data.mul_(3)
    assert cache_of(model) is None
    prompts = [[3, 5, 7, 2, 9, 8, 12, 30], [7], [9, 2, 4]]
    said = [generate(each, prompts, CausalLM(length=20, vocabulary=40), length=8) for each in (model, Forgetful(model))]
    assert said[0] == said[1]


class Keeping(Counting):
    """A model that says it keeps keys and values."""

    def __init__(self, **config):
        super().__init__()
        self.config = SimpleNamespace(**config)

    def forward(self, input_ids, attention_mask=None, position_ids=None, past_key_values=None, use_cache=None):
        logits = super().forward(input_ids, attention_mask)
        return (logits, [input_ids]) if use_cache else logits


@pytest.mark.parametrize(
    "config",
    [
        {"layer_types": ["full_attention", "linear_attention"]},
        {"layers_block_type": ["attention", "mamba"]},
        {"attention_chunk_size": 8192},
        {"mamba_d_state": 16},
        {"get_text_config": lambda: SimpleNamespace(sliding_window=512)},
    ],
)
def test_no_cache_is_trusted_of_layers_with_a_state_or_a_window(config):
    assert cache_of(Keeping(layer_types=["full_attention"])) == "past_key_values"
    assert cache_of(Keeping(**config)) is None


def test_a_model_whose_cache_comes_in_a_tuple_is_read_anew():
    said = generate(Keeping(), [[0], [3, 4]], TASK, length=3)
    assert said == generate(Counting(), [[0], [3, 4]], TASK, length=3)
