"""Encoding: numbers scaled and binned, categories, gaps, files; against formulas written anew."""

from itertools import pairwise

import numpy as np
import pytest

from axon.backend import Array
from axon.tabular import Encoder, Values, binning

pytest.importorskip("hypothesis")
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

COLUMNS = arrays(np.float64, st.integers(4, 60), elements=st.floats(allow_infinity=False))
QUICK = settings(max_examples=60, deadline=None)


def values_of(*columns: Array, codes: Array | None = None, sizes: tuple[int, ...] = ()) -> Values:
    numbers = np.stack([np.asarray(c, np.float64) for c in columns], axis=1)
    if codes is None:
        codes = np.empty((len(numbers), 0), np.int32)
    names = tuple(f"n{i}" for i in range(numbers.shape[1]))
    return Values(numbers, codes, names, tuple(f"c{i}" for i in range(len(sizes))), sizes)


def coded(*codes: int, size: int, column: Array | None = None) -> Values:
    numbers = np.zeros(len(codes)) if column is None else column
    return values_of(numbers, codes=np.array(codes, np.int32)[:, None], sizes=(size,))


def mixed(rows: int = 500) -> Values:
    rng = np.random.default_rng(3)
    skewed = np.exp(rng.normal(size=rows) * 2)
    skewed[::7] = np.nan
    zeros = np.where(rng.random(rows) < 0.8, 0, skewed)
    codes = np.stack(
        [rng.integers(0, 5, rows), rng.integers(2, 4, rows), rng.integers(1, 90, rows)]
    )
    numbers = (rng.normal(size=rows), skewed, np.nan_to_num(zeros), rng.integers(0, 5, rows))
    return values_of(*numbers, codes=codes.T.astype(np.int32), sizes=(5, 4, 90))


def piecewise(x: float, edges: Array) -> list[float]:
    """The published formula, a number at a time."""
    row = []
    for low, high in pairwise(edges):
        row.append(0.0 if x < low else 1.0 if x >= high else (x - low) / (high - low))
    return row


# ------------------------------------------------------------------------------------ numbers


@QUICK
@given(COLUMNS, st.integers(0, 8))
@example(np.array([-1e300, 0.0] + [np.finfo(np.float64).max] * 7), 0)
def test_all_columns_become_finite_bounded_and_monotone(column: Array, bins: int) -> None:
    values = values_of(column)
    encoder = Encoder.fit(values, bins)
    x = encoder.transform(values).x.astype(np.float64)
    assert np.isfinite(x).all()
    assert np.abs(x).max() <= 3.0
    order = np.argsort(column[~np.isnan(column)])
    scaled = x[~np.isnan(column)][order]
    at = 1 + len(encoder.gaps)
    assert (np.diff(scaled[:, [0, *range(at, x.shape[1])]], axis=0) >= 0).all()


@QUICK
@given(COLUMNS, st.integers(2, 8))
def test_the_short_form_says_the_same(column: Array, bins: int) -> None:
    values = values_of(column)
    encoder = Encoder.fit(values, bins)
    spread = encoder.spread(encoder.compact(values))
    np.testing.assert_array_equal(spread.x, encoder.transform(values).x)


def test_bins_agree_with_the_published_formula() -> None:
    values = values_of(np.random.default_rng(0).normal(size=300))
    encoder = Encoder.fit(values, 8)
    new = np.concatenate([values.numbers[:, 0], encoder.edges[0], [-99.0, 99.0]])
    expected = [piecewise(x, encoder.edges[0]) for x in new]
    np.testing.assert_allclose(encoder.transform(values_of(new)).x[:, 1:], expected, atol=1e-6)
    assert len(encoder.edges[0]) == 9
    counts, _ = np.histogram(values.numbers, encoder.edges[0])
    assert counts.min() >= 37
    assert counts.max() <= 38


def test_numbers_are_scaled_by_quartiles_and_drawn_in() -> None:
    column = np.arange(101.0)
    x = Encoder.fit(values_of(column)).transform(values_of(column)).x[:, 0]
    z = (column - 50) / (50 / 1.349)
    np.testing.assert_allclose(x, z / np.sqrt(1 + (z / 3) ** 2), rtol=1e-6)


