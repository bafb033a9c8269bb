"""The examples that the gallery shows, in its order."""

from typing import NamedTuple


class Example(NamedTuple):
    """A program in examples/, its title, what its picture shows, and how well it does."""

    path: str
    title: str
    shows: str
    result: str = ""

    @property
    def page(self) -> str:
        """The name of its page."""
        return self.path.removesuffix(".py").replace("/", "-")


CHAPTERS = {
    "Begin": [
        Example(
            "breast_cancer_classification/one_neuron.py",
            "One neuron, by hand",
            "How sure the neuron is of benign and malignant samples of the test set",
            "97.4 %",
        ),
        Example(
            "breast_cancer_classification/sequential.py",
            "One neuron, Sequential",
            "How sure the model is of benign and malignant samples of the test set",
            "98.2 %",
        ),
        Example(
            "by_hand/backprop.py",
            "Backpropagation by hand",
            "A network of two layers, its weights drawn as lines",
        ),
        Example(
            "regression/tumour_size.py",
            "Regression",
            "Predicted over measured radius: points near a line",
            "R² 0.93",
        ),
    ],
    "Images": [
        Example(
            "mnist/sgd.py",
            "MNIST with SGD",
            "What 28 neurons of the first layer look for: blue and red spots",
            "97.7 %",
        ),
        Example(
            "mnist/adam.py",
            "MNIST with Adam",
            "Ten digits that the network takes for others",
            "97.9 %",
        ),
        Example(
            "mnist/cnn.py",
            "MNIST by convolution",
            "A digit, and what the first two convolutions make of it",
            "99.5 %",
        ),
        Example(
            "mnist/one_epoch.py",
            "One epoch of MNIST",
            "Ten digits that the network takes for others",
            "99.2 %",
        ),
        Example(
            "mnist/rows.py",
            "MNIST row by row",
            "A digit, and how likely each class is after each of its rows",
            "99.0 %",
        ),
        Example(
            "mnist/patches.py",
            "Attention over patches",
            "Four digits, and how much attention each patch of them gets",
            "98.2 %",
        ),
        Example(
            "branching/residual.py",
            "A residual network",
            "Loss and accuracy over the epochs",
            "99.2 %",
        ),
        Example(
            "branching/two_inputs.py",
            "Two inputs",
            "Pairs of digits, and how likely they are the same",
            "96.1 %",
        ),
        Example(
            "unet.py",
            "A U-Net",
            "Noisy images of discs and squares, and the discs that were found in them",
        ),
        Example(
            "transfer.py",
            "Transfer",
            "Accuracy by transfer and without: two bars",
        ),
        Example(
            "multi_output.py",
            "Several outputs",
            "Predicted over measured ink: points near a line",
        ),
    ],
    "Images of its own": [
        Example(
            "mnist/autoencoder.py",
            "An autoencoder",
            "Digits, and below them what 32 numbers kept of them",
            "mse 0.007",
        ),
        Example(
            "vae.py",
            "A variational autoencoder",
            "32 digits that nobody has written",
        ),
    ],
    "Text": [
        Example(
            "text/classification.py",
            "Texts of a CSV file",
            "How likely praise is if a text has one word alone, for 18 words",
            "91 %",
        ),
        Example(
            "text/characters.py",
            "A language model",
            "Text that the model has written; characters that it was unsure of stand out",
        ),
        Example(
            "gpt.py",
            "A small GPT",
            "How much each character looks at those before it, in two heads",
        ),
        Example(
            "seq2seq.py",
            "A translator with attention",
            "Which letters of a date the translator looks at for each digit",
            "99.8 %",
        ),
    ],
    "Further": [
        Example(
            "gradient_penalty.py",
            "A gradient penalty",
            "Two clouds of points, and the height that the critic gives to places",
        ),
        Example(
            "machines/ranks.py",
            "Several processes",
            "Eight shards, shared out among one, two, four and eight processes",
            "96.4 %",
        ),
    ],
}
EXAMPLES = [example for examples in CHAPTERS.values() for example in examples]
