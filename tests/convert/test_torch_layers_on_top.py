"""Several recurrent layers in one, and cells, from PyTorch."""

import numpy as np
import pytest

from axon.layers import GRU, LSTM, RNN, Dense, Embedding, GRUCell, LSTMCell, SimpleRNN
from axon.models import Sequential

torch = pytest.importorskip("torch")
save_file = pytest.importorskip("safetensors.torch").save_file

IDS = np.random.default_rng(0).integers(0, 9, (3, 6))


class Reads(torch.nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.words = torch.nn.Embedding(9, 4)
        self.read = kind(4, 5, num_layers=3, batch_first=True)
        self.head = torch.nn.Linear(5, 2)

    def forward(self, x):
        return self.head(self.read(self.words(x))[0])


@pytest.mark.parametrize("make", [SimpleRNN, LSTM, GRU])
def test_several_layers(make, tmp_path):
    kinds = {SimpleRNN: torch.nn.RNN, LSTM: torch.nn.LSTM, GRU: torch.nn.GRU}
    theirs = Reads(kinds[make])
    save_file(theirs.state_dict(), tmp_path / "net.safetensors")
    layer = make(5, num_layers=3, return_sequences=True)
    model = Sequential([Embedding(9, 4), layer, Dense(2)])
    model.build((6,))
    model.load_weights(tmp_path / "net.safetensors")
    wanted = theirs(torch.tensor(IDS)).detach().numpy()
    np.testing.assert_allclose(model.predict(IDS), wanted, rtol=1e-4, atol=1e-6)


def test_cells(tmp_path):
    theirs = torch.nn.ModuleList([torch.nn.LSTMCell(4, 5), torch.nn.GRUCell(5, 3)])
    save_file(theirs.state_dict(), tmp_path / "net.safetensors")
    model = Sequential([RNN([LSTMCell(5), GRUCell(3)])])
    x = np.random.default_rng(1).normal(size=(2, 4, 4)).astype("f4")
    model.build(x.shape[1:])
    model.load_weights(tmp_path / "net.safetensors")
    h, c, last = torch.zeros(2, 5), torch.zeros(2, 5), torch.zeros(2, 3)
    for t in range(4):
        h, c = theirs[0](torch.tensor(x[:, t]), (h, c))
        last = theirs[1](h, last)
    np.testing.assert_allclose(model.predict(x), last.detach(), rtol=1e-4, atol=1e-6)
