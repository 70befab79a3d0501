import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from promopilot.envs.grouping import Grouping


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.integers(0, 2**32 - 1))
def test_sums_are_those_of_a_loop(index: list[int], seed: int) -> None:
    groups = np.array(index)
    values = np.random.default_rng(seed).random((3, len(groups)))
    expected = np.stack([values[:, groups == g].sum(axis=1) for g in range(6)], axis=1)
    np.testing.assert_allclose(Grouping.of(groups, 6).sum(values), expected, atol=1e-12)
