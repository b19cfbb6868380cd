import numpy as np
import pytest

from untrain.core.errors import DataError
from untrain.experiments.audits.foreign_models import Outputs
from untrain.experiments.audits.populations import Frame, populations_of
from untrain.maths.logits import margins


def split(array, side, names=("forget", "retain", "test")):
    return {name: array[:, side == name] for name in names}


def three(made, **changed):
    return {"unlearned": made["unlearned"], "oracles": made["oracles"], "original": made["originals"]} | changed


def columns(labels=None, sides=None, **more):
    """What is said of the examples."""
    return {"labels": labels, "sides": sides, **more}


def read(arrays, of_examples):
    return populations_of(Outputs(**arrays, **of_examples))


def rows(given, who):
    return np.stack(list(given.rows(who)))


def test_arrays_are_taken_as_they_are(made):
    given = read(three(made), columns(made["labels"], made["sides"]))
    assert given.kind == "logits"
    assert (rows(given, "unlearned") == made["unlearned"]).all()
    assert given.frame.ids.tolist() == list(range(40))
    assert given.frame.side.tolist() == made["sides"].tolist()


def test_one_checkpoints_answers_are_one_model(made):
    given = read(three(made, unlearned=made["unlearned"][0]), columns(made["labels"], made["sides"]))
    assert rows(given, "unlearned").shape == (1, 40, 4)


def test_ids_say_the_same_as_sides(made):
    ids = np.arange(40) + 500
    said = columns(made["labels"], ids=ids, forget=ids[:8], test=ids[28:])
    assert read(three(made), said).frame.side.tolist() == made["sides"].tolist()
    said = columns(made["labels"], forget=list(range(8)), test=np.arange(28, 40), retain=range(8, 28))
    assert read(three(made), said).frame.side.tolist() == made["sides"].tolist()


def corrected_frame(made):
    """The examples of a scenario whose request corrects: the last three stand in the place of those to forget."""
    labels, sides = np.append(made["labels"], [1, 2, 1]), np.append(made["sides"], ["corrected"] * 3)
    return Frame(labels, labels, sides, np.arange(43))


def test_an_error_about_a_scenario_that_corrects_says_what_the_rows_at_the_end_are(made):
    with pytest.raises(DataError, match=r"43 examples, of which the last 3 are the corrected rows"):
        populations_of(Outputs(**three(made)), corrected_frame(made))


def test_outputs_on_corrected_rows_are_taken_whole_and_by_side(made):
    frame, draw = corrected_frame(made), np.random.default_rng(0)
    more = {who: np.concatenate([a, draw.normal(size=(len(a), 3, 4))], axis=1) for who, a in three(made).items()}
    whole = populations_of(Outputs(**more), frame)
    assert (whole.frame.side == "corrected").sum() == 3
    names = ("forget", "retain", "test", "corrected")
    parts = populations_of(Outputs(**{who: split(a, frame.side, names) for who, a in more.items()}), frame)
    assert (rows(whole, "unlearned") == rows(parts, "unlearned")).all()


def test_rows_that_no_list_names_are_left_out_and_that_is_told(made):
    given = read(three(made), columns(made["labels"], forget=range(8), test=range(28, 40), retain=range(8, 18)))
    assert rows(given, "oracles").shape == (6, 30, 4)
    assert (rows(given, "oracles") == np.delete(made["oracles"], range(18, 28), axis=1)).all()
    assert given.frame.labels.tolist() == np.delete(made["labels"], range(18, 28)).tolist()
    assert given.notes[0].startswith("10 examples that neither")


def test_answers_by_side_are_put_where_the_sides_are(made):
    mixed = np.random.default_rng(1).permutation(40)
    side, labels = made["sides"][mixed], made["labels"][mixed]
    arrays = three(made, oracles=split(made["oracles"][:, mixed], side), unlearned=made["unlearned"][:, mixed])
    given = read({n: a for n, a in arrays.items() if n != "original"}, columns(labels, side))
    assert (rows(given, "oracles") == made["oracles"][:, mixed]).all()


def test_answers_by_side_tell_the_sides_by_themselves(made):
    parts = {who: split(made[who], made["sides"]) for who in ("unlearned", "oracles")}
    given = read(parts, columns(made["labels"]))
    assert given.frame.side.tolist() == made["sides"].tolist()
    assert (rows(given, "unlearned") == made["unlearned"]).all()


def test_margins_are_known_by_their_shape_and_give_the_same_margins(made):
    thin = {who: margins(made[who], made["labels"]) for who in ("unlearned", "oracles")}
    given = read(thin, columns(sides=made["sides"]))
    assert given.kind == "margins"
    assert given.output == "margin"
    assert (rows(given, "oracles") == thin["oracles"]).all()
    labelled = read(thin, columns(made["labels"], made["sides"]))
    assert labelled.kind == "margins and labels"
    assert (rows(labelled, "oracles") == thin["oracles"]).all()


