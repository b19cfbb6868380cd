import numpy as np
import pytest
from scipy.special import softmax
from sklearn.svm import SVC

from trials import TrialObservations, score
from untrain.evaluation.attacks.svcmia import SVCMIA, _called


def efficacy(planted, forget, attack=None):
    attack = attack or SVCMIA()
    side = planted.sides(len(forget), 100, 100)
    p = np.r_[forget, np.full(100, 0.99), np.full(80, 0.99), np.full(20, 0.01)]
    seen = planted.observed(planted.confident(p), np.zeros(len(p), dtype=int), side)
    return score(attack, TrialObservations(seen, seen, seen), draws=20)["mia_svc_efficacy"].value


@pytest.mark.parametrize(("low", "expected"), [(37, 0.37), (0, 0.0), (100, 1.0)])
@pytest.mark.parametrize("members", ["random", "first"])
def test_the_golden_attack(planted, low, expected, members):
    forget = np.r_[np.full(low, 0.01), np.full(100 - low, 0.99)]
    assert efficacy(planted, forget, SVCMIA(members=members)) == pytest.approx(expected)


def test_a_forget_set_of_one_is_counted_over_one(planted):
    assert efficacy(planted, np.array([0.01])) == 1
    assert efficacy(planted, np.array([0.99])) == 0


def test_the_gap_is_oracle_minus_unlearned(planted):
    side = planted.sides(100, 100, 100)
    rest = np.r_[np.full(100, 0.99), np.full(80, 0.99), np.full(20, 0.01)]
    ours, oracle = (
        planted.observed(planted.confident(np.r_[np.full(k, 0.01), np.full(100 - k, 0.99), rest]), np.zeros(300, int), side)
        for k in (10, 30)
    )
    found = score(SVCMIA(), TrialObservations(ours, ours, oracle), draws=20)
    assert found["mia_svc_gap"].value == pytest.approx(0.2)
    assert found["mia_svc_gap"].ideal == 0


def test_it_is_blind_to_the_order_of_all_examples_even_when_members_are_sampled(planted):
    seen = planted.noisy(2, planted.sides(40, 200, 60), boost=1)
    attack = SVCMIA(limit=30)
    other = planted.turned(seen, np.random.default_rng(0).permutation(300))
    assert attack.prepare(seen).sum(1).tolist() == attack.prepare(other).sum(1).tolist()


@pytest.mark.parametrize("sizes", [(0, 5, 5), (5, 0, 5), (5, 5, 0)])
def test_without_one_of_the_sides_there_is_a_reason(planted, sizes):
    seen = planted.noisy(2, planted.sides(*sizes))
    found = score(SVCMIA(), TrialObservations(seen, seen, seen), draws=20)
    assert all(s.value is None and "needs" in s.reason for s in found.values())


def of_salun(seen, feature, members, others):
    """The attack as SalUn's code has it, on the correct modified entropy."""
    p, y = softmax(seen.logits[0].astype(float), axis=-1), seen.labels
    own = p[np.arange(len(y)), y]
    label = np.eye(p.shape[1], dtype=bool)[y]
    made = {
        "correctness": p.argmax(1) == y,
        "efficacy": own,
        "entropy": -(p * np.log(p)).sum(1),
        "mentropy": -(1 - own) * np.log(own) - np.where(label, 0, p * np.log(1 - p)).sum(1),
        "prob": p,
    }[feature]
    x = made.reshape(len(y), -1).astype(float)
    fit = SVC(C=3, gamma="auto", kernel="rbf").fit(np.r_[x[members], x[others]], np.repeat([1, 0], [len(members), len(others)]))
    return 1 - fit.predict(x[seen.side == "forget"]).mean()


@pytest.mark.parametrize("feature", ["correctness", "efficacy", "entropy", "mentropy", "prob"])
def test_each_of_the_five_attacks_is_saluns(planted, feature):
    side = planted.sides(60, 80, 80)
    seen = planted.noisy(1, side, boost=1)
    members, others = np.arange(60, 140), np.arange(140, 220)
    found = score(SVCMIA(members="first"), TrialObservations(seen, seen, seen), draws=20)[f"mia_svc_{feature}"].value
    assert found == pytest.approx(of_salun(seen, feature, members, others), abs=0.02)  # a prediction may hang on the last digit


def test_the_reference_modified_entropy_is_another_attack(planted):
    side = planted.sides(100, 150, 150)
    seen = planted.noisy(2, side, boost=1)
    ours, theirs = (
        score(SVCMIA(mentropy=form), TrialObservations(seen, seen, seen), draws=20)["mia_svc_mentropy"].value
        for form in ("correct", "reference")
    )
    assert ours != theirs


def test_constant_answers_have_no_warning_and_a_value(planted):
    side = planted.sides(10, 20, 20)
    seen = planted.observed(np.ones((2, 50, 3)), np.arange(50) % 3, side)
    assert all(
        0 <= s.value <= 1
        for n, s in score(SVCMIA(), TrialObservations(seen, seen, seen), draws=20).items()
        if not n.endswith("gap")
    )


@pytest.mark.parametrize("size", [1, 10])
def test_the_kernel_of_few_examples_calls_them_as_libsvm_does(size):
    rng = np.random.default_rng(size)
    known, asked = (1 / (1 + np.exp(-rng.normal(3, 3, (count, size)))) for count in (80, 200))
    truth = np.repeat([1.0, 0.0], 40)
    expected = SVC(C=3, gamma="auto", random_state=0).fit(known, truth).predict(asked)
    assert 0 < expected.mean() < 1
    assert np.array_equal(_called(known, truth, asked, np.empty((2, 80, 80))), expected)
    assert np.array_equal(_called(known, truth, asked), expected)