def test_a_column_that_is_mostly_zero_keeps_its_tail_apart() -> None:
    column = np.concatenate([np.zeros(900), np.arange(1.0, 100), [1e12]])
    encoder = Encoder.fit(values_of(column), 8)
    x = encoder.transform(values_of(column)).x[:, 0]
    z = 2.0  # where the median of those that differ lies
    assert x[950] == pytest.approx(z / np.sqrt(1 + (z / 3) ** 2), rel=0.05)
    assert x[0] == 0
    assert len(encoder.edges[0]) >= 7  # 0 takes up one bin, not most of them
    assert encoder.edges[0][[0, -1]].tolist() == [0, 1e12]


def test_noise_of_rounding_is_not_a_spread() -> None:
    column = np.where(np.arange(40) % 2, 0.1 + 0.2, 0.3)
    assert not Encoder.fit(values_of(column)).transform(values_of(column)).x.any()


def test_few_values_have_few_bins() -> None:
    encoder = Encoder.fit(values_of(np.arange(90) % 3, np.arange(90) % 2, np.ones(90)), 16)
    assert [len(e) for e in encoder.edges] == [3, 0, 0]


def test_few_different_numbers_all_end_a_bin_if_asked() -> None:
    values = values_of(np.arange(600) % 20, np.arange(600) % 21)
    assert Encoder.fit(values, 4, kept=20).bins == (19, 4)
    assert Encoder.fit(values, 4).bins == (4, 4)


def test_bins_of_a_tree_end_where_the_target_jumps() -> None:
    pytest.importorskip("sklearn")
    column = np.random.default_rng(1).random(2000)
    for y in ((column > 0.83).astype(int), np.where(column > 0.83, 5.0, 1.0)):
        edges = Encoder.fit(values_of(column), 4, y).edges[0]
        assert np.abs(edges[1:-1] - 0.83).min() < 0.003
        assert len(edges) <= 5
    large = Encoder.fit(values_of(column * 1e300), 4, y).edges[0]
    np.testing.assert_allclose(large / 1e300, edges, rtol=1e-6)


# ------------------------------------------------------------------------------------ gaps


def test_gaps_are_filled_and_shown_where_they_were_learned() -> None:
    encoder = Encoder.fit(values_of([1, 2, np.nan, 4], [1, 2, 3, 4]))
    said: list[str] = []
    x = encoder.transform(values_of([np.nan, 2], [np.nan, 3]), said).x
    assert x[:, 2].tolist() == [1, 0]
    assert x[0, :2].tolist() == [0, 0]
    assert said == ["Gaps in ['n1'], where none were before, are filled with medians."]


def test_a_part_without_any_number_becomes_zeros() -> None:
    gaps = values_of(np.full(5, np.nan))
    assert Encoder.fit(gaps, 4).transform(gaps).x.tolist() == [[0, 1]] * 5


# ------------------------------------------------------------------------------------ categories


def test_two_values_share_a_column_and_a_gap_lies_between() -> None:
    encoder = Encoder.fit(coded(2, 3, 3, size=4))
    assert encoder.width == 2
    assert encoder.transform(coded(2, 3, 0, 1, size=4)).x[:, 1].tolist() == [-1, 1, 0, 0]


