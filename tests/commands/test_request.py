"""The weekly path in the terminal: model, list of ids, new checkpoint, certificate; and what a stranger gets wrong first."""

import csv
import json
import os

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from typer.testing import CliRunner

from untrain.commands.cli import app
from untrain.core.errors import DamageAlarm


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A logistic regression in JSON, its data, and data that it has not seen."""
    folder, draws = tmp_path_factory.mktemp("office"), np.random.default_rng(0)
    for name, rows, first in (("train.csv", 200, 0), ("valid.csv", 150, 1000)):
        x = draws.normal(size=(rows, 2)).round(3)
        y = np.where(x @ [1.0, -1.0] + draws.logistic(size=rows) > 0, "yes", "no")
        lines = [f"p{first + at},{a},{b},{label}" for at, ((a, b), label) in enumerate(zip(x.tolist(), y, strict=True))]
        (folder / name).write_text("\n".join(["person,age,income,label", *lines]) + "\n")
        if first == 0:
            model = LogisticRegression().fit(x, y)
    values = {"coef": model.coef_.tolist(), "intercept": model.intercept_.tolist(), "classes": model.classes_.tolist(), "C": 1.0}
    (folder / "model.json").write_text(json.dumps(values))
    return folder


@pytest.fixture
def say(place, monkeypatch):
    """Speaks to the command line in that folder, and returns what it prints; a wrong exit code fails."""
    monkeypatch.chdir(place)

    def run(*words, code=0, text=None):
        result = CliRunner().invoke(app.app, words if words[0] == "verify" else ["request", *words], text)
        assert result.exit_code == code, result.output
        return result.stdout

    return run


def test_the_weekly_path(say, place):
    service, person = ("--service", "s"), ("--option", "id=person")
    assert "fingerprint" in say("init", "model.json", "train.csv", *service, *person, "--valid", "valid.csv", "--name", "Ann")
    assert "R00001: 2 ids, due 2030-01-02, received" in say(
        "add", "-", "--deadline", "2030-01-02", "--reference", "=T-1", *service, text="person\np3\np17\n"
    )
    assert "R00002: 1 id," in say("add", "p3", *service)
    assert "no request is approved; nothing was done" in say("run", *service)
    say("plan", "R00001", *service)
    say("approve", "R00001", *service)
    first = json.loads(say("run", "--json", *service))
    assert first["run"]["requests"] == ["R00001"]
    assert json.loads((place / first["run"]["checkpoint"]).read_text())["classes"] == ["no", "yes"]
    # p3 is still in the data and was forgotten: when p5 goes, the new checkpoint is not fitted to p3 and p17 again.
    say("withdraw", "R00002", "--why", "asked twice", *service)
    say("add", "p5", "--approve", *service)
    second = json.loads(say("run", "--json", *service))["run"]
    kept = [
        row for row in csv.reader((place / "train.csv").read_text().splitlines()) if row[0] not in ("person", "p3", "p5", "p17")
    ]
    x, y = np.array([[float(a), float(b)] for _, a, b, _ in kept]), [label for *_, label in kept]
    oracle = LogisticRegression(tol=1e-10, max_iter=10_000).fit(x, y)
    assert second["method"] == "Retrain()"
    assert np.allclose(json.loads((place / second["checkpoint"]).read_text())["coef"], oracle.coef_, atol=1e-4)
    shown = say("list", "--csv", "list.csv", *service)
    assert "R00002   withdrawn" in shown
    assert "since the model was last retrained: 0 runs" in shown
    assert {row[0]: row[6] for row in csv.reader((place / "list.csv").read_text().splitlines())}["R00001"] == "'=T-1"
    assert "received" in say("show", "R00001", *service)
    assert "every row is as the log says" in CliRunner().invoke(app.app, ["request", "verify", *service]).stdout


def test_a_certificate_is_verified_and_its_job_repeated(say, place):
    certificate = "s/certificates/R00001.json"
    service = ("--service", "s")
    key = ("--public-key", "s/key.public.pem")
    said = say("verify", certificate, *key, *service, "--rerun", "--forget", "p3,p17")
    assert "wrong" not in said
    assert "the same checkpoint to the last bit" in said
    raw = json.loads((place / certificate).read_text())
    raw["certificate"]["by"] = "Eve"
    (place / "forged.json").write_text(json.dumps(raw, sort_keys=True, separators=(",", ":")) + "\n")
    assert "NOT VERIFIED" in say("verify", "forged.json", *key, code=1)
    assert "SIGNER NOT CHECKED: anyone can make a key; give --public-key" in say("verify", certificate, code=4)
    assert "the key of the service" in say("verify", certificate, *service)
    say("key", "other.pem")
    assert "another key" in say("verify", certificate, "--public-key", "other.public.pem", *service, code=1)
    assert json.loads(say("verify", certificate, "--json", code=4))["signer"] == "not checked"


def test_what_a_stranger_gets_wrong(say, monkeypatch):
    monkeypatch.setenv("UNTRAIN_HOME", "nowhere")

    def error(*words, text=None):
        return str(CliRunner().invoke(app.app, ["request", *words], text).exception)

    assert "there is no service at" in error("list")
    assert "there is a service at" in error("init", "model.json", "train.csv", "--service", "s")
    assert "there is no checkpoint at" in error("init", "modle.json", "train.csv", "--service", "t")
    assert "there are no data at" in error("init", "model.json", "trian.csv", "--service", "t")
    assert "there are no data at" in error("init", "model.json", "train.csv", "--service", "t", "--valid", "vaild.csv")
    assert "'sede=3' is not an argument; did you mean 'seed'?" in error(
        "init", "model.json", "train.csv", "--service", "t", "--option", "sede=3"
    )
    assert "p999" in error("add", "p3,p999", "--service", "s")
    assert "say what to forget" in error("add", "--service", "s")
    assert "is not a date" in error("add", "p9", "--deadline", "tomorrow", "--service", "s")
    assert "there is no request 'R9'" in error("approve", "R9", "--service", "s")
    assert "'done' is not a state of a request" in error("list", "--state", "done", "--service", "s")
    assert "--rerun needs --service" in str(
        CliRunner().invoke(app.app, ["verify", "s/certificates/R00001.json", "--rerun"]).exception
    )


def test_secrets_are_neither_printed_nor_kept(say, place, monkeypatch):
    monkeypatch.setenv("UNTRAIN_KEY_PASSPHRASE", "open sesame")
    said = say("key", "mine.pem")
    said += say("init", "model.json", "train.csv", "--service", "u", "--option", "id=person", "--key", "mine.pem")
    said += say("add", "p1", "--approve", "--service", "u") + say("run", "--service", "u")
    monkeypatch.setenv("UNTRAIN_KEY_PASSPHRASE", "wrong")
    result = CliRunner().invoke(app.app, ["request", "run", "--service", "u"])
    assert "the passphrase is wrong" in str(result.exception)
    monkeypatch.delenv("UNTRAIN_KEY_PASSPHRASE")
    result = CliRunner().invoke(app.app, ["request", "run", "--service", "u"])
    assert "set UNTRAIN_KEY_PASSPHRASE" in str(result.exception)
    monkeypatch.setenv("UNTRAIN_DATABASE", "postgresql://ann:hunter2@127.0.0.1:1/none")
    result = CliRunner().invoke(app.app, ["request", "list", "--service", "u"])
    assert "cannot be used" in str(result.exception)
    assert "hunter2" not in str(result.exception)
    salt, key = (place / "u" / "salt").read_text().strip(), (place / "mine.pem").read_text().splitlines()[1]
    for secret in ("open sesame", salt, key):
        assert secret not in said
        kept = [file for file in (place / "u").rglob("*") if file.is_file() and file.name != "salt"]
        assert [file for file in kept if secret.encode() in file.read_bytes()] == []
    for name in ("u", "u/spool", "u/certificates"):
        assert os.stat(name).st_mode & 0o077 == 0
    assert os.stat("u/settings.json").st_mode & 0o077 == 0


def test_a_model_that_got_worse_is_not_recorded_and_the_request_can_be_tried_again(say, monkeypatch):
    def alarm(*given, **more):
        raise DamageAlarm("nothing was written: after NegGrad(), validation accuracy fell, by p1 most of all", {})

    say("init", "model.json", "train.csv", "--service", "v", "--option", "id=person")
    say("add", "p1", "--approve", "--service", "v")
    monkeypatch.setattr("untrain.commands.forget.forget", alarm)
    result = CliRunner().invoke(app.app, ["request", "run", "--service", "v"])
    assert isinstance(result.exception, DamageAlarm)
    row = json.loads(say("list", "--json", "--service", "v"))["requests"][0]
    assert (row["state"], row["error"]) == ("failed", "its message names an id")
    assert os.listdir("v/checkpoints") == os.listdir("v/certificates") == []
    say("approve", "R00001", "--service", "v")


def test_what_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for words in (["request", "list"], ["request", "key", "k.pem"], ["verify", "c.json"], ["serve"], ["request", "init", "m", "d"]):
        result = CliRunner().invoke(app.app, words)
        assert "need sqlalchemy: pip install 'untrain[service]'" in str(result.exception), words
