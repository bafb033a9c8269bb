"""Places in memory, told as NumPy's functions: each finds the same numbers as the view itself."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axon.symbols.places import Cells, Way, indices_of, way_to

VIEWS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "all": lambda x: x,
    "flat": lambda x: x.reshape(-1),
    "a row": lambda x: x[1],
    "a number": lambda x: x[1, 2, 3, ...],
    "a slice": lambda x: x[1:3, 2:5, ::2],
    "backwards": lambda x: x[::-1, :, ::-1],
    "backwards by twos": lambda x: x[:, 5:1:-2],
    "turned": lambda x: x.T[2:],
    "repeated": lambda x: np.broadcast_to(x[:, None, :1], (4, 7, 6, 8)),
    "merged": lambda x: x.reshape(24, 8)[3:20, 1:],
    "parted": lambda x: x.reshape(4, 2, 3, 2, 4)[:, 1, ::2, :, 3],
    "merged in part": lambda x: x[1:].reshape(18, 8)[::3],
    "with a new axis": lambda x: x[:, None, 2],
    "the end": lambda x: x.reshape(-1)[-5:],
}
INDEXED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "diagonal": lambda x: x.diagonal(axis1=1, axis2=2),
    "windows": lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 2), (1, 2)),
    "by fives": lambda x: x.reshape(-1)[3::5],
}


def cells_of(view: np.ndarray, x: np.ndarray) -> Cells:
    offset = view.__array_interface__["data"][0] - x.__array_interface__["data"][0]
    return Cells(offset // 8, view.shape, tuple(s // 8 for s in view.strides))


def walk(x: np.ndarray, way: Way, shape: tuple[int, ...]) -> np.ndarray:
    y = np.flip(x.reshape(way.grid)[way.slices], way.flipped).transpose(way.order)
    return np.broadcast_to(y.reshape(way.shape), shape)


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_is_told(name: str) -> None:
    x = np.arange(192).reshape(4, 6, 8)
    view = VIEWS[name](x)
    way = way_to(cells_of(view, x), x.shape)
    assert way is not None
    np.testing.assert_array_equal(walk(x, way, view.shape), view)
    assert way.everything == (len(np.unique(view)) == x.size)
    assert way.sliced == x.reshape(way.grid)[way.slices].shape


@pytest.mark.parametrize("name", INDEXED)
def test_what_is_no_slice_has_indices(name: str) -> None:
    x = np.arange(192).reshape(4, 6, 8)
    view = INDEXED[name](x)
    cells = cells_of(view, x)
    np.testing.assert_array_equal(x.reshape(-1)[indices_of(cells)], view)
    way = way_to(cells, x.shape)
    assert way is None or (walk(x, way, view.shape) == view).all()


SHAPES = st.lists(st.integers(1, 5), min_size=1, max_size=4)
ENDS = st.integers(-6, 6) | st.none()
SLICES = st.builds(slice, ENDS, ENDS, st.sampled_from([1, 2, 3, -1, -2, None]))


@settings(max_examples=300, deadline=None)
@given(SHAPES, st.data())
def test_views_of_views(shape: list[int], data: st.DataObject) -> None:
    x = np.arange(np.prod(shape)).reshape(shape)
    view = x
    for _ in range(data.draw(st.integers(1, 3))):
        index = tuple(data.draw(SLICES | st.just(None)) for _ in view.shape)
        view = view[(*index, ...)].transpose(
            data.draw(st.permutations(range(view.ndim + index.count(None))))
        )
        flat = view.reshape(-1)
        if np.may_share_memory(flat, x) and data.draw(st.booleans()):
            view = flat
    if not view.size:
        return
    cells = cells_of(view, x)
    np.testing.assert_array_equal(x.reshape(-1)[indices_of(cells)], view)
    way = way_to(cells, x.shape)
    if way is not None:
        np.testing.assert_array_equal(walk(x, way, view.shape), view)
