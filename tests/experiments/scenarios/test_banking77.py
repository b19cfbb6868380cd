"""The real questions, and a run of them from end to end."""

import json
import random

import pytest

pytest.importorskip("tokenizers")
from untrain.commands.run import run
from untrain.core.errors import SpecError
from untrain.core.spec import parse
from untrain.experiments.scenarios.banking77 import Banking77
from untrain.models.inference import predict


@pytest.fixture
def real(shared):
    return shared("text")


@pytest.fixture
def made_up(tmp_path):
    """Three intents, each with words of its own and some that are shared."""
    draw = random.Random(0)
    own = {"card": ("card", "chip", "pin"), "loan": ("loan", "rate", "debt"), "move": ("transfer", "send", "iban")}
    lines = [
        {"split": part, "intent": intent, "text": " ".join(draw.choices((*words, "my", "is", "the"), k=draw.randint(3, 9)))}
        for part, count in (("train", 40), ("test", 10))
        for intent, words in own.items()
        for _ in range(count)
    ]
    (tmp_path / "banking77.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return tmp_path


def test_the_published_numbers_of_questions(real):
    data = Banking77(path=real).load()
    assert len(data.train) + len(data.valid) == 10_003
    assert len(data.test) == 3_080
    assert data.train.classes == 77
    first = data.train.columns["text"][0]
    assert first == "I am still waiting on my card?"
    assert data.train.categories[int(data.train.y[0])] == "card_arrival"


def test_a_part_is_learned(real):
    scenario = Banking77(path=real, size=800)
    data, learner = scenario.load(), scenario.learner()
    model = learner(data.train, 0)
    logits = predict(model, data.test, learner.task)["logits"]
    assert (logits.argmax(1) == data.test.y.numpy()).mean() > 0.5  # .66 where chance is .013


def test_the_folder_has_to_be_named():
    with pytest.raises(SpecError, match="Banking77: path is needed"):
        parse("Banking77()")


def test_a_run_from_end_to_end(made_up):
    steps = "steps=Steps(lr=0.02, epochs=3, batch=16)"
    scenario = f"Banking77(path='{made_up}', vocabulary=64, model=BagOfEmbeddings(width=8))"
    methods = (f"Finetune({steps})", f"DEL({steps})", f"ResetFinetune({steps}) @ RandomMask()", "Nothing()")
    out = made_up / "out"
    document = run(scenario, methods, made_up / "store", out, seeds=2, oracles=4)
    results = {row["method"]: row for row in document["results"]}
    assert [row["error"] for row in results.values()] == [None] * 4
    assert results["Nothing()"]["guard"]["moved_share"] == 0
    page = (out / "report.html").read_text(encoding="utf-8")
    data = parse(scenario).load()
    assert any(text in page for text in data.train.columns["text"])
    assert "card" in page