def test_logits_beside_margins_are_compared_by_margins(made):
    thin = three(made, oracles=margins(made["oracles"], made["labels"]))
    given = read(thin, columns(made["labels"], made["sides"]))
    assert given.kind == "margins and labels"
    assert given.notes == ("of oracles only margins were given, so all are compared by margins",)
    assert (given.models["unlearned"] == margins(made["unlearned"], made["labels"])).all()
    with pytest.raises(DataError, match="oracles are margins and others are logits"):
        read(thin, columns(sides=made["sides"]))


def test_margins_of_sides_with_one_model_each_in_a_file(made):
    thin = {who: split(margins(made[who], made["labels"]), made["sides"]) for who in ("unlearned", "oracles")}
    assert read(thin, columns()).kind == "margins"
    alone = thin | {"unlearned": {side: part[0] for side, part in thin["unlearned"].items()}}
    assert read(alone, columns()).models["unlearned"].shape == (1, 40)


def without(made, side):
    return np.where(made["sides"] == side, "retain", made["sides"])


def lists(made, **lists):
    return three(made), columns(made["labels"], **{name: list(ids) for name, ids in lists.items()})


def told(made, **changed):
    """Arrays with some in their place, and what is said of the examples."""
    return three(made, **changed), columns(made["labels"], made["sides"])


UNEQUAL = np.repeat(["forget", "retain", "test"], [9, 19, 12])
CASES = [
    (lambda m: (three(m), columns(m["labels"])), "the forget set is unknown: give --sides"),
    (lambda m: (three(m), columns(sides=m["sides"])), "labels are missing"),
    (lambda m: (three(m), columns(m["labels"][:-1], m["sides"])), "there are 39 labels"),
    (lambda m: (three(m), columns(m["labels"], m["sides"][:-1])), "there are 40 labels and outputs on 39 examples"),
    (lambda m: told(m, oracles=m["oracles"][:, :-1]), r"oracles have shape \(6, 39, 4\)"),
    (lambda m: told(m, oracles=m["oracles"][..., [0, 1, 2, 3, 3]]), "unlearned have outputs on 4 classes and oracles on 5"),
    (lambda m: told(m, oracles=m["oracles"][None]), "oracles have shape"),
    (lambda m: told(m, oracles=m["oracles"] * np.nan), r"model 0 of the oracles .* NaN"),
    (lambda m: told(m, oracles=np.zeros((6, 40, 4))), "model 0 of the oracles has the same outputs on all 40 examples"),
    (lambda m: told(m, oracles=np.zeros((6, 40))), "model 0 of the oracles has the same outputs on all 40 examples"),
    (lambda m: told(m, oracles=m["oracles"].argmax(-1)), "oracles put out whole numbers"),
    (lambda m: (three(m), columns(m["labels"] + 1, m["sides"])), "labels hold 4 in row"),
    (lambda m: told(m, oracles=m["oracles"][[0, 1, 0]]), "models 0 and 2 of the oracles are the same"),
    (lambda m: told(m, unlearned=m["oracles"][2:3]), "model 0 of the unlearned is among the oracles"),
    (lambda m: lists(m, forget=range(8)), "ids of test examples are missing"),
    (lambda m: lists(m, forget=range(8), test=range(7, 40)), "1 ids are both in forget and in test, such as 7"),
    (lambda m: lists(m, forget=range(8), retain=range(6, 20), test=[30]), "2 ids are both in forget and in retain, such as 6"),
    (lambda m: lists(m, forget=[98, 99], test=[30]), r"forget ids.* lists 2 of 2 ids that the audited examples lack: 98, 99"),
    (lambda m: lists(m, forget=[], test=[30]), "the list of forget ids is empty"),
    (lambda m: (three(m), columns(m["labels"], m["sides"], forget=[1])), "sides were given twice"),
    (lambda m: (three(m), columns(m["labels"], m["sides"], ids=[0] * 40)), "the id 0 is given to 40 examples"),
    (lambda m: (three(m), columns(m["labels"], without(m, "test"))), "no example is of side 'test'"),
    (lambda m: (three(m), columns(m["labels"], without(m, "forget"))), "no example is of side 'forget'"),
    (lambda m: (three(m), columns(m["labels"], np.char.capitalize(m["sides"]))), "did you mean 'forget'"),
    (lambda m: told(m, unlearned=m["unlearned"][:, :8]), r"unlearned have shape \(3, 8, 4\)"),
    (lambda m: told(m, unlearned=split(m["unlearned"], m["sides"], ("forget", "test"))), "unlearned lack outputs on the retain"),
    (lambda m: told(m, oracles=split(m["oracles"], UNEQUAL)), "oracles have outputs on 9 forget examples, and there are 8"),
    (lambda m: ({"unlearned": np.ones((3, 3))}, columns(sides=["forget", "retain", "test"])), r"logits .* or margins"),
]


@pytest.mark.parametrize(("build", "words"), CASES)
def test_what_does_not_go_together_is_refused_in_one_line(made, build, words):
    with pytest.raises(DataError, match=words) as caught:
        read(*build(made))
    assert "\n" not in str(caught.value)
