"""Hostile command lines: a right answer or one line, nothing raw on the terminal, and no file but those asked for."""

from __future__ import annotations

from pathlib import Path

from attack import LEFT, SILENT, TRACEBACK, Attack, Outcome
from child import apart, command
from sample import root_of, scenario

STEP = 79  # tries go through templates and values by this step
VALUES = (
    "", " ", "-", "--", "-x", "--no-such", "a" * 300, "a" * 5000, "(" * 300, "[" * 30_000, "\udcff", "\ud800", "\x1b[31mred\x1b[0m",
    "\x07\x08", "a\nb", "a\rb", "nul\0byte", "é", "e\u0301", "🙂", "\u202egnp", "~", "~/x", "~nobody-there/x", "..", "/dev/null",
    "/dev/full",
    "/proc/self/mem", "/proc/1/root", "=1+1", "$(touch touched)", "; touch touched", "`touch touched`", "'", '"', "%s%n", "{0}",
    "1e999",
    "nan", "-1", "0", "9" * 20, "9" * 5000, "1_0", "0x10", "True", "None", "DEL(", "DEL(keep=.2", "DEL @ DEL @ DEL", "DEL(self=1)",
    "os.system('touch touched')", "__import__('os')", "lambda: 0", "DEL(keep=1" + "0" * 5000 + ")", "Where(rule='1')",
    "Nothing() @ Nothing()",
    "NegGrad @ WeightedGrad @ Fisher", "this_module.does_not_exist", "untrain", "__main__.x", ".x", "x.",
    "Random(fraction=0.1)", "*", "?[a-z]",
)  # fmt: skip
TEMPLATES: tuple[tuple[str, ...], ...] = (
    ("{v}",), ("--{v}",), ("run", "{v}", "DEL"), ("run", "Digits", "{v}"), ("run", "{s}", "Nothing", "--price", "--seeds", "{v}"),
    ("run", "{s}", "Nothing", "--price", "--store", "{v}"), ("run", "{s}", "Nothing", "--price", "--device", "{v}"),
    ("run", "{s}", "Nothing", "--price", "--executor", "{v}"), ("run", "{s}", "Nothing", "--price", "--budget", "{v}"),
    ("run", "{s}", "Nothing", "--price", "--precision", "{v}"), ("run", "{s}", "Nothing", "--price", "--seed", "{v}"),
    ("run", "{s}", "Nothing", "--price", "--threads", "{v}"), ("run", "{s}", "Nothing", "--evaluator", "{v}"),
    ("run", "{s}", "Nothing", "--observer", "{v}"), ("run", "Digits(request=IdFile(path={r}))", "DEL"),
    ("run", "Digits(request=Where(rule={r}))", "DEL"), ("run", "Digits(request=Ids(ids=({r},)))", "DEL", "--price"),
    ("run", "Custom(train={r}, test={r}, model=MLP())", "DEL"), ("show", "{v}"), ("check", "{v}"), ("report", "{v}", "--store",
    "{c}"),
    ("report", "--store", "{v}"), ("report", "--store", "{c}", "--out", "{v}", "--evaluator", "Accuracy"), ("store", "--store",
    "{v}"),
    ("store", "--store", "{c}", "--prune", "--older-than", "{v}", "--no-such"), ("memorize", "{v}"), ("localize", "{v}", "DEL"),
    ("attribute", "{v}"), ("attribute", "{s}", "--ids", "{v}", "--price"), ("attribute", "{s}", "--rows", "{v}", "--price"),
    ("attribute", "{s}", "--attributor", "{v}", "--price"),
    ("localize", "{s}", "{v}"), ("search", "{s}", "{v}"), ("audit", "--model", "{v}"), ("audit", "--model", "{v}", "--scenario",
    "{v}"),
    ("audit", "--model", "x.npy", "--oracles", "{v}", "--labels", "{v}"), ("methods", "{v}"), ("demo", "--seeds", "{v}",
    "--no-such"),
)  # fmt: skip
EXPECTED = {".out", ".err", ".value"}


def line_of(root: Path, number: int) -> list[str]:
    """The command line of a number."""
    at = number * STEP % (len(TEMPLATES) * len(VALUES))
    template, value = TEMPLATES[at // len(VALUES)], VALUES[at % len(VALUES)]
    words = {"{v}": value, "{s}": scenario(root), "{c}": str(root / "calm" / "store")}
    return [words.get(word, word.replace("{r}", repr(value)).replace("{v}", value)) for word in template]


def attempt(folder: Path, number: int) -> Outcome | None:
    """One command line, in an empty folder."""
    line = line_of(root_of(folder), number)
    shown = ascii(" ".join(word if len(word) < 60 else f"{word[:50]}...({len(word)})" for word in line))[:150]
    work = folder / "work"
    ended = apart(command(line), work, 60)
    wrong = ended.failure
    if wrong:
        return Outcome(wrong.verdict, f"{shown}: {wrong.detail}"[:240], wrong.site)
    if ended.code not in (0, 1, 2):
        return Outcome(TRACEBACK, f"{shown}: exit code {ended.code}", f"exit code {ended.code}")
    said = [each for each in ended.err.strip().splitlines() if each.startswith("untrain: ")]
    if ended.code == 2 and len(said) != 1 and "Usage" not in ended.out:
        return Outcome(TRACEBACK, f"{shown}: refused in {len(said)} lines: {ended.err[:80]!a}", "not one line")
    if (work / "touched").exists():
        return Outcome(SILENT, f"{shown}: a command within a value ran", "ran")
    made = [f.name for f in work.iterdir() if not f.name.startswith(tuple(EXPECTED)) and f.name not in ("home", "temporary")]
    if made and ended.code != 0:
        return Outcome(LEFT, f"{shown}: refused, and made {made[:3]!a}"[:240], "files of a refused command")
    if "~" in made or list((work / "temporary").iterdir()):
        return Outcome(LEFT, f"{shown}: made {made[:3]!a}", "files nobody asked for")
    return None


ATTACKS = (Attack("commands", "hostile command lines", attempt, 360, 30, seconds=90, small=True),)
