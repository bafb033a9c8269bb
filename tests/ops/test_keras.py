"""Beside Keras: which of its operations are here, and that they give the same numbers."""

import os
import pickle
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from axon import Tensor, grad, ops
from axon.testing import check_gradient

pytestmark = pytest.mark.skipif(
    not (find_spec("keras") and find_spec("torch")), reason="needs keras and torch"
)

# What Keras has, and AXON has not -> why.
COMPLEX = "complex numbers, which AXON does not compute with"
NOT_HERE = {
    **dict.fromkeys(("polar", "view_as_complex", "view_as_real", "eig"), COMPLEX),
    **dict.fromkeys(("gcd", "lcm", "nextafter"), "whole numbers and bits that no layer asks for"),
    "lu_factor": "solve, det and inv do it inside",
    "custom_gradient": "@axon.primitive, with .gradient(...)",
    "ctc_loss": "axon.losses has CTC",
    "ctc_decode": "sequences whose lengths depend on the values",
    "rearrange": "einops' notation: reshape and transpose",
    **dict.fromkeys(("image", "linalg", "nn", "numpy"), "modules: names are in axon.ops"),
}
WANTED = {"keras.src.ops.numpy": 0.9, "keras.src.ops.nn": 0.9}

rng = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return rng.normal(size=shape).astype(np.float32)


def chances(*shape: int) -> np.ndarray:
    p = rng.uniform(0.1, 0.9, shape).astype(np.float32)
    return p / p.sum(-1, keepdims=True)


IMAGE, SERIES, VOLUME = normal(2, 7, 6, 4), normal(2, 9, 4), normal(1, 5, 4, 6, 2)
SMALL = normal(2, 3, 4, 3)
Q, K, V = normal(2, 3, 4, 5), normal(2, 6, 2, 5), normal(2, 6, 2, 5)
MASK = rng.random((2, 1, 3, 6)) < 0.7
MASK[..., 0] = True
Case = tuple[str, tuple[Any, ...], dict[str, Any]]


def case(name: str, *args: Any, **options: Any) -> Case:
    return name, args, options


def windows() -> list[Case]:
    made = []
    for padding in ("valid", "same"):
        for strides, rate in ((1, 1), (2, 1), (1, 2)):
            how = {"strides": strides, "padding": padding, "dilation_rate": rate}
            made += [
                case("conv", SERIES, normal(3, 4, 5), **how),
                case("conv", IMAGE, normal(3, 2, 4, 5), **how),
                case("conv", IMAGE, normal(2, 2, 2, 6), **how),
                case("depthwise_conv", IMAGE, normal(2, 3, 4, 2), **how),
            ]
        for strides in (1, 2, 3):
            made += [
                case("conv_transpose", IMAGE, normal(3, 2, 5, 4), strides=strides, padding=padding),
                case("conv_transpose", SERIES, normal(2, 3, 4), strides=strides, padding=padding),
            ]
        for name in ("max_pool", "average_pool"):
            made += [
                case(name, IMAGE, 2, padding=padding),
                case(name, IMAGE, (3, 2), strides=2, padding=padding),
                case(name, SERIES, 3, strides=2, padding=padding),
                case(name, VOLUME, 2, padding=padding),
            ]
        made.append(case("conv", VOLUME, normal(2, 2, 3, 2, 3), strides=2, padding=padding))
    first = {"data_format": "channels_first"}
    made += [
        case("conv", IMAGE.transpose(0, 3, 1, 2).copy(), normal(3, 3, 4, 2), **first),
        case("max_pool", IMAGE.transpose(0, 3, 1, 2).copy(), 2, **first),
        case("separable_conv", IMAGE, normal(2, 2, 4, 2), normal(1, 1, 8, 3), padding="same"),
        case("separable_conv", SERIES, normal(3, 4, 1), normal(1, 4, 3)),
    ]
    for name in ("adaptive_average_pool", "adaptive_max_pool"):
        made += [case(name, IMAGE, (3, 4)), case(name, SERIES, 4), case(name, IMAGE, 1)]
    return made


