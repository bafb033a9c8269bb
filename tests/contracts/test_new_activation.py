"""A new activation touches its file, its table and its sample, and is known everywhere.

Here one is added while the tests run, as its file and its line in the table would, and every room
is asked. What a room needs to know it reads from the primitive: no list of names lies elsewhere.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import axon
from axon import Tensor, activations
from axon.activations import ACTIVATIONS
from axon.bounds import between
from axon.core import primitive
from axon.layers import Activation, Dense, Embedding
from axon.losses.bounds import bounds
from axon.models import Sequential
from axon.operators import PRIMITIVES
from axon.pieces import cut_of
from axon.program import Step
from axon.symbols import evaluate, formula_of
from axon.testing import check_primitive
from tests.contracts.primitives import assert_same_bits

RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(48, 4)).astype(np.float32)
Y = (RANDOM.random((48, 2)) < 0.5).astype(np.float32)


@pytest.fixture(autouse=True)
def bell() -> Iterator[Any]:
    """y = e^(-x^2), declared as ``axon/activations/bell.py`` would."""

    @primitive(result=axon.backend.floating, over=(0,), flops=3, bounds=between(0.0, 1.0))
    def bell(out: Any, x: Any, *, xp: Any) -> None:
        """e^(-x^2)."""
        xp.multiply(x, x, out=out)
        xp.negative(out, out=out)
        xp.exp(out, out=out)

    bell.__module__ = "axon.activations.bell"
    bell.gradient(lambda g, y, x: g * y * x * -2.0)
    ACTIVATIONS["bell"] = bell
    yield bell
    del ACTIVATIONS["bell"], PRIMITIVES["bell"]


def network(last: str = "bell", loss: str = "binary_crossentropy", **options: Any) -> Sequential:
    axon.set_random_seed(0)
    model = Sequential([Dense(4, 8, "bell"), Dense(8, 2, last)])
    model.compile(loss, "adam", **options)
    return model


# ------------------------------------------------------------------------------------ itself


def test_it_keeps_the_contract_of_primitives(bell: Any) -> None:
    check_primitive(bell, RANDOM.normal(size=(3, 4)), reference=lambda x: np.exp(-x * x))


def test_it_is_derived_for_other_devices(bell: Any) -> None:
    formula = formula_of(bell, [X], {})
    assert str(formula) == "%0 = multiply(x, x)\n%1 = negative(%0)\n%2 = exp(%1)"
    assert formula.by_number
    assert_same_bits(evaluate(formula, [X]), [bell(X)])


def test_what_is_true_of_all_that_works_number_by_number_is_true_of_it(bell: Any) -> None:
    assert bell.facts.alone
    assert bell.facts.places
    large = np.zeros((4096, 1024), np.float32)
    cut = cut_of(bell, [large, large], {})
    assert cut is not None
    assert cut.pieces == 8


# ------------------------------------------------------------------------------------ layers


def test_layers_find_it_by_name_and_say_it(bell: Any) -> None:
    assert activations.get("bell") is bell
    assert activations.name_of(bell) == "bell"
    layer = Dense(3, 2, "bell")
    assert repr(layer) == "Dense(3, 2, bell)"
    np.testing.assert_array_equal(Activation("bell")(X), bell(X))
    with pytest.raises(ValueError, match="Did you mean 'bell'"):
        Dense(3, 2, "bel")


def test_the_mask_of_a_sequence_goes_through_it() -> None:
    steps = Embedding(5, 3, mask_zero=True)(Tensor(np.array([[1, 0]])))
    made = Activation("bell")(steps)
    np.testing.assert_array_equal(made.mask.data, [[True, False]])


# ------------------------------------------------------------------------------------ models


def test_a_model_with_it_is_saved_and_loaded(tmp_path: Path) -> None:
    model = network()
    model.fit(X, Y, epochs=1, verbose=0)
    model.save(tmp_path / "m.axon")
    loaded = axon.load_model(tmp_path / "m.axon")
    assert loaded.layers[0].activation is ACTIVATIONS["bell"]
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


def test_what_is_shown_of_a_model_names_it(bell: Any) -> None:
    model = Sequential([Dense(4, 8, "bell"), Activation("bell")])
    model.summary(print_fn=lambda text: None)
    assert repr(model).count("bell") == 2
    step = Step("predict", lambda x: [model(x)], ["x"])
    step.run(step.inputs((X.shape, X.dtype)))
    assert str(step.latest).count("bell(") == 2


@pytest.mark.parametrize("kernels", ["numpy", "fast"])
def test_it_trains_with_both_kinds_of_kernels(kernels: str) -> None:
    if kernels == "fast":
        pytest.importorskip("numba")
    before = axon.get_kernels()
    try:
        axon.set_kernels(kernels)
        losses = network().fit(X, Y, epochs=5, batch_size=16, verbose=0).history["loss"]
    finally:
        axon.set_kernels(before)
    assert losses[-1] < losses[0]


def test_the_bits_do_not_depend_on_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(axon.pieces, "WORTH", -1e9)  # so that all is cut
    found, before = [], axon.get_threads()
    try:
        for number in (1, 2):
            axon.set_threads(number)
            model = network()
            model.fit(X, Y, epochs=2, batch_size=16, verbose=0)
            found.append(model.predict(X))
    finally:
        axon.set_threads(before)
    assert_same_bits(found[:1], found[1:])


# ------------------------------------------------------------------------------------ losses


def test_losses_know_between_which_numbers_it_lies(bell: Any) -> None:
    found = bounds(bell(Tensor(X, requires_grad=True) @ Tensor(Y[:4], requires_grad=True)))
    assert (found.low, found.high, found.exact, found.by) == (0.0, 1.0, True, "bell")
    network().fit(X, Y, epochs=1, verbose=0)  # probabilities, as this loss expects
    with pytest.raises(ValueError, match="from_logits=True, but the model ends with 'bell'"):
        network(loss=axon.losses.BinaryCrossEntropy(from_logits=True)).fit(X, Y, verbose=0)
    with pytest.raises(ValueError, match="got those of bell, each for itself"):
        network(loss="categorical_crossentropy").fit(X, np.eye(2)[[0, 1] * 24], verbose=0)
    with pytest.raises(ValueError, match="expected numbers of either sign, got those of bell"):
        network(loss="hinge").fit(X, Y * 2 - 1, verbose=0)


# ------------------------------------------------------------------------------------ instruments


def test_the_profile_knows_what_it_costs() -> None:
    lines = network().profile(X, Y, batch_size=16, repeats=1).lines
    found = next(line for line in lines if line.name == "bell")
    assert found.flops == 3 * 16 * 8


# ------------------------------------------------------------------------------------ outside


def test_export_asks_for_a_rule_and_takes_one() -> None:
    pytest.importorskip("onnx")
    model = Sequential([Dense(4, 8, "bell")])
    with pytest.raises(axon.onnx.UnsupportedError, match="not known in ONNX: bell in layer"):
        axon.onnx.export(model)

    def rule(graph: Any, x: Any) -> Any:
        return graph.op("Exp", graph.op("Neg", graph.op("Mul", x, x)))

    made = axon.onnx.export(model, custom={"bell": rule})
    assert [node.op_type for node in made.graph.node] == ["Gemm", "Mul", "Neg", "Exp"]


def test_estimators_of_scikit_learn_take_it() -> None:
    pytest.importorskip("sklearn")
    from axon.sklearn import AxonClassifier

    estimator = AxonClassifier(
        hidden_layer_sizes=(4,), activation="bell", max_iter=2, n_iter_no_change=np.inf
    )
    estimator.fit(X, Y[:, 0].astype(int))
    assert estimator.predict(X).shape == (48,)
    assert estimator.model_.layers[0].activation is ACTIVATIONS["bell"]


def test_a_drawing_of_what_layers_make_shows_it() -> None:
    pytest.importorskip("matplotlib")
    model = Sequential([Dense(4, 3), Activation("bell")])
    model.build((4,))
    figure = axon.plot.activations(model, X[0])
    assert any("activation" in part.get_suptitle() for part in figure.subfigs)
