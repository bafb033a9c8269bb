"""Draw the pictures of the gallery: ``python docs/_site/gallery_pictures.py [NAME ...]``.

Each example is run as it is, and drawn from what its ``main`` had in its hands when it returned,
once for light pages and once for dark ones. Needs the extras `plot` and `images`, and for some
examples a copy of MNIST. The tests of the examples draw, too, from what they have trained.
"""

import ast
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from tempfile import gettempdir
from types import ModuleType
from typing import Any

import matplotlib as mpl

mpl.use("agg")
import matplotlib.pyplot as plt
import numpy as np
from listed import EXAMPLES, Example
from matplotlib.figure import Figure
from PIL import Image

from axon import plot

ROOT = Path(__file__).parents[2]
OUT = ROOT / "docs" / "gallery" / "pictures"
SIZE, FINE = (4.8, 3.0), 125  # inches, and pixels of one
BLUE, ORANGE = "#3b82e0", "#e07b25"  # at least 3 to 1 on white and on the dark ground
SCHEMES = {"": ("#22272e", "gray_r"), "-dark": ("#cfd3d8", "gray")}  # text, and colours of digits
Names = dict[str, Any]  # what a function had when it returned

# ------------------------------------------------------------------------------------ charts


def chart(ylabel: str = "", xlabel: str = "") -> tuple[Figure, Any]:
    """An empty chart."""
    figure, axes = plt.subplots(figsize=SIZE, layout="constrained")
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def rows(*lines: np.ndarray, names: tuple[str, ...] = ()) -> Figure:
    """Images (n, height, width) in rows, one below another."""
    figure, grid = plt.subplots(len(lines), len(lines[0]), figsize=SIZE, layout="constrained")
    for j, (line, axes_of_line) in enumerate(zip(lines, np.atleast_2d(grid), strict=True)):
        for image, axes in zip(line, axes_of_line, strict=True):
            picture(axes, image)
        if names:
            axes_of_line[0].set_ylabel(names[j])
    return figure


def picture(axes: Any, image: np.ndarray, **options: Any) -> None:
    """An image without numbers at its sides."""
    axes.imshow(np.squeeze(image), **options)
    axes.set(xticks=[], yticks=[])


def sure(p: np.ndarray, truth: np.ndarray, names: tuple[str, str]) -> Figure:
    """How sure a network of one output is, for samples of either class."""
    figure, axes = chart("samples of the test set", "probability of " + names[1])
    parts = [np.ravel(p)[np.ravel(truth) == label] for label in (0, 1)]
    axes.hist(parts, bins=20, stacked=True, color=[BLUE, ORANGE], label=names)
    axes.legend(frameon=False)
    return figure


def history(model: Any, *names: str) -> Figure:
    """Curves over epochs."""
    figure, axes = chart(xlabel="epoch")
    for name, colour in zip(names, (BLUE, ORANGE), strict=False):
        values = model.history.history[name]
        axes.plot(range(1, len(values) + 1), values, color=colour, label=name.replace("_", " "))
    axes.legend(frameon=False)
    return figure


def against(truth: np.ndarray, found: np.ndarray, what: str) -> Figure:
    """What was predicted over what is so."""
    figure, axes = chart(f"{what}, predicted", f"{what}, measured")
    ends = [truth.min(), truth.max()]
    axes.plot(ends, ends, color="#888", linewidth=1)
    axes.scatter(truth, found, s=12, color=BLUE)
    return figure


def table(axes: Any, values: np.ndarray, across: str, down: str) -> None:
    """Shares (rows, columns) as a heat map with a letter at each row and column."""
    axes.imshow(values, cmap="viridis", aspect="auto")
    axes.set_xticks(range(len(across)), list(across))
    axes.set_yticks(range(len(down)), list(down))
    axes.tick_params(length=0, labelsize=8)


# ------------------------------------------------------------------------------------ images


def mistakes(at: Names) -> Figure:
    """The surest mistakes on the test set."""
    x, y, model = at["x_test"], at["y_test"], at["model"]
    p = model.predict(x)
    wrong = np.flatnonzero(p.argmax(axis=1) != y)
    worst = wrong[np.argsort(-p[wrong].max(axis=1))][:10]
    figure, grid = plt.subplots(2, 5, figsize=SIZE, layout="constrained")
    for i, axes in zip(worst, grid.flat, strict=False):
        picture(axes, x[i])
        axes.set_title(f"{p[i].argmax()}, not {y[i]}", fontsize=9)
    return figure