OTHERS = [
    case("batch_normalization", SMALL, normal(3), normal(3) ** 2, -1, normal(3), normal(3)),
    case("batch_normalization", SMALL, normal(4), normal(4) ** 2, 2),
    case("layer_normalization", SMALL, normal(3), normal(3)),
    case("layer_normalization", SMALL, normal(4, 3), normal(4, 3), axis=[2, 3], epsilon=1e-5),
    case("rms_normalization", SMALL, normal(3)),
    case("binary_crossentropy", chances(4, 3), chances(4, 3)),
    case("binary_crossentropy", chances(4, 3), 5 * normal(4, 3), from_logits=True),
    case("categorical_crossentropy", chances(4, 3), chances(4, 3)),
    case("categorical_crossentropy", chances(4, 3), normal(4, 3), from_logits=True),
    case("sparse_categorical_crossentropy", np.array([2, 0, 1, 1]), chances(4, 3)),
    case("sparse_categorical_crossentropy", np.array([2, 0]), normal(2, 3), from_logits=True),
    case("psnr", normal(4, 3), normal(4, 3), 2.0),
    case("depth_to_space", IMAGE, 2),
    case("depth_to_space", IMAGE.transpose(0, 3, 1, 2).copy(), 2, data_format="channels_first"),
    case("space_to_depth", IMAGE[:, :6], 2),
    case("space_to_depth", IMAGE.transpose(0, 3, 2, 1).copy()[..., :6], 2, "channels_first"),
    case("unfold", normal(2, 3, 5, 6), (2, 3), stride=2, padding=1),
    case("unfold", normal(2, 3, 5, 6), 2, dilation=2),
    case("fold", normal(2, 12, 20), (5, 6), 2),
    case("fold", normal(2, 18, 6), (5, 6), (2, 3), padding=(1, 0), stride=2),
    case("dot_product_attention", Q, normal(2, 6, 4, 5), normal(2, 6, 4, 5)),
    case("dot_product_attention", Q, K.repeat(2, 2), V.repeat(2, 2), mask=MASK, scale=0.3),
    case("dot_product_attention", Q, Q, normal(2, 3, 4, 5), is_causal=True),
    case("logaddexp", normal(3, 4), normal(4)),
    case("logsumexp", normal(3, 4), axis=1),
    case("normalize", normal(3, 4), axis=0, order=2),
    case("norm", normal(3, 4), axis=1),
    case("segment_sum", normal(5, 2), np.array([2, 0, 2, 1, 0]), 4),
    case("segment_max", normal(5, 2), np.array([2, 0, 2, 1, 0]), 3),
    case("scatter", np.array([[0, 1], [2, 0]]), normal(2), (3, 2)),
    case("scatter_update", normal(3, 2), np.array([[0, 1], [2, 0]]), normal(2)),
    case("slice_update", normal(3, 4), (1, 2), normal(2, 2)),
    case("rsqrt", chances(3, 4)),
    case("erf", normal(3, 4)),
    case("take_along_axis", normal(3, 4), np.array([[1, 0, 3, 2]] * 3), axis=1),
    case("one_hot", np.array([2, 0, 3]), 4),
    case("multi_hot", np.array([[2, 0], [1, 1]]), 4),
    case("moveaxis", normal(2, 3, 4), 0, 2),
    case("average", normal(3, 4), axis=1, weights=chances(4)),
    case("trapezoid", normal(3, 4), axis=0),
    case("quantile", normal(3, 5), 0.3, axis=1),
    case("einsum", "abc,cd->abd", normal(2, 3, 4), normal(4, 5)),
    case("cumprod", normal(3, 4), axis=1),
    case("divide_no_nan", normal(3), np.array([1.0, 2.0, -3.0], np.float32)),
]
SQUARE = normal(2, 3, 3) + 3 * np.eye(3, dtype=np.float32)
DEFINITE = SQUARE @ SQUARE.transpose(0, 2, 1)
LINEAR = [
    case("inv", SQUARE),
    case("det", SQUARE),
    case("logdet", DEFINITE),
    case("solve", SQUARE, normal(2, 3)),
    case("solve", SQUARE, normal(2, 3, 2)),
    case("solve_triangular", SQUARE, normal(2, 3, 2)),
    case("solve_triangular", SQUARE, normal(2, 3, 2), lower=True),
    case("cholesky", DEFINITE),
    case("cholesky", DEFINITE, upper=True),
    case("pinv", normal(2, 4, 3)),
    case("lstsq", normal(4, 3), normal(4)),
    case("svd", normal(2, 4, 3), compute_uv=False),
    case("i0", 3 * normal(3, 4)),
    case("angle", normal(3, 4)),
    case("real", normal(3)),
]
CASES = [*windows(), *OTHERS, *LINEAR]


@pytest.fixture(scope="module")
def keras_said(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], list[Any]]:
    folder = tmp_path_factory.mktemp("keras")
    (folder / "cases.pickle").write_bytes(pickle.dumps(CASES))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(Path(__file__).with_name("keras_answers.py")), folder],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "KERAS_HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr
    found: tuple[dict[str, str], list[Any]] = pickle.loads((folder / "answers.pickle").read_bytes())
    return found


