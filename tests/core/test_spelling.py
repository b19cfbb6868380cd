from untrain.core.spelling import TYPED, what_is_missing


def test_nothing_is_looked_for_in_what_nobody_typed():
    assert what_is_missing("Del keep") == "a '=', ',' or '@' is missing before column 5"
    assert what_is_missing("Del keep " + "x" * TYPED) == ""
