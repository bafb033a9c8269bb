"""Why a row is predicted as it is: contributions of columns, against Shapley values by the book."""

import numpy as np

from axon.tabular import Columns, Encoder, read
from axon.tabular.table import Table


def mixed_table(n: int, seed: int = 0) -> Table:
    """A table of every sort of column, with gaps, one constant and one copied column."""
    random = np.random.default_rng(seed)
    size, words = random.normal(size=n), [f"w{i}" for i in range(70)]
    size[:3] = np.nan
    days = np.datetime64("2024-01-01") + random.integers(0, 700, n)
    return read(
        {
            "size": size,
            "kind": random.choice(["a", "b", None], n),
            "constant": np.ones(n),
            "seen": days,
            "large": random.choice(words, n),
            "colour": random.choice(["red", "green", "blue"], n),
            "copy": size.copy(),
            "weight": random.exponential(size=n),
        }
    )


def test_every_input_of_the_network_has_a_column_that_it_comes_from() -> None:
    table = mixed_table(200)
    columns = Columns.find(table)
    values = columns.values(table)
    encoder = Encoder.fit(values, bins=8)
    own = np.concatenate(columns.owners())[encoder.sources()]  # used column of each input
    assert len(own) == encoder.width
    assert [c.name for c in columns.used] == ["size", "kind", "seen", "large", "colour", "weight"]
    plain, order = encoder.transform(values), np.random.default_rng(1).permutation(200)
    for i, column in enumerate(columns.used):
        at = table.names.index(column.name)
        moved = table._replace(columns=[*table.columns])
        moved.columns[at] = table.columns[at][order]
        changed = encoder.transform(columns.values(moved))
        differs = (changed.x != plain.x).any(axis=0)
        assert differs.any()
        assert (own[differs] == i).all()