def neurons(at: Names) -> Figure:
    """What the neurons of the first layer look for: those of the largest weights."""
    weights = at["model"].layers[0].weights.numpy().T
    largest = np.argsort(-np.linalg.norm(weights, axis=1))[:28]
    figure, grid = plt.subplots(4, 7, figsize=SIZE, layout="constrained")
    for i, axes in zip(largest, grid.flat, strict=True):
        limit = np.abs(weights[i]).max()
        picture(
            axes,
            weights[i].reshape(28, 28),
            cmap="RdBu_r",
            vmin=-limit,
            vmax=limit,
            interpolation="bicubic",
        )
    return figure


def maps(at: Names) -> Figure:
    """A digit, and some channels behind the first two convolutions."""
    x = at["x_test"][:1]
    made = [x]
    for layer in at["model"].layers:
        x = layer.forward(x)
        if "relu" in repr(layer):
            made.append(x)
    figure, grid = plt.subplots(2, 6, figsize=SIZE, layout="constrained")
    for line, values in zip(grid, made[1:3], strict=True):
        channels = np.argsort(-values[0].std(axis=(0, 1)))[:5]
        picture(line[0], made[0])
        for axes, channel in zip(line[1:], channels, strict=True):
            picture(axes, values[0, ..., channel], cmap="viridis")
    return figure


def row_by_row(at: Names) -> Figure:
    """How likely each class is, after each row of a digit."""
    from axon.models import Sequential

    scale, lstm, head = at["model"].layers
    x = at["x_test"][:1]
    steps = [Sequential([scale, lstm, head]).predict(x[:, : n + 1]) for n in range(28)]
    figure, (left, right) = plt.subplots(1, 2, figsize=SIZE, layout="constrained")
    picture(left, x)
    table(right, np.concatenate(steps), "0123456789", " " * 28)
    right.set(yticks=[], ylabel="rows that were read", xlabel="class")
    right.yaxis.set_inverted(True)
    return figure


def watched(at: Names) -> Figure:
    """How much attention each patch gets in the last block."""
    layers = at["model"].layers
    last = max(i for i, layer in enumerate(layers) if hasattr(layer, "attention"))
    figure, grid = plt.subplots(2, 4, figsize=SIZE, layout="constrained")
    for j in range(4):
        x = seen = at["x_test"][j : j + 1]
        for layer in layers[:last]:
            seen = layer.forward(seen)
        _, shares = attention(layers[last], seen)
        picture(grid[0, j], x)
        picture(grid[1, j], shares[0].mean(axis=(0, 1)).reshape(7, 7), cmap="viridis")
    return figure


def attention(block: Any, x: np.ndarray) -> tuple[Any, np.ndarray]:
    """What a block's attention gives, and how much each step looks at each other one."""
    return block.attention.forward(
        block.attention_norm.forward(x),
        use_causal_mask=block.causal,
        return_attention_scores=True,
    )


def pairs(at: Names) -> Figure:
    """Pairs of digits, and how likely they are the same."""
    left, right = (part[:6] for part in at["test_pictures"])
    p = at["model"].predict((left, right))[:, 0]
    figure = rows(left, right)
    for axes, value in zip(figure.axes[:6], p, strict=True):
        axes.set_title(f"{value:.0%}", fontsize=10)
    return figure


def discs(at: Names) -> Figure:
    """Images, and which pixels were found to belong to discs."""
    x = at["x_test"][:6]
    return rows(x, at["model"].predict(x), names=("seen", "found"))


def kept(at: Names) -> Figure:
    """Digits, and what came back."""
    x = at["x_test"][at["chosen"][:6]]
    back = at["decoder"].predict(at["encoder"].predict(x))
    return rows(x, back, names=("test image", "came back"))


def drawn_digits(at: Names) -> Figure:
    """Digits that nobody has written."""
    points = np.random.default_rng(2).normal(size=(32, at["size"]))
    return rows(*at["decoder"].predict(points).reshape(4, 8, 8, 8))


# ------------------------------------------------------------------------------------ text


def words(at: Names) -> Figure:
    """How likely praise is if a text is one word alone."""
    all_words = [*at["PRAISE"], *at["BLAME"]]
    praise = at["classes"].get_vocabulary().index("praise")
    p = at["model"].predict(all_words)[:, praise]
    order = np.argsort(p)
    figure, axes = chart(xlabel="probability of praise")
    colours = np.where(p[order] > 0.5, BLUE, ORANGE)
    axes.barh([all_words[i] for i in order], p[order] - 0.5, left=0.5, color=colours)
    axes.tick_params(axis="y", labelsize=7, length=0)
    return figure


