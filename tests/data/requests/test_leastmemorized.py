"""The reverse of ``Memorized``, whose test tries both."""

import numpy as np

from untrain.data.readers.convert import examples
from untrain.data.requests.leastmemorized import LeastMemorized


def test_the_least_memorized_are_those_of_the_smallest_scores():
    train = examples(np.zeros((10, 2)), np.arange(10) % 2, columns={"memorization": np.linspace(1, 0.1, 10)})
    assert LeastMemorized(fraction=0.3).draw(train).tolist() == [7, 8, 9]
    assert LeastMemorized(fraction=0.3, classes=(0,)).draw(train).tolist() == [4, 6, 8]
