"""Four models as others have them, and their data: ``python -m papers.forget.foreign FOLDER``.

Nothing of untrain takes part: plain loops of PyTorch, transformers, scikit-learn and skops. README.md has the commands that a new
user gives from there.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import skops.io
import torch
import transformers
from PIL import Image
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from torch.nn import functional as F
from transformers.utils import logging

Array = np.ndarray[Any, Any]
NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
CNN = '''"""A network with quirks: named parts, batch norm, a frozen scale, inputs in [-1, 1]."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2))
        self.scale = nn.Parameter(torch.ones(1), requires_grad=False)
        self.fc = nn.Linear(16 * width, 10)

    def forward(self, images):
        return self.fc(self.scale * self.stem(images).flatten(1))


def prepare(image):
    """One image in [0, 1], of three channels, as the network takes it."""
    return image[:1] * 2 - 1
'''


def batches(rows: int, epochs: int, size: int = 32) -> Iterator[torch.Tensor]:
    """Rows of each batch."""
    for _ in range(epochs):
        yield from torch.randperm(rows).split(size)


def photos(folder: Path) -> tuple[Array, Array]:
    """Digits as folders of pictures, ``train`` and ``held``; the inputs and labels of ``train`` in [0, 1]."""
    x, y = load_digits(return_X_y=True)
    for at, (row, label) in enumerate(zip(x.reshape(-1, 8, 8), y, strict=True)):
        place = folder / ("train" if at < 900 else "held") / NAMES[label]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray((row * 255 / 16).astype(np.uint8)).save(place / f"scan_{at:04d}.png")
    return x[:900].reshape(-1, 1, 8, 8).astype(np.float32) / 16, y[:900]


def cnn(folder: Path) -> None:
    """A convolutional network, trained in parallel: prefixes, an optimizer beside the weights, half precision."""
    (folder / "nets.py").write_text(CNN)
    scope: dict[str, Any] = {}
    exec(CNN, scope)  # our own text
    x, y = photos(folder)
    inputs, labels = torch.from_numpy(x) * 2 - 1, torch.from_numpy(y)
    torch.manual_seed(1)
    net = scope["Net"]()
    optimizer = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.05, momentum=0.9)
    for rows in batches(len(y), 12):
        optimizer.zero_grad()
        F.cross_entropy(net(inputs[rows]), labels[rows]).backward()
        optimizer.step()
    half = {f"module.{name}": value.half() if value.is_floating_point() else value for name, value in net.state_dict().items()}
    torch.save({"epoch": 12, "model": half, "optimizer": optimizer.state_dict()}, folder / "cnn.pth")


def vit(folder: Path) -> None:
    """A vision transformer from its configuration; classes in the alphabetical order of the folders."""
    x, y = load_digits(return_X_y=True)
    names = sorted(NAMES)
    inputs = torch.from_numpy(x[:900].reshape(-1, 1, 8, 8).astype(np.float32) / 16).repeat(1, 3, 1, 1)
    labels = torch.tensor([names.index(NAMES[each]) for each in y[:900]])
    torch.manual_seed(2)
    config = transformers.ViTConfig(
        image_size=8, patch_size=2, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        id2label=dict(enumerate(names)), label2id={name: at for at, name in enumerate(names)},
    )  # fmt: skip
    net: Any = transformers.ViTForImageClassification(config).train()
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3)
    for rows in batches(len(labels), 25):
        optimizer.zero_grad()
        F.cross_entropy(net((inputs[rows] - 0.5) / 0.5).logits, labels[rows]).backward()
        optimizer.step()
    net.save_pretrained(folder / "vit")
    processor = {"size": {"height": 8, "width": 8}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    transformers.ViTImageProcessor(**processor).save_pretrained(folder / "vit")


def texts(folder: Path) -> None:
    """Reviews by made-up rules with some noise, and a small BERT that learns them."""
    draw = np.random.default_rng(3)
    good, bad = ("fine", "lovely", "warm", "clear", "quick"), ("dull", "rude", "cold", "broken", "slow")
    plain = ("the", "place", "was", "and", "staff", "room", "very", "with", "food", "lunch", "door", "music")

    def line() -> tuple[str, str]:
        label = int(draw.integers(2))
        words = [*draw.choice(plain, 8), *draw.choice((bad, good)[label], 1), *draw.choice((*good, *bad), 1)]
        return " ".join(draw.permutation(words)), ("negative", "positive")[label]

    rows = [line() for _ in range(900)]
    for name, part, first in (("reviews", rows[:500], 0), ("unseen", rows[500:], 500)):
        with (folder / f"{name}.csv").open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["customer", "review", "sentiment"])
            table.writerows([f"c{first + at}", *each] for at, each in enumerate(part))
    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(
        [text for text, _ in rows], trainers.WordLevelTrainer(special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    )
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    ids = torch.tensor([tokenizer.encode(text).ids for text, _ in rows[:500]])
    labels = torch.tensor([("negative", "positive").index(label) for _, label in rows[:500]])
    torch.manual_seed(4)
    config = transformers.BertConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=32, id2label={0: "negative", 1: "positive"}, label2id={"negative": 0, "positive": 1},
    )  # fmt: skip
    net: Any = transformers.BertForSequenceClassification(config).train()
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3)
    for rows_ in batches(len(labels), 15):
        optimizer.zero_grad()
        F.cross_entropy(net(ids[rows_]).logits, labels[rows_]).backward()
        optimizer.step()
    net.save_pretrained(folder / "bert")
    tokenizer.save(str(folder / "bert" / "tokenizer.json"))


def logistic(folder: Path) -> None:
    """A pipeline of scikit-learn in a file of skops."""
    data = load_breast_cancer()
    words = np.array(["malignant", "benign"])[data.target]
    for name, part in (("patients", slice(0, 400)), ("new", slice(400, None))):
        with (folder / f"{name}.csv").open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["patient", *(each.replace(" ", "_") for each in data.feature_names), "diagnosis"])
            rows = zip(range(len(words))[part], data.data[part], words[part], strict=True)
            table.writerows([f"P{at:03d}", *row.tolist(), word] for at, row, word in rows)
    fitted = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(data.data[:400], words[:400])
    skops.io.dump(fitted, folder / "model.skops")


def main() -> None:
    """Make all four."""
    options = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    options.add_argument("folder", type=Path)
    folder = options.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    logging.disable_progress_bar()
    for make in (cnn, vit, texts, logistic):
        make(folder)
        print(make.__name__)


if __name__ == "__main__":
    main()
