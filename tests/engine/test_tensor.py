"""Tensor: what it is made from, how it is written, indexed, left, copied, and what it refuses."""

import copy
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import axon
from axon import RecordingError, Tensor, activations, no_grad, ops
from axon.core import Primitive
from axon.layers import Dense
from axon.operators import PRIMITIVES
from axon.optimizers import SGD
from axon.parameter import Parameter, gather
from axon.program import Step

# ------------------------------------------------------------------------------------ making one


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.5, np.float32),
        ([1.0, 2.0], np.float32),
        ([[1.0], [2]], np.float32),
        (3, np.int64),
        ([1, 2], np.int64),
        (True, np.bool_),
        ([True, False], np.bool_),
        ([], np.float32),
        (np.ones(2), np.float64),
        (np.ones(2, np.float32), np.float32),
        (np.ones(2, np.float16), np.float16),
        (np.ones(2, np.uint8), np.uint8),
        (np.float64(1), np.float64),
        (np.int8(1), np.int8),
        (Tensor(np.ones(2)), np.float64),
        (Tensor([1, 2]), np.int64),
        (range(3), np.int64),
    ],
)
def test_types_of_new_tensors(data: Any, dtype: Any) -> None:
    assert Tensor(data).dtype == dtype
    assert Tensor(data, dtype="float16").dtype == np.float16
    assert Tensor(data, dtype=np.int32).dtype == np.int32


def test_arrays_are_shared_not_copied() -> None:
    x = np.ones(3)
    t = Tensor(x)
    assert t.data is x
    assert Tensor(t).data is x
    assert Tensor(x, dtype=np.float64).data is x
    assert not np.shares_memory(Tensor(x, dtype=np.float32).data, x)
    assert t.numpy() is x


def test_every_number_format_becomes_an_ordinary_array() -> None:
    foreign = np.array([1.0, 2.0]).astype(">f8")
    assert Tensor(foreign).dtype == np.float64
    assert Tensor(foreign).data.dtype.isnative
    assert activations.sigmoid(foreign).dtype.isnative
    assert type(Tensor(np.ones(2).view(np.recarray)).data) is np.ndarray


@pytest.mark.parametrize(
    "data",
    [
        "text",
        ["a", "b"],
        np.array(["a"]),
        np.array([None]),
        None,
        [1, "a"],
        {"a": 1},
        np.array(["2020-01-01"], np.datetime64),
        np.array([1j]),
    ],
    ids=repr,
)
def test_only_numbers_make_a_tensor(data: Any) -> None:
    with pytest.raises(TypeError, match=r"expected numbers, got an array of dtype .*Turn text"):
        Tensor(data)


def test_shape_and_size() -> None:
    t = Tensor(np.ones((2, 3, 1)))
    assert (t.shape, t.ndim, t.size, len(t)) == ((2, 3, 1), 3, 6, 2)
    assert (Tensor(1.0).shape, Tensor(1.0).ndim, Tensor(1.0).size) == ((), 0, 1)
    with pytest.raises(TypeError):
        len(Tensor(1.0))


def test_repr() -> None:
    assert repr(Tensor([1.0, 2.5])) == "Tensor([1. , 2.5], dtype=float32)"
    assert repr(Tensor(1, requires_grad=False)) == "Tensor(1, dtype=int64)"
    assert repr(Tensor([[1.0], [2.0]], requires_grad=True)) == (
        "Tensor([[1.],\n        [2.]], dtype=float32, requires_grad=True)"
    )
    assert len(repr(Tensor(np.zeros((1000, 1000))))) < 1000


def test_format() -> None:
    assert f"{Tensor(1.23456):.2f}" == "1.23"
    assert f"{Tensor([1.0])}" == repr(Tensor([1.0]))
    with pytest.raises(ValueError, match="size 1"):
        f"{Tensor([1.0, 2.0]):.2f}"


# ------------------------------------------------------------------------------------ operators

OPERATORS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
    "@": lambda a, b: a @ b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


