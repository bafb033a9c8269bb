"""Fashion-MNIST: 70,000 pictures of clothing in MNIST's format, and harder than MNIST."""

from axon.datasets.dataset import Dataset, files_like_mnist
from axon.datasets.fetch import load_dataset
from axon.datasets.split import Split

CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

DATASET = Dataset(
    name="fashion_mnist",
    title="Fashion-MNIST",
    mirrors=(
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
        # Plain http comes last: proxies have been seen to answer it with MNIST's files of the
        # same names (https://github.com/zalandoresearch/fashion-mnist/issues/107).
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    files=files_like_mnist(
        "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "md5:25c81989df183df01b3e8a0aad5dffbe",
        "md5:bef4ecab320f06d8554ea6380940ec79",
        "md5:bb300cfdad3c16e7a12a480ee83cd310",
        of_gz=True,
    ),
)


def load_data() -> Split:
    """Load Fashion-MNIST: ``(x_train, y_train), (x_test, y_test)``, all uint8.

    The files are looked for in ``$AXON_DATA_DIR/fashion_mnist/``, in
    ``$XDG_CACHE_HOME/axon/fashion_mnist/`` (or ``~/.cache/axon/fashion_mnist/``), and then
    downloaded there, 31 MB, with a progress bar; that takes the extra ``data``. Only
    the .gz files as published will do: the only checksums the authors published are the MD5 of
    those, and they are verified at every load. ``AXON_OFFLINE=1`` forbids downloads.

    Returns:
        Images (60000, 28, 28) with their labels 0..9 (60000,), and 10,000 more to test on;
        ``CLASS_NAMES[label]`` says what a picture shows.

    Raises:
        DatasetUnavailable: no good copy of a file was found; the message lists every place.
        ImportError: a download is needed, and pooch or tqdm is not installed.

    Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking
    machine learning algorithms", arXiv:1708.07747, 2017.

    >>> from axon.datasets import fashion_mnist
    >>> (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data()  # doctest: +SKIP
    >>> fashion_mnist.CLASS_NAMES[9]
    'Ankle boot'
    """
    return load_dataset(DATASET)
