"""Rules for rows with mean 0 and deviation 1."""

from axon.fast.rules.calls import At, Call, Site, Work, flat, lowers
from axon.fast.rules.elementwise import FIXED
from axon.fast.rules.reduce import by_rows
from axon.program.trace import Instruction


@lowers("standardize", "row_scale")
def standardize(site: Site, instruction: Instruction) -> Work | None:
    """x, epsilon, and whether the mean is subtracted."""
    (x,), out, meta = instruction.inputs, instruction.out, instruction.meta
    if not flat(x) or not x.size:
        return None
    n = x.shape[-1]
    rows, k, batched = by_rows(site, x, x.size // n)
    centered, epsilon = meta.get("centered", True), meta["epsilon"]
    sizes = {"lines": k, "n": n, "centered": centered, "epsilon": epsilon}
    places = {"out": At(out, out.data.nbytes // rows), "x": At(x, k * n * 4)}
    call = Call(instruction.primitive.name, **sizes, **places)
    return Work((call,), rows, FIXED + 0.5 * x.size, batched)


@lowers("standardize_gradient")
def standardize_gradient(site: Site, instruction: Instruction) -> Work | None:
    """g, y = standardize(x), and its factor for each line."""
    (g, y, s), out, meta = instruction.inputs, instruction.out, instruction.meta
    if not flat(g, y, s) or not g.size:
        return None
    n = g.shape[-1]
    rows, k, batched = by_rows(site, g, g.size // n)
    sizes = {"lines": k, "n": n, "centered": meta.get("centered", True)}
    places = {name: At(t, k * n * 4) for name, t in (("out", out), ("g", g), ("y", y))}
    call = Call("standardize_gradient", **sizes, **places, s=At(s, k * 4))
    return Work((call,), rows, FIXED + 0.6 * g.size, batched)