@pytest.mark.parametrize("sign", OPERATORS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_operators_with_whatever_stands_beside(sign: str, dtype: Any) -> None:
    f = OPERATORS[sign]
    x, y = np.array([1, 2, 3], dtype), np.array([3, 2, 1], dtype)
    t = Tensor(x)
    others = [y, y.tolist(), Tensor(y), y.astype(int), y.astype(np.float64)]
    assert type([y.tolist()] @ t) is Tensor
    np.testing.assert_allclose(([y.tolist(), [0, 1, 0]] @ t).data, [10, 2])
    others += [] if sign == "@" else [2.0, 2, True, np.float64(2), np.float32(2), np.int64(2)]
    for other in others:
        plain = np.asarray(other.data if isinstance(other, Tensor) else other)
        for got, wanted in ((f(t, other), f(x, plain)), (f(other, t), f(plain, x))):
            assert type(got) is Tensor, type(other)
            np.testing.assert_allclose(got.data, wanted, rtol=1e-6)
            assert got.dtype == (np.bool_ if sign[0] in "<>=!" else dtype), type(other)


def test_numbers_on_the_left() -> None:
    t = Tensor([1.0, 3.0])
    assert (1 - t).data.tolist() == [0, -2]
    assert (2**t).data.tolist() == [2, 8]
    assert (6.0 / t).data.tolist() == [6, 2]
    assert (-t).data.tolist() == [-1, -3]
    assert abs(-t).data.tolist() == [1, 3]
    assert (t**2).data.tolist() == [1, 9]
    assert (t**-1.0).data.tolist() == pytest.approx([1, 1 / 3])
    assert all((x.dtype == np.float32) for x in (1 - t, 2**t, 6.0 / t, t**3, 10**20 * t))


def test_numbers_beside_whole_numbers() -> None:
    pixels = Tensor(np.array([5, 250], np.uint8))
    assert (pixels + 1).dtype == np.uint8
    assert (pixels + 300).data.tolist() == [305, 550]
    assert (pixels > -1).data.tolist() == [True, True]
    assert (pixels == 300).data.tolist() == [False, False]
    assert (pixels / 255).dtype == np.float32
    assert (pixels * 0.5).dtype == np.float32
    right = Tensor([1.0, 3.0]) > 2.0
    assert (right + 1).data.tolist() == [1, 2]
    assert (right * 3).data.tolist() == [0, 3]
    assert ops.where(right, 7, 0).data.tolist() == [0, 7]


def test_precision_survives_the_numbers_it_meets() -> None:
    """0.1 beside float64 is 0.1, and whole numbers lose no digits in a quotient."""
    assert (Tensor(np.array([1.0])) * 0.1).item() == 0.1
    assert (Tensor(np.array([1.0])) / np.array([16777217])).item() == 1 / 16777217
    assert (np.array([16777217]) / Tensor(np.array([1.0]))).item() == 16777217
    assert ops.divide(np.array([1.0]), np.array([16777217]))[0] == 1 / 16777217


def test_numpy_functions_keep_the_precision_of_arrays_beside_numbers() -> None:
    x = np.ones(3, np.float32)
    assert ops.add(x, 0.5).dtype == np.float32
    assert ops.multiply(2.0, x).dtype == np.float32
    assert ops.add(x, np.float64(0.5)).dtype == np.float64  # as in NumPy
    assert ops.add([1.0, 2.0], 0.5).dtype == np.float64
    for derivative in (
        activations.relu_derivative,
        activations.sigmoid_derivative,
        activations.tanh_derivative,
        activations.softmax_derivative,
        activations.linear_derivative,
    ):
        assert derivative(x / 3).dtype == np.float32
        assert derivative([0.25, 0.75]).dtype == np.float64
        assert type(derivative(Tensor(x / 3))) is Tensor


@pytest.mark.parametrize(
    "other", [None, "text", object(), [1, "a"]], ids=lambda x: type(x).__name__
)
def test_operators_refuse_what_is_not_a_number(other: Any) -> None:
    t = Tensor([1.0, 2.0])
    for f in OPERATORS.values():
        with pytest.raises(TypeError, match="expected numbers"):
            f(t, other)


def test_methods() -> None:
    x = np.arange(6.0).reshape(2, 3)
    t = Tensor(x)
    assert t.sum().item() == 15
    assert t.sum(0).data.tolist() == x.sum(0).tolist()
    assert t.mean(axis=1, keepdims=True).data.tolist() == [[1], [4]]
    assert t.max(axis=-1).data.tolist() == [2, 5]
    assert t.T.shape == t.transpose().shape == t.transpose(1, 0).shape == (3, 2)
    assert t.transpose((1, 0)).shape == t.transpose([-1, 0]).shape == (3, 2)
    for shape in ((6,), (3, 2), (-1,), (1, -1, 2)):
        assert (t.T.reshape(*shape).data == x.T.reshape(shape)).all()
        assert (t.reshape(shape).data == x.reshape(shape)).all()
        assert (t.reshape(list(shape)).data == x.reshape(shape)).all()
    assert t.reshape(np.int64(6)).shape == (6,)
    assert Tensor([1.0]).reshape(()).shape == ()
    assert t.astype("float32").dtype == np.float32
    assert t.astype(int).dtype == np.int64


def test_the_mean_of_whole_numbers_and_of_nothing() -> None:
    assert Tensor([1, 2]).mean().item() == 1.5
    empty = Tensor(np.ones((0, 3), np.float32))
    assert np.isnan(empty.mean().item())
    assert empty.mean(axis=1).shape == (0,)
    assert np.isnan(empty.mean(axis=0).data).all()


def test_a_view_that_would_have_to_copy_is_refused() -> None:
    t = Tensor(np.ones((2, 3))).T
    with pytest.raises(
        ValueError, match=r"shape \(3, 2\).*no view of shape \(6,\).*tensor\.reshape"
    ):
        PRIMITIVES["reshape"](t, shape=(6,))
    assert PRIMITIVES["reshape"](t, shape=(3, 1, 2)).shape == (3, 1, 2)
    assert t.reshape(6).shape == ops.reshape(t, (6,)).shape == (6,)


# ------------------------------------------------------------------------------------ NumPy


def test_ufuncs_of_tensors_are_axons() -> None:
    t = Tensor([0.5, 2.0], requires_grad=True)
    for name in ("exp", "log", "sqrt", "tanh", "negative", "absolute", "square", "sign"):
        out = getattr(np, name)(t)
        assert type(out) is Tensor
        assert out.requires_grad == (name != "sign")
        np.testing.assert_allclose(out.data, getattr(np, name)(t.data), rtol=1e-6)
    for name in (
        "add",
        "multiply",
        "maximum",
        "minimum",
        "power",
        "divide",
        "greater",
        "not_equal",
    ):
        array = np.array([1.0, 2.0])
        for out in (getattr(np, name)(t, array), getattr(np, name)(array, t)):
            assert type(out) is Tensor
    assert type(np.matmul(np.ones((3, 2)), t)) is Tensor
    np.exp(t).sum().backward()
    np.testing.assert_allclose(t.grad.data, np.exp(t.data), rtol=1e-6)


def test_arrays_on_the_left() -> None:
    t, x = Tensor([1.0, 2.0], requires_grad=True), np.array([3.0, 4.0])
    for out in (x + t, x - t, x * t, x / t, x**t, np.ones((2, 2)) @ t, x == t, x < t):
        assert type(out) is Tensor
    assert (x - t).data.tolist() == [2, 2]
    assert (x > t).data.tolist() == [True, True]
    assert (np.float64(1.5) - t).dtype == np.float32
    (x * t).sum().backward()
    assert t.grad.data.tolist() == [3, 4]


def test_numpy_functions_that_would_leave_autograd_are_refused() -> None:
    t, x = Tensor([1.0, 2.0]), np.ones(2)
    with pytest.raises(TypeError, match=r"np\.spacing on a Tensor would leave autograd.*numpy\(\)"):
        np.spacing(t)
    with pytest.raises(TypeError, match=r"np\.add with options such as out= would leave autograd"):
        np.add(x, t, out=x)
    with pytest.raises(TypeError, match="would leave autograd"):
        np.add.reduce(t)
    with pytest.raises(TypeError, match="would leave autograd"):
        x += t


def test_leaving() -> None:
    t = Tensor([[1.5]])
    assert float(t) == 1.5
    assert int(t) == 1
    assert t.item() == 1.5
    assert type(t.item()) is float
    assert bool(t)
    assert not Tensor(0.0)
    assert np.asarray(t) is t.data
    assert np.asarray(t, np.float64).dtype == np.float64
    assert not np.shares_memory(np.array(t), t.data)
    for many in (float, int, bool, Tensor.item):
        with pytest.raises(ValueError, match=r"size 1|ambiguous"):
            many(Tensor([1.0, 2.0]))


# ------------------------------------------------------------------------------------ recording

LEAVING = {
    "float()": lambda x: float(x.sum()),
    "int()": lambda x: int(x.sum()),
    "item()": lambda x: x.sum().item(),
    "numpy()": lambda x: x.numpy(),
    "bool()": lambda x: 1 if x.sum() > 0 else 2,
    "turning it into a NumPy array": lambda x: np.asarray(x),
}


@pytest.mark.parametrize("way", LEAVING)
def test_a_recorded_step_refuses_to_freeze_a_value_and_names_the_line(way: str) -> None:
    def function(x: Tensor) -> list[Tensor]:
        LEAVING[way](x + 1.0)
        return [x + 1.0]

    step = Step("train", function, ["x"])
    slots = step.inputs(((2,), np.dtype("f4")))
    slots[0][:] = 1
    with pytest.raises(RecordingError) as caught:
        step.run(slots)
    message = str(caught.value)
    assert message.startswith(way)
    source = Path(__file__).read_text().splitlines()
    number = next(i for i, line in enumerate(source, 1) if line.startswith(f'    "{way}": lambda'))
    assert f"{Path(__file__).name}:{number}: {source[number - 1].strip()}" in message
    for hint in ("axon.ops.where", "move it out of the step", "eager=True"):
        assert hint in message
    LEAVING[way](Tensor([1.0, 2.0]))  # nothing is left behind
    Step("eager", function, ["x"], eager=True).run(slots)


def test_a_package_whose_name_begins_like_axon_counts_as_the_users(tmp_path: Path) -> None:
    path = str(Path(axon.__file__).parent) + "_plugin/model.py"
    names: dict[str, Any] = {}
    exec(compile("def function(x):\n    return [float(x)]", path, "exec"), names)
    with pytest.raises(RecordingError, match=r"axon_plugin.model\.py:2"):
        Step("train", names["function"], ["x"]).run([np.ones((), np.float32)])


# ------------------------------------------------------------------------------------ indexing

INDICES: list[Any] = [
    0,
    -1,
    np.int64(1),
    slice(None),
    slice(1, 3),
    slice(None, None, -1),
    slice(5, 1, -2),
    ...,
    None,
    (),
    (1, 2),
    (1, 2, 3),
    (slice(1), -1),
    (..., 0),
    (0, ..., 1),
    (None, 1, None, slice(2)),
    (slice(None), None, slice(None, None, 2)),
    slice(2, 2),
    slice(100, 200),
]


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_indexing_is_numpys_and_a_view(index: Any) -> None:
    x = np.arange(60.0).reshape(3, 4, 5)
    t = Tensor(x, requires_grad=True)
    out = t[index]
    assert type(out) is Tensor
    assert out.shape == np.asarray(x[index]).shape
    assert (out.data == x[index]).all()
    assert np.may_share_memory(out.data, x) or not out.size
    out.sum().backward()
    wanted = np.zeros_like(x)
    wanted[index] = 1
    assert (t.grad.data == wanted).all()


@pytest.mark.parametrize(
    "rows", [[0, 2], [2, -1, 0, 2], np.array([[0], [1]]), np.array(1), np.array([], int)], ids=repr
)
def test_indexing_by_row_numbers(rows: Any) -> None:
    x = np.arange(6.0).reshape(3, 2)
    t = Tensor(x, requires_grad=True)
    for index in (rows, Tensor(rows), np.asarray(rows).astype(np.int8)):
        assert (t[index].data == x[np.asarray(rows)]).all()
        assert t[index].shape == x[np.asarray(rows)].shape
    t[rows].sum().backward()
    wanted = np.zeros_like(x)
    np.add.at(wanted, np.asarray(rows), 1)
    assert (t.grad.data == wanted).all()


def test_indices_out_of_range() -> None:
    t = Tensor(np.ones((3, 2)))
    for index in (3, -4, (0, 2), (0, 0, 0)):
        with pytest.raises(IndexError):
            t[index]
    for rows in ([0, 3], [-4], np.array([2**40])):
        with pytest.raises(IndexError, match=r"index .* is out of range for 3 rows"):
            t[rows]
    with pytest.raises(IndexError, match=r"shape \(\) has no rows"):
        Tensor(1.0)[[0]]


def test_selecting_by_truth_values_points_to_where() -> None:
    t = Tensor([1.0, 2.0, 3.0])
    for mask in ([True, False, True], t.data > 1, t > 1.5):
        with pytest.raises(TypeError, match=r"whole-number indices.*bool.*axon\.ops\.where"):
            t[mask]
    for index in (True, np.bool_(False), (0, True)):
        with pytest.raises(IndexError, match=r"got .* inside an index"):
            t[index]


@pytest.mark.parametrize("index", [1.5, "a", (0, [1]), (slice(1), np.array([0])), {1}, range(2)])
def test_other_indices_are_refused(index: Any) -> None:
    with pytest.raises(IndexError, match=r"numbers, slices, \.\.\. and None, or by one array"):
        Tensor(np.ones((2, 3)))[index]


def test_items_cannot_be_assigned() -> None:
    with pytest.raises(TypeError, match="item assignment"):
        Tensor([1.0, 2.0])[0] = 3.0  # type: ignore[index]


def test_iteration() -> None:
    t = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    a, b = t
    assert (a * b).data.tolist() == [3, 8]
    (a * b).sum().backward()
    assert t.grad.data.tolist() == [[3, 4], [1, 2]]
    assert [x.item() for x in Tensor([5.0, 6.0])] == [5, 6]
    assert list(Tensor(np.ones((0, 2)))) == []
    assert 2.0 in Tensor([1.0, 2.0])
    with pytest.raises(TypeError):
        list(Tensor(1.0))


# ------------------------------------------------------------------------------------ identity


def test_tensors_are_keys_by_identity() -> None:
    a, b = Tensor([1.0, 2.0]), Tensor([1.0, 2.0])
    table = {a: "a", b: "b"}
    assert (table[a], table[b]) == ("a", "b")
    assert len({a, b, a}) == 2
    assert hash(a) == hash(a)
    parameter = Parameter([1.0])
    assert {parameter: 1}[parameter] == 1


def test_comparison_is_element_by_element() -> None:
    a = Tensor([1.0, 2.0])
    assert (a == [1.0, 3.0]).data.tolist() == [True, False]
    assert (a != [1.0, 3.0]).data.tolist() == [False, True]
    with pytest.raises(ValueError, match="ambiguous"):
        bool(a == a)


# ------------------------------------------------------------------------------------ assign


def test_assign_changes_the_memory_in_place() -> None:
    x = np.zeros((2, 3))
    t = Tensor(x)
    t.assign(np.ones((2, 3), np.float32))
    assert (x == 1).all()
    t.assign(5)
    assert (x == 5).all()
    t.assign(Tensor(np.full((2, 3), 7.0)))
    assert (x == 7).all()
    t.assign([[1, 2, 3], [4, 5, 6]])
    assert x.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert t.data is x
    for wrong in (np.ones(3), np.ones((3, 2)), [1.0, 2.0]):
        with pytest.raises(ValueError, match=r"cannot assign values of shape .* \(2, 3\)"):
            t.assign(wrong)
    with pytest.raises(TypeError, match="expected numbers"):
        t.assign("text")


def test_what_writes_wants_a_tensor_to_write_to() -> None:
    """An array would be converted first, and the result lost."""
    with pytest.raises(TypeError, match="assign changes its first 1 inputs: pass Tensors"):
        ops.assign(np.zeros(2), Tensor([1.0, 2.0]))
    array = np.zeros(2)
    ops.assign(array, [1.0, 2.0])  # a NumPy function of NumPy arrays
    assert array.tolist() == [1, 2]


# ------------------------------------------------------------------------------------ copies

both_ways = pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["deepcopy", "pickle"]
)


