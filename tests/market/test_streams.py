"""Random numbers that are a function of what they are for."""

import numpy as np
import pytest
from scipy import stats

from promopilot.envs.engine import streams

ALL = 0xFFFFFFFF


def _philox(counter: tuple[int, ...], key: tuple[int, ...]) -> tuple[int, ...]:
    words = streams.philox(*(np.uint64(word) for word in (*counter, *key)))
    return tuple(int(word) for word in words)


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((ALL,) * 4, (ALL,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_gives_the_published_answers(
    counter: tuple[int, ...], key: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    # Random123's kat_vectors, philox4x32 with 10 rounds.
    assert _philox(counter, key) == expected


def test_streams_of_another_purpose_step_flight_or_seed_differ() -> None:
    def first(seed: int = 1, flight: int = 2, purpose: int = streams.SUPPLY, step: int = 3):
        return tuple(streams.uniforms(seed, np.array([flight]), purpose, 1, 4, step)[0, 0])

    purposes = (
        streams.SUPPLY,
        streams.PRICE,
        streams.SHIFTS,
        streams.LEVELS,
        streams.DRIFT,
        streams.OUTCOMES,
        streams.BLOCKS,
        streams.CHOICES,
    )
    seeds = (0, -1, 2**31, 2**32, 2**33 + 1, 2**63 - 1, 2**63)
    flights = (0, -1, 2**31, 2**32, 2**40, 2**63 - 1)
    steps = (0, 1, 2**16, streams.LAST_STEP)
    seen = [
        *(first(purpose=purpose) for purpose in purposes),
        *(first(seed=seed) for seed in seeds),
        *(first(flight=flight) for flight in flights),
        *(first(step=step) for step in steps),
        *(first(purpose=purpose, step=streams.LAST_STEP) for purpose in purposes),
    ]
    # The last step of the first purpose is listed twice.
    assert len(set(seen)) == len(seen) - 1
    assert len({number for four in seen for number in four}) == 4 * (len(seen) - 1)


def test_seeds_and_flights_are_not_exchangeable() -> None:
    one = streams.uniforms(5, np.array([7]), streams.SUPPLY, 1, 8)
    other = streams.uniforms(7, np.array([5]), streams.SUPPLY, 1, 8)
    assert not np.isin(one, other).any()


def test_a_part_of_a_stream_is_the_same_as_in_the_whole() -> None:
    flights = np.array([4, 9, 2])
    whole = streams.uniforms(3, flights, streams.PRICE, 6, 5)
    np.testing.assert_array_equal(
        streams.uniforms(3, flights[::-1], streams.PRICE, 2, 5, first_step=3), whole[::-1, 3:5]
    )
    np.testing.assert_array_equal(
        streams.uniforms(3, flights, streams.PRICE, 6, 2), whole[:, :, :2]
    )


@pytest.mark.parametrize("seed", [0, -5, 2**63, 2**80 + 1])
def test_any_whole_number_is_a_seed(seed: int) -> None:
    drawn = streams.uniforms(seed, np.arange(10), streams.SUPPLY, 2, 3)
    assert len(np.unique(drawn)) == drawn.size


def test_numbers_are_even_and_independent() -> None:
    drawn = streams.uniforms(0, np.arange(400), streams.SUPPLY, 10, 5)
    assert 0 < drawn.min() < drawn.max() < 1
    assert stats.kstest(drawn.ravel(), "uniform").pvalue > 1e-3
    # Neighbours along each axis: flights, steps and items.
    for axis in range(3):
        pair = np.moveaxis(drawn, axis, 0)
        correlation = np.corrcoef(pair[:-1].ravel(), pair[1:].ravel())[0, 1]
        assert abs(correlation) < 4 / np.sqrt(pair[1:].size)


def test_normals_are_normal() -> None:
    drawn = streams.normals(0, np.arange(400), streams.SHIFTS, 10, 5)
    assert stats.kstest(drawn.ravel(), "norm").pvalue > 1e-3


def _extreme(bits: int) -> float:
    """The number that 64 random bits become."""
    cursor = np.zeros(streams.CURSOR, dtype=np.uint64)
    cursor[6], cursor[7] = np.uint64(bits), np.uint64(1)
    return float(streams.uniform(cursor))


def test_the_smallest_number_is_above_zero() -> None:
    assert _extreme(0) > 0


def test_the_largest_number_is_below_one() -> None:
    assert _extreme(2**64 - 1) < 1
