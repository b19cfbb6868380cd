"""Each kind of foreign checkpoint forgets and comes back in its own format."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import untrain as ut
from foreign_models import CLASSES, STEPS, Net, network, numbers, table
from untrain.core.errors import BadInput, DataError, ModelError

FEW = "Finetune(steps=Steps(lr=0.02, epochs=1, batch=32))"


@pytest.fixture(scope="module")
def state():
    return network().state_dict()


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table(tmp_path / "train.csv", 240, 0)
    table(tmp_path / "held.csv", 120, 1, first=1000)
    return tmp_path


def forget(model, **given):
    usual = {"data": "train.csv", "forget": "p3,p6,p9", "id": "person", "valid": "held.csv", "method": FEW, "steps": STEPS}
    return ut.forget(model, **({"network": Net} | usual | given))


def loaded(file):
    return torch.load(file, weights_only=True)


def test_half_precision_wrapped_prefixed_with_averages_and_an_optimizer(home, state):
    half = {f"module._orig_mod.{name}": value.half() if value.is_floating_point() else value for name, value in state.items()}
    torch.save(
        {
            "epoch": 8, "model": half, "ema": {name: value.clone() for name, value in half.items()},
            "optimizer": {"state": {0: {"momentum_buffer": torch.ones(4, 4)}}, "param_groups": [{"lr": 0.05}]},
            "best": 0.91, "queue": torch.ones(9),
        },
        "cnn.pth",
    )  # fmt: skip
    with pytest.raises(DataError, match="several state dicts that fit, 'model' and 'ema'"):
        forget("cnn.pth")
    said = []
    document = forget("cnn.pth#model", on_progress=lambda at: said.append(at.note))
    old, new = loaded("cnn.pth"), loaded("cnn-forgot.pth")
    assert list(new) == ["epoch", "model", "ema", "optimizer", "best"]  # the queue may hold traces of what is forgotten
    assert (new["epoch"], new["best"], new["optimizer"]) == (8, 0.91, {"state": {}, "param_groups": [{"lr": 0.05}]})
    assert list(new["model"]) == list(old["model"])
    assert [value.dtype for value in new["model"].values()] == [value.dtype for value in old["model"].values()]
    assert any(not torch.equal(new["model"][name], old["model"][name]) for name in half)
    assert all(torch.equal(new["ema"][name], new["model"][name]) for name in half)  # no old weights are left
    assert torch.equal(new["model"]["module._orig_mod.scale"], torch.ones(1).half())
    assert any("emptied" in line for line in said)
    assert any("'queue'" in line for line in said)
    assert document["model"]["kind"] == "torch file, under 'model', float16"


def test_figures_are_those_of_the_file_as_it_was_rounded(home, state):
    torch.save({name: value.bfloat16() if value.is_floating_point() else value for name, value in state.items()}, "a.pt")
    document = forget("a.pt")
    model = Net().eval()
    model.load_state_dict({name: value.float() for name, value in loaded("a-forgot.pt").items()})
    x, y = (torch.as_tensor(each) for each in numbers(120, 1))
    with torch.no_grad():
        loss = torch.nn.functional.cross_entropy(model(x), y)
    assert document["after"]["validation"]["loss"] == pytest.approx(float(loss), rel=1e-4)


@pytest.mark.parametrize("name", ["net.pt", "line.skops"])
def test_the_same_job_writes_the_same_file_so_that_its_digest_can_be_compared(home, state, name):
    if name == "net.pt":
        torch.save(state, name)
    else:
        x, y = numbers(240, 0)
        pytest.importorskip("skops.io").dump(LogisticRegression().fit(x, np.array(CLASSES)[y]), name)
    more = {} if name == "net.pt" else {"network": None, "method": "auto", "steps": None}
    first, second = (forget(name, **more)["out"] for _ in range(2))
    assert first["path"] != second["path"]
    assert first["sha256"] == second["sha256"]
    assert b".untrain" not in Path(first["path"]).read_bytes()  # nor the name of a working file


def test_a_lightning_checkpoint(home, state):
    torch.save(
        {
            "epoch": 7, "global_step": 60, "pytorch-lightning_version": "2.4.0", "hyper_parameters": {"lr": 0.05, "name": "net"},
            "state_dict": {f"model.{name}": value for name, value in state.items()},
            "optimizer_states": [{"state": {0: {"exp_avg": torch.ones(5)}}, "param_groups": [{"lr": 0.05}]}],
            "lr_schedulers": [{"last_epoch": 7}], "loops": {},
            "callbacks": {"ModelCheckpoint": {"best_model_score": torch.tensor(0.9)}},
        },
        "last.ckpt",
    )  # fmt: skip
    forget("last.ckpt")
    old, new = loaded("last.ckpt"), loaded("last-forgot.ckpt")
    assert list(new) == list(old)
    assert list(new["state_dict"]) == list(old["state_dict"])
    assert {name: new[name] for name in ("epoch", "global_step", "hyper_parameters", "lr_schedulers", "loops")} == {
        name: old[name] for name in ("epoch", "global_step", "hyper_parameters", "lr_schedulers", "loops")
    }
    assert new["optimizer_states"] == [{"state": {}, "param_groups": [{"lr": 0.05}]}]
    assert float(new["callbacks"]["ModelCheckpoint"]["best_model_score"]) == pytest.approx(0.9)


def test_safetensors_keep_names_types_and_metadata(home, state):
    half = {f"net.{name}": value.half() if value.is_floating_point() else value for name, value in state.items()}
    save_file(half, "m.safetensors", metadata={"format": "pt", "trained": "2026"})
    forget("m.safetensors", out="n.safetensors")
    old, new = load_file("m.safetensors"), load_file("n.safetensors")
    assert {name: (value.dtype, value.shape) for name, value in new.items()} == {n: (v.dtype, v.shape) for n, v in old.items()}
    with safe_open("n.safetensors", framework="pt") as opened:
        assert opened.metadata() == {"format": "pt", "trained": "2026"}


def test_tied_weights_stay_tied(home):
    class Tied(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first = torch.nn.Linear(6, 6)
            self.second = torch.nn.Linear(6, 6)
            self.second.weight = self.first.weight
            self.head = torch.nn.Linear(6, 3)

        def forward(self, x):
            return self.head(torch.relu(self.second(torch.relu(self.first(x)))))

    x, y = numbers(240, 0)
    model = ut.Train(model=Tied, steps=ut.parse(STEPS))(ut.examples(x, y), seed=0)
    save_file({name: value for name, value in model.state_dict().items() if name != "second.weight"}, "t.safetensors")
    forget("t.safetensors", network=Tied)
    assert set(load_file("t-forgot.safetensors")) == set(load_file("t.safetensors"))


@pytest.fixture(scope="module")
def vit(tmp_path_factory):
    """A ViT made from its configuration and saved in bfloat16 by its library, with photographs that it was trained on."""
    pytest.importorskip("transformers")
    image = pytest.importorskip("PIL.Image")
    home = tmp_path_factory.mktemp("vit")
    draw = np.random.default_rng(0)
    patterns = draw.integers(0, 255, size=(3, 8, 8, 3))
    for at in range(75):
        file = home / ("photos" if at < 48 else "held") / CLASSES[at % 3] / f"{at:02}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        noisy = np.clip(patterns[at % 3] + draw.normal(0, 30, size=(8, 8, 3)), 0, 255)
        image.fromarray(noisy.astype(np.uint8)).save(file)
    tiny = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32, "patch_size": 4}
    learner = ut.Train(model=ut.HuggingFace(kind="vit", config=tiny, mean=(0.5,), std=(0.5,)), steps=ADAM)
    read = ut.ImageFolder(path=str(home / "photos")).read()
    model = learner(ut.examples(read.x, read.y), seed=0)
    model.config.id2label, model.config.label2id = dict(enumerate(CLASSES)), {name: at for at, name in enumerate(CLASSES)}
    model.to(torch.bfloat16).save_pretrained(home / "vit")
    (home / "vit" / "optimizer.pt").write_bytes(b"state of an optimizer")
    (home / "vit" / "README.md").write_text("my model")
    return home


ADAM = ut.Steps(lr=0.01, epochs=12, batch=16, optimizer=ut.AdamW())


def test_a_hugging_face_vit_comes_back_as_a_folder(vit, monkeypatch):
    monkeypatch.chdir(vit)
    few = ut.Finetune(steps=ut.Steps(lr=0.003, epochs=1, batch=16, optimizer=ut.AdamW()))
    document = ut.forget("vit", "photos", forget="ash/00.png,elm/01.png", valid="held", method=few, steps=ADAM)
    assert [each["name"] for each in document["plan"]["classes"]] == list(CLASSES)
    assert document["before"]["validation"]["accuracy"] > 0.8
    assert sorted(each.name for each in (vit / "vit-forgot").iterdir()) == sorted(
        each.name for each in (vit / "vit").iterdir() if each.name != "optimizer.pt"
    )
    for name in ("config.json", "preprocessor_config.json"):
        assert (vit / "vit-forgot" / name).read_bytes() == (vit / "vit" / name).read_bytes()
    card = (vit / "vit-forgot/README.md").read_text()
    assert card.startswith((vit / "vit/README.md").read_text())
    assert f"2 of {document['data']['rows']} training examples" in card
    assert "ash/00" not in card
    old, new = load_file(vit / "vit/model.safetensors"), load_file(vit / "vit-forgot/model.safetensors")
    assert {name: value.dtype for name, value in new.items()} == {name: value.dtype for name, value in old.items()}
    assert {value.dtype for value in new.values()} == {torch.bfloat16}
    again = ut.HuggingFace(checkpoint="vit-forgot").build((3, 8, 8), 3)
    assert again.config.id2label == dict(enumerate(CLASSES))


def test_retraining_a_folder_starts_from_nothing_it_learned(vit, monkeypatch):
    monkeypatch.chdir(vit)
    document = ut.forget("vit", "photos", forget="ash/00.png", valid="held", steps=ADAM, out="again", max_fall=1.0)
    assert document["method"] == "Retrain()"
    assert "weights='fresh'" in document["plan"]["retraining"]["learner"]


def words(n, seed):
    draw = np.random.default_rng(seed)
    kinds = {"sun": ["dry", "warm", "sun", "sky", "light"], "rain": ["wet", "cold", "rain", "cloud", "storm"]}
    lines = []
    for at in range(n):
        label = ("sun", "rain")[at % 2]
        text = " ".join(draw.choice([*kinds[label], "the", "day", "is"], size=6))
        lines.append(json.dumps({"id": f"t{at}", "text": text, "label": label}))
    return "\n".join(lines) + "\n"


@pytest.fixture
def texts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.jsonl").write_text(words(80, 0))
    (tmp_path / "held.jsonl").write_text(words(60, 1).replace('"t', '"h'))
    return tmp_path


def test_a_hugging_face_text_classifier_with_its_tokenizer(texts):
    pytest.importorskip("transformers")
    from untrain.data.readers.question_answer import tokenizers_library
    from untrain.models.tasks.textclassification import TextClassification

    cut = tokenizers_library().learn([json.loads(line)["text"] for line in (texts / "train.jsonl").read_text().splitlines()], 300)
    (texts / "bert").mkdir()
    cut.save(str(texts / "bert/tokenizer.json"))
    from untrain.data.understood import understand
    from untrain.experiments.forgetting.inputs import token_examples, tokens_of

    data = understand(texts / "train.jsonl")
    tiny = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    task = TextClassification(length=32, vocabulary=cut.get_vocab_size())
    learner = ut.Train(model=ut.HuggingFaceText(kind="bert", config=tiny), steps=ADAM, task=task)
    model = learner(token_examples(data, tokens_of(data, "bert", 32), (), None), seed=0)
    model.config.id2label, model.config.label2id = {0: "rain", 1: "sun"}, {"rain": 0, "sun": 1}
    model.save_pretrained("bert")
    few = ut.Finetune(steps=ut.Steps(lr=0.003, epochs=1, batch=16, optimizer=ut.AdamW()))
    document = ut.forget("bert", "train.jsonl", forget="t3,t4", valid="held.jsonl", method=few, steps=ADAM)
    assert document["before"]["validation"]["accuracy"] > 0.8
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {each.name for each in (texts / "bert-forgot").iterdir()}
    assert (texts / "bert-forgot/tokenizer.json").read_bytes() == (texts / "bert/tokenizer.json").read_bytes()
    one = next(iter(load_file("bert/model.safetensors")))
    assert load_file("bert-forgot/model.safetensors")[one].dtype == load_file("bert/model.safetensors")[one].dtype


class Words(torch.nn.Module):
    """A plain network on tokens, which counts them by the sum of their letters."""

    def __init__(self):
        super().__init__()
        self.table, self.head = torch.nn.Embedding(50, 8), torch.nn.Linear(8, 2)

    def forward(self, input_ids, attention_mask):
        means = (self.table(input_ids) * attention_mask[..., None]).sum(1) / attention_mask.sum(1, keepdim=True)
        return self.head(means)


def letters(text):
    return [sum(map(ord, word)) % 50 for word in text.split()]


@pytest.mark.parametrize("way", ["transform", "tokenizer"])
def test_a_plain_text_network_takes_tokens_of_the_user(texts, way):
    from untrain.data.ragged import Ragged
    from untrain.data.readers.question_answer import tokenizers_library
    from untrain.data.understood import understand
    from untrain.experiments.forgetting.inputs import token_examples, tokens_of
    from untrain.models.tasks.textclassification import TextClassification

    data = understand(texts / "train.jsonl")
    if way == "tokenizer":
        cut = tokenizers_library().learn(data.inputs.tolist(), 300)
        cut.save(str(texts / "tokenizer.json"))
        tokens, size = tokens_of(data, "tokenizer.json", 32), cut.get_vocab_size()
        given = {"network": "BagOfEmbeddings(width=8)", "tokenizer": "tokenizer.json", "length": 32}
    else:
        tokens, size = Ragged.of([letters(text) for text in data.inputs]), 50
        given = {"network": Words, "transform": letters}
    made = ut.parse(given["network"]) if isinstance(given["network"], str) else Words
    learner = ut.Train(model=made, steps=ADAM, task=TextClassification(length=32, vocabulary=size))
    torch.save(learner(token_examples(data, tokens, (), None), seed=0).state_dict(), "words.pt")
    document = ut.forget("words.pt", "train.jsonl", forget="t3,t4", valid="held.jsonl", steps=ADAM, **given)
    assert document["before"]["validation"]["accuracy"] > 0.8
    assert document["request"]["rows"] == 2
    assert list(loaded("words-forgot.pt")) == list(loaded("words.pt"))


def test_texts_without_tokens_say_what_to_give(texts):
    torch.save(Words().state_dict(), "words.pt")
    with pytest.raises(DataError, match=r"--tokenizer FOLDER.* or --transform"):
        ut.forget("words.pt", "train.jsonl", forget="t3", network=Words)


def test_coefficients_in_json_and_in_npz_are_refitted_exactly(home):
    y = numbers(240, 0)[1]
    kept = np.setdiff1d(np.arange(240), [3, 6, 9])
    rows = np.loadtxt("train.csv", delimiter=",", skiprows=1, usecols=range(1, 7))
    fitted = LogisticRegression(C=0.5, tol=1e-10, max_iter=5000).fit(rows, np.array(CLASSES)[y])
    again = LogisticRegression(C=0.5, tol=1e-12, max_iter=5000, solver="newton-cg").fit(rows[kept], np.array(CLASSES)[y[kept]])
    held = {
        "coef": fitted.coef_.tolist(),
        "intercept": fitted.intercept_.tolist(),
        "classes": list(CLASSES),
        "C": 0.5,
        "note": "mine",
    }
    (home / "m.json").write_text(json.dumps(held))
    np.savez(home / "m.npz", coef=fitted.coef_, intercept=fitted.intercept_, classes=np.array(CLASSES), C=0.5)
    document = forget("m.json", network=None, method="auto", steps=None)
    assert document["method"] == "Retrain()"
    assert document["plan"]["retraining"]["exact"]
    new = json.loads((home / "m-forgot.json").read_text())
    assert np.abs(np.array(new["coef"]) - again.coef_).max() < 1e-5
    assert new["note"] == "mine"
    forget("m.npz", network=None, method="Newton", steps=None)
    arrays = np.load(home / "m-forgot.npz")
    assert np.abs(arrays["coef"] - again.coef_).max() < 1e-3
    assert set(arrays) == {"coef", "intercept", "classes", "C"}


def test_sparse_rows_with_words_for_labels_are_forgotten_as_training_without_them_does(tmp_path, monkeypatch):
    skops = pytest.importorskip("skops.io")
    monkeypatch.chdir(tmp_path)
    x, y = sparse.random(90, 40, density=0.1, format="csr", random_state=0), np.array(["ham", "spam", "eggs"] * 30)
    skops.dump(LogisticRegression(tol=1e-10, max_iter=10_000).fit(x, y), "m.skops")
    document = ut.forget("m.skops", (x, y), forget=[4, 17], valid=(x[:30] * 1.1, y[:30]))
    rest = np.setdiff1d(np.arange(90), [4, 17])
    oracle = LogisticRegression(tol=1e-10, max_iter=10_000).fit(x[rest], y[rest])
    new = skops.load(document["out"]["path"], trusted=[])
    assert np.allclose(new.coef_, oracle.coef_, atol=1e-4)
    assert not np.allclose(new.coef_, skops.load("m.skops", trusted=[]).coef_, atol=1e-2)


def test_a_pipeline_on_texts_in_a_file_of_skops(texts):
    skops = pytest.importorskip("skops.io")
    rows = [json.loads(line) for line in (texts / "train.jsonl").read_text().splitlines()]
    made = make_pipeline(TfidfVectorizer(), LogisticRegression(C=2.0, tol=1e-10, max_iter=5000))
    made.fit([row["text"] for row in rows], [row["label"] for row in rows])
    skops.dump(made, "m.skops")
    document = ut.forget("m.skops", "train.jsonl", forget="t3,t4", valid="held.jsonl")
    assert document["before"]["validation"]["accuracy"] > 0.8
    new = skops.load("m-forgot.skops", trusted=[])
    assert list(new.classes_) == ["rain", "sun"]
    assert 0 < np.abs(new[-1].coef_ - made[-1].coef_).max() < 0.5
    assert new.predict(["sun light warm"]).tolist() == ["sun"]


@pytest.mark.parametrize(
    ("name", "words"), [("m.joblib", "skops.io.dump"), ("m.pkl", "never opened"), ("m.skops", "cannot be read")]
)
def test_pickles_and_damaged_files_are_refused_with_the_way_out(home, name, words):
    (home / name).write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(BadInput, match=words):
        forget(name, network=None)


def test_a_folder_of_another_kind_says_what_is_supported(home):
    (home / "lm").mkdir()
    (home / "lm/config.json").write_text(json.dumps({"architectures": ["DetrForObjectDetection"]}))
    with pytest.raises(ModelError, match="classifiers of images and of texts"):
        forget("lm", network=None)


def test_a_transform_makes_what_the_network_takes(home, state):
    torch.save(state, "net.pt")
    doubled = forget("net.pt", transform=lambda row: row * 1.0, dry_run=True)
    assert doubled["before"] == forget("net.pt", dry_run=True)["before"]
    with pytest.raises(ModelError, match=r"shape \(3,\).*--transform"):
        forget("net.pt", transform=lambda row: row[:3], dry_run=True)
    with pytest.raises(DataError, match="another result for the same row"):
        forget("net.pt", transform=lambda row: row + torch.rand(6), dry_run=True)


def test_a_transform_gets_pixels_as_a_network_does():
    """In whole numbers ``2 * image - 1`` would wrap around."""
    from untrain.data.understood import understand
    from untrain.experiments.forgetting.inputs import transformed

    images = np.array([[[[0, 51], [255, 102]]]] * 2, dtype=np.uint8)
    made = transformed(understand((images, np.array([0, 1]))), lambda image: 2 * image - 1)
    assert np.allclose(made[0], [[[-1.0, -0.6], [1.0, -0.2]]])