@both_ways
def test_a_copy_of_a_tensor_is_a_leaf_of_its_own(copied: Any) -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    y = copied(x)
    assert type(y) is Tensor
    assert y.requires_grad
    assert y.data.tolist() == [1, 2]
    assert y.grad.data.tolist() == [2, 4]
    assert not np.shares_memory(y.data, x.data)
    assert not np.shares_memory(y.grad.data, x.grad.data)
    (y * 3.0).sum().backward()
    assert y.grad.data.tolist() == [5, 7]
    assert x.grad.data.tolist() == [2, 4]


@both_ways
def test_a_copy_of_a_result_has_its_values_and_not_its_history(copied: Any) -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = x
    for _ in range(5000):  # the history would be too deep to copy
        y = y * 1.0
    z = copied(y)
    assert z.data.tolist() == [1, 2]
    assert z.creator is None
    assert not z.requires_grad


@both_ways
def test_a_copy_of_a_parameter_stands_alone(copied: Any) -> None:
    w, b = Parameter([[1.0, 2.0]], "weights"), Parameter([3.0], "bias")
    memory, *_ = gather([w, b])
    (w * b).sum().backward()
    twin, other = copied([w, b])
    assert type(twin) is Parameter
    assert (twin.name, other.name) == ("weights", "bias")
    assert twin.data.tolist() == [[1, 2]]
    assert twin.grad.data.tolist() == [[3, 3]]
    for t in (twin, twin.grad):
        assert not np.shares_memory(t.data, memory.values.data)
        assert not np.shares_memory(t.data, memory.gradients.data)
    gathered, start, stop = gather([twin, other])
    assert gathered is not memory
    gathered.values.data[start:stop] = 9
    assert (twin.data == 9).all()
    assert w.data.tolist() == [[1, 2]]


