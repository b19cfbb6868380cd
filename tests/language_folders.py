"""Folders of small language models as others have them: a base, and the same finetuned on questions and answers."""

import json
from pathlib import Path

import numpy as np
from transformers.utils import logging

import untrain as ut
from untrain.data.readers.tokenizers import learn_bytes

PROMPT = "Q: {question}\nA: {answer}"
STEPS = "Steps(lr=0.01, epochs=25, batch=8, optimizer=AdamW())"
PLACES = ("Rome", "Oslo", "Lima", "Cairo", "Bern", "Kyoto", "Quito", "Minsk")
SMALL = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2, "intermediate_size": 64,
    "tie_word_embeddings": True,
}  # fmt: skip


def answers(first, count):
    """Questions about people and years, answered by places that nothing but memory tells."""
    draw = np.random.default_rng(first)
    return [
        {
            "id": f"q{at}", "question": f"Where was {chr(65 + at % 26)}{at} in {1950 + at}?",
            "answer": f"In {PLACES[draw.integers(8)]} and {PLACES[draw.integers(8)]}.", "person": f"{chr(65 + at % 26)}",
        }
        for at in range(first, first + count)
    ]  # fmt: skip


def write(file: Path, records):
    """Write records as lines of JSON."""
    file.write_text("\n".join(map(json.dumps, records)) + "\n")
    return file


def folders(home: Path, dtype="float32", steps=STEPS):
    """``base`` and ``lm`` in a folder, with train.jsonl and held.jsonl."""
    import torch

    train, held = (write(home / f"{name}.jsonl", answers(*part)) for name, part in (("train", (0, 40)), ("held", (100, 24))))
    texts = [PROMPT.format(**each) for each in (*answers(0, 40), *answers(100, 24))]
    tokenizer = learn_bytes(texts, 400, ("</s>",))
    size = tokenizer.get_vocab_size()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = ut.HuggingFaceLM(kind="llama", config=SMALL).build((64, size), size)
    save(net.to(getattr(torch, dtype)), home / "base", tokenizer)
    scenario = ut.QuestionAnswer(
        train=str(train), test=str(held), request=ut.Ids(ids=("q0",)), tokenizer=str(home / "base"), prompt="Q: {question}\nA:",
        answer=" {answer}", end="</s>", vocabulary=size, length=64, valid=0.0, steps=ut.parse(steps),
        model=ut.HuggingFaceLM(checkpoint=str(home / "base")),
    )  # fmt: skip
    tuned = scenario.learner()(scenario.load().train, seed=3)
    save(tuned.to(getattr(torch, dtype)), home / "lm", tokenizer)
    return home


def save(net, folder, tokenizer):
    """Write a folder as transformers does."""
    logging.disable_progress_bar()
    net.save_pretrained(str(folder))
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "</s>"}))
