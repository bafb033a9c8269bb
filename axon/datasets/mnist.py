"""MNIST: 70,000 handwritten digits, 28 x 28 grey pixels each."""

from axon.datasets.dataset import Dataset, files_like_mnist
from axon.datasets.fetch import load_dataset
from axon.datasets.split import Split

DATASET = Dataset(
    name="mnist",
    title="MNIST",
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    files=files_like_mnist(
        "sha256:ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "sha256:65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "sha256:0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "sha256:ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)


def load_data() -> Split:
    """Load MNIST: ``(x_train, y_train), (x_test, y_test)``, all uint8.

    The files are looked for in ``$AXON_DATA_DIR/mnist/``, in ``$XDG_CACHE_HOME/axon/mnist/`` (or
    ``~/.cache/axon/mnist/``), and then downloaded there, 11 MB, with a progress bar; that takes
    the extra ``data``. Compressed and uncompressed files will do: what is verified,
    at every load, is the SHA-256 of the decompressed data. ``AXON_OFFLINE=1`` forbids downloads.

    Returns:
        Images (60000, 28, 28) with their labels 0..9 (60000,), and 10,000 more to test on;
        0 is the background and 255 is full ink.

    Raises:
        DatasetUnavailable: no good copy of a file was found; the message lists every place.
        ImportError: a download is needed, and pooch or tqdm is not installed.

    Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to
    document recognition", Proceedings of the IEEE 86(11), 1998.

    >>> from axon.datasets import mnist
    >>> (x_train, y_train), (x_test, y_test) = mnist.load_data()  # doctest: +SKIP
    >>> x_train.shape, x_train.dtype  # doctest: +SKIP
    ((60000, 28, 28), dtype('uint8'))
    """
    return load_dataset(DATASET)