def test_every_name_of_keras_is_here_or_has_a_reason(keras_said: Any) -> None:
    names = keras_said[0]
    here = {n for n in names if n in dir(ops) and callable(getattr(ops, n))}
    assert set(names) - here == set(NOT_HERE)
    for room, share in WANTED.items():
        there = [name for name, home in names.items() if home == room]
        assert len([n for n in there if n in here - set(NOT_HERE)]) >= share * len(there)


def test_the_numbers_and_gradients_are_those_of_keras(keras_said: Any) -> None:
    for (name, args, options), (wanted, slopes) in zip(CASES, keras_said[1], strict=True):
        shapes = [np.shape(a) for a in args if not isinstance(a, str)]
        where = f"{name}{shapes}{ {k: v for k, v in options.items() if np.ndim(v) < 2} }"
        leaves: list[Tensor] = []

        def given(value: Any) -> Any:
            if not isinstance(value, np.ndarray):
                return value
            floats = value.dtype.kind == "f"
            leaves.extend([Tensor(value, requires_grad=True)] if floats else [])  # noqa: B023
            return leaves[-1] if floats else Tensor(value)  # noqa: B023

        new = [given(a) for a in args]
        y = getattr(ops, name)(*new, **{k: given(v) for k, v in options.items()})
        assert y.shape == wanted.shape, where
        np.testing.assert_allclose(y.data, wanted, rtol=2e-4, atol=2e-5, err_msg=where)
        if y.requires_grad:
            weights = np.arange(1, y.size + 1, dtype=np.float32).reshape(y.shape)
            mine = grad((y * weights).sum(), leaves)
            for g, s in zip(mine, slopes, strict=True):
                scale = 1 + (0 if s is None else abs(s).max())
                expected = np.zeros(g.shape) if s is None else s
                np.testing.assert_allclose(
                    g.data / scale, expected / scale, atol=3e-5, err_msg=where
                )


def test_sparsemax_is_the_nearest_distribution() -> None:
    """Of Keras's, rows add up to 0 where several numbers stay (by its PyTorch)."""
    x = rng.normal(size=(6, 5)) * np.array([[0.1], [0.5], [1], [2], [4], [1]])
    y = ops.sparsemax(x)
    np.testing.assert_allclose(y.sum(1), 1.0)
    for row, wanted in zip(x, y, strict=True):
        low, high = row.min() - 1, row.max()
        for _ in range(60):  # what is cut off, found by halving
            cut = (low + high) / 2
            low, high = (cut, high) if np.maximum(row - cut, 0).sum() > 1 else (low, cut)
        np.testing.assert_allclose(wanted, np.maximum(row - cut, 0), atol=1e-9)
    np.testing.assert_allclose(ops.sparsemax(x.T, axis=0), y.T)
    check_gradient(ops.sparsemax, x)


def test_what_does_not_fit_is_refused() -> None:
    wrong = {
        "conv: padding must be 'valid' or 'same', got 'full'": case(
            "conv", IMAGE, normal(2, 2, 4, 3), padding="full"
        ),
        "conv: expected .n, places..., channels.": case("conv", IMAGE, normal(2, 4, 3)),
        "strides: expected a whole number, or 2 of them": case(
            "conv", IMAGE, normal(2, 2, 4, 3), strides=(1, 1, 1)
        ),
        "max_pool: data_format must be": case("max_pool", IMAGE, 2, data_format="last"),
        "depth_to_space: blocks of 3 x 3 do not divide 4 channels": case(
            "depth_to_space", IMAGE, 3
        ),
        "space_to_depth: blocks of 2 x 2 do not divide": case("space_to_depth", IMAGE, 2),
        "binary_crossentropy: target of shape": case("binary_crossentropy", Q, K),
        "sparse_categorical_crossentropy: expected targets of shape .3,.": case(
            "sparse_categorical_crossentropy", np.array([1]), normal(3, 4)
        ),
        "dot_product_attention: expected": case("dot_product_attention", SERIES, SERIES, SERIES),
        "unfold: windows of": case("unfold", normal(1, 1, 2, 2), 5),
        "fold: expected .n, channels 4, 20.": case("fold", normal(2, 12, 21), (5, 6), 2),
    }
    for message, (name, args, options) in wrong.items():
        with pytest.raises(ValueError, match=message):
            getattr(ops, name)(*args, **options)