def test_a_small_category_has_a_column_for_each_value_and_for_gaps_that_were_learned() -> None:
    rows = coded(0, 1, 2, 3, 4, size=5)
    x = Encoder.fit(rows).transform(rows).x[:, 1:]
    expected = [[1, 0, 0, 0], [0] * 4, [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    assert x.tolist() == expected
    x = Encoder.fit(coded(2, 3, 4, size=5)).transform(rows).x[:, 1:]
    assert x.tolist() == [row[1:] for row in expected]


def test_large_categories_have_ids_in_one_range_and_frequencies() -> None:
    codes = np.array([[2, 5], [2, 6], [3, 7]], np.int32)
    rows = values_of(np.zeros(3), codes=codes, sizes=(120, 130))
    encoder = Encoder.fit(rows)
    x, ids = encoder.transform(rows)
    assert ids.tolist() == [[2, 125], [2, 126], [3, 127]]
    assert ids.dtype == np.int32
    expected = np.log1p([2, 2, 1]) - np.log1p(3 / 120)
    np.testing.assert_allclose(x[:, 1], expected, rtol=1e-6)
    assert encoder.ids == 250
    rare = values_of(np.zeros(3), codes=np.array([[1], [1], [2]], np.int32), sizes=(120,))
    frequent = Encoder.fit(rare).transform(rare).x[:, 1]
    assert frequent[0] == frequent[1] == frequent[2]  # two values of one row each
    gap = values_of(np.zeros(1), codes=np.zeros((1, 2), np.int32), sizes=(120, 130))
    assert encoder.transform(gap).ids.tolist() == [[1, 121]]  # as a value never seen


# ------------------------------------------------------------------------------------ all of it


def test_order_and_parts_of_rows_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    values, order = mixed(), np.random.default_rng(0).permutation(500)
    encoder = Encoder.fit(values, 8)
    again = Encoder.fit(values.taken(order), 8)
    for name, array in encoder.to_arrays().items():
        np.testing.assert_array_equal(array, again.to_arrays()[name])
    expected = encoder.transform(values)
    assert expected.x.shape == (500, encoder.width)
    monkeypatch.setattr("axon.tabular.encoding.BATCH", 37)
    found = encoder.transform(values.taken(order))
    np.testing.assert_array_equal(found.x, expected.x[order])
    np.testing.assert_array_equal(found.ids, expected.ids[order])
    short = encoder.compact(values)
    np.testing.assert_array_equal(encoder.spread(short[order]).x, expected.x[order])
    assert short.bins.max() < encoder.places


def test_a_file_holds_all_of_it() -> None:
    values = mixed()
    encoder = Encoder.fit(values, 8)
    again = Encoder.from_arrays(encoder.to_arrays())
    np.testing.assert_array_equal(again.transform(values).x, encoder.transform(values).x)
    np.testing.assert_array_equal(again.transform(values).ids, encoder.transform(values).ids)
    empty = values_of(np.zeros(3))
    assert Encoder.from_arrays(Encoder.fit(empty).to_arrays()).width == 1


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("factor", lambda a: a[:-1]),
        ("center", lambda a: a * np.nan),
        ("edges", lambda a: a[::-1]),
        ("edge_counts", lambda a: a + 1),
        ("gaps", lambda a: a + 99),
        ("large", lambda a: a - 99),
        ("frequencies", lambda a: a[1:]),
    ],
)
def test_damaged_files_are_refused(name: str, change: object) -> None:
    arrays_ = Encoder.fit(mixed(), 8).to_arrays()
    damaged = {**arrays_, name: change(arrays_[name])}  # type: ignore[operator]
    with pytest.raises(ValueError, match="do not fit each other"):
        Encoder.from_arrays(damaged)
    del arrays_[name]
    with pytest.raises(ValueError, match=f"lacks \\['{name}'\\]"):
        Encoder.from_arrays(arrays_)


def test_bad_values_are_refused() -> None:
    good = values_of([1.0, 2, 3])
    encoder = Encoder.fit(good)
    with pytest.raises(ValueError, match="no rows"):
        Encoder.fit(good.taken(slice(0, 0)))
    with pytest.raises(ValueError, match="bins must be"):
        Encoder.fit(good, -1)
    with pytest.raises(ValueError, match="3 rows need as many targets, got 2"):
        Encoder.fit(good, 4, np.zeros(2))
    with pytest.raises(ValueError, match="number 0 of row 2 is infinite"):
        encoder.transform(values_of([1.0, np.inf]))
    with pytest.raises(ValueError, match="fitted on 1 numbers"):
        encoder.transform(values_of([1.0], [2.0]))
    assert encoder.transform(good.taken(slice(0, 0))).x.shape == (0, 1)


def test_located_is_where_positions_end() -> None:
    edges = np.array([0.0, 1, 2, 4])
    column = np.array([-1.0, 0, 1, 1.5, 2, 4, 9])
    bins, fractions = binning.located(column, edges)
    assert bins.tolist() == [0, 0, 1, 1, 2, 2, 2]
    assert fractions.tolist() == [0, 0, 0, 0.5, 0, 1, 1]
