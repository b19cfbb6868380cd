"""Names, ids and errors of others neither control a terminal nor are formulas in a spreadsheet."""

import csv
import io
import os
import pty
import subprocess
import sys

import numpy as np
import pytest

import untrain as ut
from covering import quick
from untrain.core.escapes import PrintableStream, csv_cell, csv_row, printable, write_raw
from untrain.data.readers.text_tables import tables
from untrain.reports.csv_files import masks_csv
from untrain.reports.terminal import print_masks

HOSTILE = "a\x1b]0;owned\x07\x1b[8m\u202e\x9b31m\rb"
FORMULAS = [
    "=HYPERLINK('http://a')",
    "+1+cmd|' /C calc'!A0",
    "-1+1",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    " =1",
    "＝1",
    "'=1",
    "''=1",
    "\n=1",
]
PLAIN = ["anne", "-1.5", "+3", "1e-5", "-", "'a", "", "a=b", "-inf", "nan"]


def controls(text):
    return [letter for letter in text if letter in "\x1b\x07\x9b\r\u202e"]


def test_control_characters_are_spelled_out_and_text_is_left():
    assert controls(printable(HOSTILE)) == []
    assert printable("Zoë 東京 👩\u200d🚀\n\tx") == "Zoë 東京 👩\u200d🚀\n\tx"
    stream = PrintableStream(io.BytesIO(), "utf-8")
    print(HOSTILE, file=stream)
    write_raw(stream, "\x1b[2K")
    stream.flush()
    assert stream.buffer.getvalue().decode() == f"{printable(HOSTILE)}\n\x1b[2K"


def masks():
    row = {"localizer": HOSTILE, "error": HOSTILE, "notes": [HOSTILE]}
    return {"scenario": HOSTILE, "seeds": 1, "parameters": 3, "results": [row], "overlap": [], "warnings": [HOSTILE]}


def test_tables_and_notes_of_a_terminal_hold_none(capsys):
    print_masks(masks(), colour=False)
    printed = capsys.readouterr().out
    assert "\\x1b]0;owned" in printed
    assert controls(printed) == []


COMMANDS = {
    "run": ["run", "Digits", HOSTILE], "store": ["store", HOSTILE], "none": [HOSTILE],
    "option": ["run", "Digits", "DEL", "--" + HOSTILE],
    "show": ["show", HOSTILE], "report": ["report", HOSTILE], "check": ["check", HOSTILE], "audit": ["audit", "--model", HOSTILE],
}  # fmt: skip


@pytest.mark.parametrize("command", quick(COMMANDS, "run", "store", "none", "option"))
def test_no_command_echoes_them(command):
    """On a terminal, where colours are ours to use."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "COLUMNS": "100"}
    call = [sys.executable, "-c", "from untrain.commands.cli.app import main; main()", *COMMANDS[command]]
    process = subprocess.Popen(call, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    said = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:
            break
        if not piece:
            break
        said += piece
    os.close(ours)
    assert process.wait(timeout=60) != 0
    text = said.decode().replace("\r\n", "\n").replace("\r\x1b[2K", "")  # with which we clear a line
    assert "Traceback" not in text
    assert controls(text) == []


@pytest.mark.parametrize("text", [*FORMULAS, *PLAIN])
def test_a_cell_is_no_formula_and_comes_back(text):
    (cell,) = csv_row([text])
    assert csv_cell(cell) == text
    assert cell == (text if text in PLAIN else f"'{text}")


def test_a_report_holds_no_formula():
    document = masks() | {"scenario": "Digits"}
    document["results"] = [{"localizer": "Plug", "error": "=1+1"}]
    rows = list(csv.reader(io.StringIO(masks_csv(document))))
    assert rows[1][-1] == "'=1+1"


def test_ids_that_were_written_are_read_again(tmp_path):
    words = [word for word in FORMULAS if word == word.strip()] + ["anne"]
    file = tmp_path / "a.csv"
    with file.open("w", newline="", encoding="utf-8") as text:
        rows = csv.writer(text)
        rows.writerow(("id", "memorization"))
        rows.writerows(csv_row((word, 0.25 if word == "anne" else 0.0)) for word in words)
    assert [csv_cell(row[0]) for row in tables(file, file.read_bytes())[","][1:]] == words
    train = ut.examples(np.random.default_rng(0).normal(size=(len(words), 2)), [at % 2 for at in range(len(words))], ids=words)
    (row,) = ut.Memorized(fraction=1 / len(words), scores=str(file)).draw(train)
    assert words[row] == "anne"
