"""LiveChart: what it shows, and how seldom."""

from typing import Any

import numpy as np
import pytest

import axon
from axon.callbacks import LiveChart
from axon.callbacks.output import NotebookOutput
from axon.layers import Dense

X = np.linspace(-1, 1, 32, dtype="f4")[:, None]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What a notebook would be shown, one after the other."""
    kept: list[tuple[str, str]] = []
    monkeypatch.setattr(NotebookOutput, "show", lambda self, html, text: kept.append((html, text)))
    return kept


def fit(*callbacks: Any, **options: Any) -> Any:
    model = axon.Sequential([Dense(1)])
    model.compile("mse", "sgd", metrics=["mae"])
    return model.fit(X, X, verbose=0, callbacks=callbacks, **options)


def test_it_draws_seldom_but_at_the_beginning_and_at_the_end(shown: Any) -> None:
    fit(LiveChart(every=1e9), epochs=40)
    assert len(shown) == 2
    assert "Epoch 1 of 40" in shown[0][0]
    assert "40 of 40 epochs" in shown[1][0]
    assert "width: 100.0%" in shown[1][0]


def test_it_draws_each_time_if_there_is_time(shown: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("axon.callbacks.live_chart.SPARE", 0.0)
    fit(LiveChart(every=0), epochs=2, batch_size=8)
    heads = [text.split(" - ")[0] for _, text in shown]
    assert heads.count("Epoch 1 of 2") > 2
    assert heads[-1] == "2 of 2 epochs"
    assert any("step 3/4" in text for _, text in shown)
    assert any("width: 25.0%" in html or "width: 37.5%" in html for html, _ in shown)


def test_only_what_was_asked_for_is_drawn(shown: Any) -> None:
    fit(LiveChart(["mae"], every=1e9), epochs=2)
    assert shown[-1][0].count('<figure class="chart">') == 1
    assert "<b>mae</b>" in shown[-1][0]


def test_an_only_epoch_shows_its_way(shown: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("axon.callbacks.live_chart.SPARE", 0.0)
    fit(LiveChart(every=0), epochs=1, batch_size=8)
    assert shown[-1][0].count('class="h"') > 4  # places between 0 and 1, too


def test_a_run_that_goes_on_shows_what_was_before(shown: Any, tmp_path: Any) -> None:
    fit(LiveChart(every=1e9), epochs=2, resume=tmp_path / "run")
    fit(LiveChart(every=1e9), epochs=4, resume=tmp_path / "run")
    assert "epoch 1 · training" in shown[-1][0]
    assert "epoch 4 · training" in shown[-1][0]


def test_outside_of_a_notebook_nothing_is_shown(capsys: Any) -> None:
    assert fit(LiveChart(), epochs=2).epoch == [0, 1]
    assert capsys.readouterr().out == ""


def test_every_is_checked() -> None:
    with pytest.raises(ValueError, match="every must be 0 or more seconds, got -1"):
        LiveChart(every=-1)
