"""docs/names.md: what Keras and PyTorch call it, and what it is here."""

import re

from tests.contracts import peers

TEXT = peers.PAGE.read_text(encoding="utf-8")
LEAST = {  # shares of a peer's names; what is missing stands there with a reason
    **{"keras.layers": 95, "keras.losses": 95, "keras.metrics": 90, "keras.optimizers": 94},
    **{"keras.optimizers.schedules": 100, "keras.callbacks": 85, "keras.activations": 90},
    **{"keras.initializers": 85, "keras.regularizers": 75, "keras.constraints": 75},
    **{"keras.ops": 85, "torch.nn": 94, "torch.optim": 100, "torch.optim.lr_scheduler": 87},
}


def test_every_answer_is_there() -> None:
    answers = peers.answers_in(TEXT)
    assert len(answers) > 150
    assert not [answer for answer in answers if not peers.there(answer)]


def test_names_that_are_the_same_are_there() -> None:
    rooms = {peer.module: peer.rooms for peer in (*peers.KERAS, *peers.TORCH)}
    sections = re.findall(r"^## (\S+): .*?\n\nCalled the same: (.*?)\.\n", TEXT, re.M | re.S)
    assert len(sections) > 10
    for module, names in sections:
        for name in re.findall(r"`(\w+)`", names):
            assert any(peers.has(room, name) for room in rooms[module]), f"{module}: {name}"


def test_how_much_there_is() -> None:
    shares = dict(re.findall(r"^## (\S+): (\d+)%$", TEXT, re.M))
    assert shares.keys() == LEAST.keys()
    assert all(int(shares[room]) >= least for room, least in LEAST.items()), shares
