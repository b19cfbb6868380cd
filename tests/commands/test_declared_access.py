"""What methods see, read from source."""

import pytest

from untrain.commands.declared_access import access_of
from untrain.core import discovery
from untrain.core.access import access
from untrain.core.errors import SpecError


@pytest.mark.parametrize("place", discovery.of_role("unlearner", "recipe"), ids=lambda place: place.name)
def test_the_source_says_what_the_method_itself_says(place):
    try:
        method = discovery.load(place.name)()
    except SpecError:
        pytest.skip("it cannot be made of defaults")
    assert access_of(place) == access(method.needed())


def test_what_sees_a_keeper_or_labels_is_retain_free_and_what_sees_nothing_is_zero_shot():
    for needs, name in (
        ({"forget", "kept:InputCovariance"}, "retain-free"),
        ({"forget", "valid"}, "retain-free"),
        ({"forget", "divergence"}, "zero-shot"),
        ({"retain", "oracles"}, "retrained models"),
    ):
        assert access(frozenset(needs)) == name
