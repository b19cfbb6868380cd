"""Words that reports and pages use, and where to read more of each."""

from __future__ import annotations

from dataclasses import dataclass

from untrain.core.describe import documented
from untrain.evaluation.base import Score, Verdict


@dataclass(frozen=True)
class Term:
    """A word, what it means, the page that says more, and other words for the same."""

    word: str
    means: str
    page: str
    also: tuple[str, ...] = ()


_WRITTEN = (
    Term("original", "a model as it was trained, with the forget set", "docs/scores.md#from-outputs-to-numbers"),
    Term(
        "retrained", "a model trained from scratch without the forget set, also called an oracle; what a method is compared with",
        "docs/scores.md#from-outputs-to-numbers", ("oracle", "retraining", "exact unlearning"),
    ),
    Term("unlearned", "an original after a method has worked on it", "docs/scores.md#from-outputs-to-numbers", ("unlearning",)),
    Term("forget set", "training examples to be forgotten", "docs/own-model.md#the-request", ("forget",)),
    Term("retain set", "the other training examples", "docs/own-model.md#the-request", ("retain",)),
    Term(
        "test set", "examples that are not among the training examples; whether a model saw them before, nobody can tell from here",
        "docs/scores.md#from-outputs-to-numbers",
        ("test",),
    ),
    Term(
        "certainty", "how sure a model is of an example's label: the log-odds that it gives the label, in nats; also called the "
        "example's margin, which is another thing than the margin of a test", "docs/scores.md#single-examples",
    ),
    Term("gap", "the retrained models' value minus the unlearned models'", "docs/scores.md#value-and-gap"),
    Term(
        "verdict", "what a test says of the difference between unlearned and retrained models: indistinguishable, distinguishable, "
        "or too few models to decide", "docs/scores.md#verdict",
    ),
    Term(
        "protocol", "the margins on six primary endpoints that a model has to keep to pass, stated before anything is trained: "
        "screening, standard, strict, or one of your own", "docs/protocols.md#protocols", ("screening", "standard", "strict"),
    ),
    Term(
        "endpoint", "one number per model that a protocol has a margin for, six in all: what each of two attacks gains, loss on "
        "the forget set, the farthest forget example, accuracy on the test set and on the retain set",
        "docs/protocols.md#endpoints",
        ("primary endpoint",),
    ),
    Term(
        "spread", "the standard deviation of an endpoint between retrained models; margins are counted in it",
        "docs/protocols.md#endpoints",
    ),
    Term(
        "power", "the chance that so many models let a perfect method pass, and the chance that they show a leak of a stated size",
        "docs/protocols.md#power",
    ),
    Term("outcome", "what a protocol says of a method: passes, fails in one of three ways, or open", "docs/protocols.md#outcomes"),
    Term(
        "passes", "every primary endpoint is shown to lie within its margin, and no score says otherwise",
        "docs/protocols.md#outcomes", ("pass",),
    ),
    Term(
        "fails", "an endpoint is shown to lie outside its margin, or a score is distinguishable in a direction that does harm: "
        "it remembers, it hides the forget set, or it over-forgets or broke something", "docs/protocols.md#outcomes",
        ("fail", "damaged"),
    ),
    Term("open", "neither shown to pass nor to fail; the sentence says what would close it", "docs/protocols.md#outcomes"),
    Term(
        "indistinguishable", "the interval of the difference lies within the margin, so the models pass for retrained ones",
        "docs/scores.md#verdict", ("equal",),
    ),
    Term(
        "distinguishable", "the difference is more than chance, by a test of all scores together", "docs/scores.md#verdict",
        ("differs",),
    ),
    Term("too few models", "neither is shown; the reason says what it would take", "docs/scores.md#verdict"),
    Term("remembers", "some score says that less was forgotten than retraining forgets", "docs/scores.md#verdict"),
    Term(
        "hides", "what was to be forgotten does not show, and comes back sooner than in retrained models once the model is changed "
        "or asked otherwise: it was suppressed and not forgotten", "docs/protocols.md#outcomes", ("suppressed",),
    ),
    Term(
        "over-forgets", "some score says that more was forgotten than retraining forgets, which gives examples away too",
        "docs/scores.md#value-and-gap", ("streisand effect",),
    ),
    Term(
        "recognised", "a forget example that the models know better than retrained models do, by more than chance",
        "docs/scores.md#single-examples",
    ),
    Term(
        "stands out", "a forget example that the models know less well than retrained models do, by more than chance",
        "docs/scores.md#single-examples", ("stand out",),
    ),
    Term(
        "examples given away", "forget examples that are recognised or stand out; 'ex.' in tables",
        "docs/scores.md#single-examples", ("ex.", "ex"),
    ),
    Term("failed", "a method that did not run; its error stands beside it", "docs/scores.md#warnings", ("did not run",)),
    Term("interval", "where the value lies, 19 times in 20, by resampling models and examples", "docs/scores.md#interval"),
    Term(
        "attack", "a guess from outputs whether an example was trained on", "docs/scores.md#curves", ("mia", "membership inference")
    ),
    Term("cost", "the work of a method as a share of retraining's, in floating-point operations", "docs/cost.md"),
    Term("guard", "what was checked of every model: what moved, and that nothing else did", "docs/scores.md#guard"),
    Term("mask", "the weights that a method may change; a localizer finds them", "docs/localize.md"),
    Term("in the mask", "the share of weights that a method may change", "docs/localize.md", ("kept",)),
    Term("iou", "intersection over union of two masks: 1 where they are the same", "docs/localize.md"),
    Term(
        "stability", "what masks of one localizer have in common across seeds, or parts of the forget set", "docs/localize.md",
        ("iou across seeds", "iou across batches", "layers across seeds"),
    ),
    Term("layer", "a parameter by its name in the model, and its number of weights", "docs/localize.md", ("weights",)),
    Term("seconds", "the time that the work took on this machine", "docs/cost.md"),
    Term("memorization", "how much better a model does on an example for having been trained on it", "docs/populations.md"),
    Term("population", "models compared as a group: originals, unlearned ones, oracles, or members", "docs/populations.md"),
    Term("seed", "what initial weights and the order of batches are drawn from; one model per seed", "docs/scores.md#interval"),
    Term("look", "a test while models are still being made, at a share of the level", "docs/audit.md#stopping-early"),
    Term("store", "the folder of models, outputs and runs, under keys of what they depend on", "docs/store.md"),
    Term("unlearner", "a method that makes a model forget; `untrain methods` lists them", "docs/methods.md#unlearners"),
    Term("recipe", "a paper's name for an unlearner and its parts; `untrain methods` lists them", "docs/methods.md#recipes"),
    Term("method", "what makes a model forget: an unlearner or a recipe; `untrain methods` lists them", "docs/methods.md"),
    Term("score", "a number with its evidence; `untrain show forget_gap` explains one", "docs/scores.md"),
    Term("localizer", "finds the weights that hold a forget set; `untrain localizers` lists them", "docs/methods.md#localizers"),
    Term("evaluator", "turns outputs into scores; `untrain evaluators` lists them", "docs/methods.md#evaluators"),
    Term("observer", "a score that needs the model and not its outputs alone; `untrain observers` lists them", "docs/observers.md"),
    Term("scenario", "data, learner and request under a name; `untrain scenarios` lists them", "docs/methods.md#scenarios"),
    Term("request", "which examples are to be forgotten, or corrected; `untrain scenarios` lists them", "docs/methods.md#requests"),
    Term("learner", "trains a model on examples from a seed", "docs/methods.md#learners"),
    Term("executor", "who does the work; `untrain executors` lists them", "docs/many_machines.md"),
    Term("budget", "the work that a method may take, as a share of retraining's operations", "docs/cost.md#a-budget"),
    Term(
        "severity", "how far a model is from the mean of retrained models on the endpoint where it is farthest, in margins; up to "
        "1 is within all margins", "docs/leaderboard.md#what-the-numbers-mean",
    ),
    Term(
        "rank", "a method's place by mean severity, and where it lies 19 times in 20", "docs/leaderboard.md#what-the-numbers-mean"
    ),
    Term(
        "differs from", "how many methods of the table, nearer to retraining and farther, a test separates from a method",
        "docs/leaderboard.md#what-the-numbers-mean",
    ),
    Term("farthest on", "the endpoint on which a method is farthest from retraining", "docs/leaderboard.md#what-the-numbers-mean"),
    Term(
        "front", "the Pareto front: no other method of the table is as good for less", "docs/leaderboard.md#what-the-numbers-mean",
        ("pareto front",),
    ),
    Term("settings", "the values that a method ran with, and how they were chosen", "docs/leaderboard.md#how-they-are-tuned"),
    Term("why", "the reason why a row has no rank", "docs/leaderboard.md#who-takes-part"),
    Term("objective", "the number that a search maximises, made of the success of models", "docs/search.md#objectives"),
    Term("valid", "the validation part of the training set, by which a search judges what is left", "docs/search.md#objectives"),
    Term("oracle forget", "what retrained models reach on the forget set", "docs/search.md#objectives"),
    Term("state", "how a trial ended: complete, stopped early, or failed", "docs/search.md#trials", ("trial",)),
    Term("probe", "another set of examples on which models are evaluated, besides the forget, retain and test set", "docs/text.md"),
)  # fmt: skip
_PAGES = {
    **{name: f"docs/scores.md#{name}" for name in ("floor", "ceiling", "band")},
    "ideal": "docs/scores.md#value-and-gap", "resampled": "docs/scores.md#interval", "margin": "docs/protocols.md#protocols",
    **dict.fromkeys(("difference", "p", "level", "blind"), "docs/scores.md#verdict"),
}  # fmt: skip
OF_PROTOCOLS = ("protocol", "endpoint", "margin", "spread", "passes", "fails", "open")
OF_SCORES = ("floor", "ceiling", "ideal", "band", "resampled")


def terms() -> dict[str, Term]:
    """Every word by itself; those of scores and verdicts from the records that hold them."""
    words = documented(Verdict) | documented(Score)
    read = (Term(name, words[name], page) for name, page in _PAGES.items())
    return {term.word: term for term in (*_WRITTEN, *read)}


def find_term(word: str) -> Term | None:
    """Find a word in any case, in the plural, under another name, or with a table's remark in brackets behind it.

    >>> find_term("Oracles").word, find_term("p-value").word, find_term("original (ceiling)").word
    ('retrained', 'p', 'original')
    """
    word = word.partition(" (")[0]
    plain = " ".join(word.lower().replace("_", " ").split()).removesuffix(" model").removesuffix(" models").removesuffix("-value")
    names = {name: term for term in terms().values() for name in (term.word, *term.also)}
    for spelled in (" ".join(word.lower().split()), plain, plain.removesuffix("s"), f"{plain} set"):
        if spelled in names:
            return names[spelled]
    return None


def all_words() -> list[str]:
    """All words, and other names of them."""
    return [name for term in terms().values() for name in (term.word, *term.also)]