@both_ways
def test_a_copied_layer_trains_alone(copied: Any) -> None:
    layer = Dense(3, 2, activation="relu")
    optimizer = SGD(0.1)
    optimizer.build(layer.parameters())
    twin, twin_optimizer = copied((layer, optimizer))
    assert twin.activation is activations.relu
    before = layer.weights.data.copy()
    twin(Tensor(np.ones((4, 3), np.float32))).sum().backward()
    twin_optimizer.step()
    assert (layer.weights.data == before).all()
    assert not np.allclose(twin.bias.data, layer.bias.data) or not np.allclose(
        twin.weights.data, before
    )


@both_ways
def test_a_primitive_is_itself_everywhere(copied: Any) -> None:
    for p in (activations.relu, activations.sigmoid, ops.sum, ops.slice, ops.max):
        assert isinstance(p, Primitive)
        assert copied(p) is p


@both_ways
def test_a_copied_step_records_anew(copied: Any) -> None:
    step = Step("double", double, ["x"])
    slots = step.inputs(((2,), np.dtype("f4")))
    slots[0][:] = 1
    step.run(slots)
    step.run(slots)
    twin = copied(step)
    assert twin.programs == {}
    others = twin.inputs(((2,), np.dtype("f4")))
    others[0][:] = 5
    twin.run(others)
    assert twin.run(others)[0].tolist() == [10, 10]
    assert step.run(slots)[0].tolist() == [2, 2]


def double(x: Tensor) -> list[Tensor]:
    return [x + x]


def test_a_shallow_copy_shares_the_values() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    assert copy.copy(x).data is x.data


def test_saving_to_a_file_and_back() -> None:
    file = io.BytesIO()
    pickle.dump({"w": Parameter(np.ones((2, 2)), "w")}, file)
    file.seek(0)
    assert pickle.load(file)["w"].data.tolist() == [[1, 1], [1, 1]]


# ------------------------------------------------------------------------------------ primitives


def test_a_primitive_documents_itself() -> None:
    assert repr(ops.add) == "<axon primitive add>"
    assert ops.sum.__name__ == "sum"
    assert ops.sum.__doc__.startswith("The sum of the elements")
    assert ops.sum.__module__ == "axon.ops.reduce"
    assert PRIMITIVES["add"] is ops.add


def test_no_grad_and_results_of_numpy_functions() -> None:
    assert isinstance(activations.sigmoid(0.0), np.floating)
    assert isinstance(activations.sigmoid([0.0]), np.ndarray)
    with no_grad():
        assert type(activations.sigmoid(Tensor([0.0]))) is Tensor