def writing(at: Names) -> Figure:
    """Text that was written, and how unsure the model was of each character."""
    model, alphabet, text = at["model"], at["alphabet"], at["text"]
    length = min(64, len(text) // 2)
    said = at["sample"](model, alphabet, text[:length], 190, 0.6)
    codes = np.array([[alphabet.index(c) for c in said]])
    p = model.predict(codes[:, :-1])[0][np.arange(len(said) - 1), codes[0, 1:]]
    figure = Figure(figsize=SIZE)
    for k, (letter, share) in enumerate(zip(said[length:], p[length - 1 :], strict=True)):
        row, column = divmod(k, 32)
        colour = ORANGE if share < 0.3 else BLUE if share < 0.7 else mpl.rcParams["text.color"]
        place = 0.03 + column * 0.03, 0.86 - row * 0.15
        figure.text(*place, letter.replace("\n", "⏎"), family="monospace", size=14, color=colour)
    return figure


def looking_back(at: Names) -> Figure:
    """How much each character of a stretch looks at those before it, in two heads."""
    codes = at["codes"][None, : min(24, at["length"])]
    seen, letters = codes, [at["vocabulary"].known[i][:1].replace("\n", "⏎") for i in codes[0]]
    for block in at["model"].layers:
        if hasattr(block, "attention"):
            break
        seen = block.forward(seen)
    _, shares = attention(block, seen)
    figure, grid = plt.subplots(1, 2, figsize=SIZE, layout="constrained")
    sharpest = np.argsort(-shares[0].max(axis=-1).mean(axis=-1))[:2]
    for axes, head in zip(grid, sharpest, strict=True):
        table(axes, shares[0, head], "".join(letters), "".join(letters))
        axes.tick_params(labelsize=6)
        axes.set_title(f"head {head + 1}", fontsize=9)
    return figure


def aligned(at: Names) -> Figure:
    """Which letters of a date are looked at for each character that is written."""
    model, letters, signs = at["model"], at["READ"], at["WRITTEN"]
    i = int(np.argmax((at["new"] > 0).sum(axis=1)))
    x, said = at["new"][i : i + 1], at["written"][i]
    y = np.concatenate([[signs.index("<")], said[:-1]])[None]
    read, h, c = model.encoder.forward(model.letters.forward(x))
    wrote = model.decoder.forward(model.digits.forward(y), initial_state=[h, c])
    _, shares = model.attention.forward(
        [wrote, read], mask=[None, x > 0], return_attention_scores=True
    )
    text = "".join(letters[k - 1] for k in x[0] if k)
    figure, axes = chart()
    table(axes, shares[0][:, : len(text)], text, "".join(signs[k] for k in said))
    return figure


# ------------------------------------------------------------------------------------ further


def slope(at: Names) -> Figure:
    """Two clouds, and what the critic says of places."""
    figure, axes = chart()
    a, b = at["a"][:250], at["b"][:250]
    u, v = np.meshgrid(np.linspace(-3, 6, 60), np.linspace(-3, 7, 60))
    height = at["critic"].predict(np.stack([u, v], axis=-1).reshape(-1, 2)).reshape(60, 60)
    axes.contour(u, v, height, 14, cmap="viridis")
    axes.scatter(*a.T, s=4, color=BLUE)
    axes.scatter(*b.T, s=4, color=ORANGE)
    return figure


def two_bars(at: Names) -> Figure:
    """Accuracy by transfer and without."""
    figure, axes = chart("test accuracy")
    axes.bar(["by transfer", "without"], [at["transferred"], at["alone"]], color=[BLUE, ORANGE])
    axes.set_ylim(0, 1)
    return figure


def by_hand(at: Names) -> Figure:
    """The network whose gradients are written out."""
    import axon
    from axon.layers import Dense

    axon.set_random_seed(0)
    return plot.network(axon.Sequential([Dense(4, 5, "tanh"), Dense(5, 1, "sigmoid")]))


def shared_out(at: Names) -> Figure:
    """Which process does which of eight shards, and what comes of it."""
    figure, axes = chart()
    digest = at["digest"].hexdigest()[:8]
    for j, processes in enumerate((1, 2, 4, 8)):
        ranks = np.arange(8) * processes // 8
        colours = plt.get_cmap("viridis")(0.15 + 0.75 * ranks / 8)
        axes.barh([j] * 8, 0.92, left=np.arange(8), height=0.7, color=colours)
        axes.text(8.15, j, digest, va="center", family="monospace", fontsize=9)
    axes.set_yticks(range(4), ["1 process", "2 processes", "4", "8"])
    axes.set(xticks=[], xlabel="eight shards of a batch", xlim=(0, 10.2))
    axes.set_title("digest of the weights", loc="right", fontsize=9)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.yaxis.set_inverted(True)
    return figure


CANCER = ("benign", "malignant")
PICTURES: dict[str, Callable[[Names], Figure]] = {
    "breast_cancer_classification/one_neuron.py": lambda at: sure(
        at["neuron"].forward(at["x_test"]), at["y_test"], CANCER
    ),
    "breast_cancer_classification/sequential.py": lambda at: sure(
        at["model"].predict(at["x_test"]), at["y_test"], CANCER
    ),
    "by_hand/backprop.py": by_hand,
    "regression/tumour_size.py": lambda at: against(
        at["y_test"], at["model"].predict(at["x_test"]), "worst radius"
    ),
    "mnist/sgd.py": neurons,
    "mnist/adam.py": mistakes,
    "mnist/cnn.py": maps,
    "mnist/one_epoch.py": mistakes,
    "mnist/rows.py": row_by_row,
    "mnist/patches.py": watched,
    "branching/residual.py": lambda at: history(at["model"], "loss", "accuracy"),
    "branching/two_inputs.py": pairs,
    "unet.py": discs,
    "transfer.py": two_bars,
    "multi_output.py": lambda at: against(
        at["ink_test"], at["model"].predict(at["x_test"])["ink"], "ink"
    ),
    "mnist/autoencoder.py": kept,
    "vae.py": drawn_digits,
    "text/classification.py": words,
    "text/characters.py": writing,
    "gpt.py": looking_back,
    "seq2seq.py": aligned,
    "gradient_penalty.py": slope,
    "machines/ranks.py": shared_out,
}
# Enough for a picture, where all of the training takes minutes.
FEWER: dict[str, Names] = {
    "mnist/cnn.py": {"epochs": 1},
    "mnist/rows.py": {"epochs": 2},
    "mnist/patches.py": {"epochs": 2},
    "mnist/autoencoder.py": {"epochs": 5, "picture": str(Path(gettempdir(), "autoencoder.png"))},
    "text/characters.py": {"epochs": 5},
    "gpt.py": {"epochs": 2},
    "by_hand/backprop.py": {"steps": 2},
}

# ------------------------------------------------------------------------------------ to draw


class Keeping(ast.NodeTransformer):
    """Lets a function keep the names that it has when it returns."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Only ``main`` is changed, and not what is defined within it."""
        if node.name == "main":
            node.body = [self.visit(statement) for statement in node.body]
        return node

    def visit_Return(self, node: ast.Return) -> ast.AST:
        """``return x`` becomes ``return kept_names(locals(), x)``."""
        call = ast.parse("kept_names(locals(), None)", mode="eval").body
        assert isinstance(call, ast.Call)
        call.args[1] = node.value or call.args[1]
        return ast.fix_missing_locations(ast.copy_location(ast.Return(call), node))


def loaded(path: str) -> tuple[ModuleType, Names]:
    """An example as a module, and its names; when ``main`` returns its own come to them."""
    file = ROOT / "examples" / path
    tree = Keeping().visit(ast.parse(file.read_text(encoding="utf-8")))
    module = ModuleType("example")
    module.__file__ = str(file)
    names: Names = {}

    def kept_names(found: Names, result: object) -> object:
        names.update(vars(module), **found)
        return result

    vars(module)["kept_names"] = kept_names
    sys.modules["example"] = module  # classes of its own are looked up there
    exec(compile(tree, str(file), "exec"), vars(module))
    return module, names


def drawn(path: str, at: Names, scheme: str, fine: int = FINE) -> Image.Image:
    """The picture of an example, from the names that it had."""
    text, digits = SCHEMES[scheme]
    names = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    clear = dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), "none")
    look = dict.fromkeys(names, text) | clear
    with plt.rc_context({**look, "image.cmap": digits}):
        figure = PICTURES[path](at)
        figure.set_size_inches(*SIZE)
        stream = BytesIO()
        figure.savefig(stream, dpi=fine, format="png", transparent=True)
    plt.close("all")
    return Image.open(stream)


def draw(example: Example) -> None:
    """Run an example, and keep its pictures."""
    module, at = loaded(example.path)
    module.main(**FEWER.get(example.path, {}))
    for scheme in SCHEMES:
        made = drawn(example.path, at, scheme)
        made.save(OUT / f"{example.page}{scheme}.webp", quality=65, alpha_quality=70, method=6)


def main(*names: str) -> None:
    """Draw the pictures of these examples, or of all."""
    OUT.mkdir(parents=True, exist_ok=True)
    for example in EXAMPLES:
        if not names or example.page in names:
            draw(example)
            print(example.page, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
