"""Reading images from folders."""

import sys

import numpy as np
import pytest

from axon.datasets import image_folder, split_data
from axon.datasets.image_folder import read_image

Image = pytest.importorskip("PIL.Image")
rng = np.random.default_rng(0)


def write(path, size=(5, 4), color=(10, 20, 30), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (size[1], size[0]), color).save(path)


@pytest.fixture
def pets(tmp_path):
    for i in range(3):
        write(tmp_path / "dog" / f"{i}.png", color=(i, 2, 3))
    write(tmp_path / "cat" / "a.PNG", color=(9, 9, 9))
    (tmp_path / "cat" / "notes.txt").write_text("not an image")
    (tmp_path / "cat" / ".hidden.png").write_bytes(b"junk")
    (tmp_path / "readme.md").write_text("beside the classes")
    (tmp_path / ".git").mkdir()
    return tmp_path


def test_images_and_labels(pets):
    data = image_folder(pets)
    assert data.x.shape == (4, 5, 4, 3)
    assert data.x.dtype == np.uint8
    assert data.class_names == ("cat", "dog")
    assert data.y.tolist() == [0, 1, 1, 1]
    assert data.x[0].reshape(-1, 3).tolist() == [[9, 9, 9]] * 20
    assert data.x[2, 0, 0].tolist() == [1, 2, 3]
    assert [p.rsplit("/", 1)[-1] for p in data.paths] == ["a.PNG", "0.png", "1.png", "2.png"]
    (x, _), (x_test, _) = split_data(np.tile(data.x, (5, 1, 1, 1)), np.tile(data.y, 5))
    assert len(x) + len(x_test) == 20


def test_color_modes_classes_and_sizes(pets):
    gray = image_folder(pets, color_mode="grayscale")
    assert gray.x.shape == (4, 5, 4, 1)
    assert gray.x[0, 0, 0, 0] == 9
    assert image_folder(pets, color_mode="rgba").x[0, 0, 0].tolist() == [9, 9, 9, 255]
    assert image_folder(pets, (8, 2)).x.shape == (4, 8, 2, 3)
    only = image_folder(pets, class_names=["dog"])
    assert only.y.tolist() == [0, 0, 0]
    assert image_folder(pets, class_names=["dog", "cat"]).y.tolist() == [0, 0, 0, 1]


def test_a_photo_lies_as_its_camera_says(tmp_path):
    (tmp_path / "a").mkdir()
    picture = Image.new("RGB", (4, 2))
    exif = picture.getexif()
    exif[0x0112] = 6  # turned by a quarter
    picture.save(tmp_path / "a" / "x.jpg", exif=exif)
    assert image_folder(tmp_path).x.shape == (1, 4, 2, 3)


def test_what_cannot_be_read_is_named(pets):
    write(pets / "dog" / "wide.png", size=(5, 9))
    with pytest.raises(ValueError, match=r"wide.png: expected 5 x 4 pixels .* found 5 x 9. Pass"):
        image_folder(pets)
    assert image_folder(pets, (5, 4)).x.shape[0] == 5
    (pets / "dog" / "1.png").write_bytes((pets / "dog" / "1.png").read_bytes()[:40])
    with pytest.raises(ValueError, match=r"1.png: not a whole image"):
        image_folder(pets, (5, 4))
    with pytest.raises(FileNotFoundError, match="no folder for class 'bird'; found: cat, dog"):
        image_folder(pets, class_names=["cat", "bird"])
    with pytest.raises(FileNotFoundError, match="there is no directory"):
        image_folder(pets / "none")
    with pytest.raises(ValueError, match="expected rgb, grayscale, rgba, got 'gray'"):
        image_folder(pets, color_mode="gray")


def test_empty_folders(tmp_path):
    with pytest.raises(ValueError, match="one folder of images for each class, found none"):
        image_folder(tmp_path)
    (tmp_path / "cat").mkdir()
    with pytest.raises(ValueError, match=r"no images. Expected files such as"):
        image_folder(tmp_path)


def test_pillow_is_named_where_it_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"pip install pillow \(the extra 'images'\)"):
        image_folder(tmp_path)


def test_a_folder_without_images_is_no_class(pets):
    (pets / "__MACOSX").mkdir()
    (pets / "__MACOSX" / "._a.png").write_bytes(b"junk")
    assert image_folder(pets).class_names == ("cat", "dog")
    (pets / "bird" / "inside").mkdir(parents=True)
    write(pets / "bird" / "inside" / "a.png")
    words = r"bird: no images lie in this folder, so it is no class. .*class_names=\['cat', 'dog'\]"
    with pytest.raises(ValueError, match=words):
        image_folder(pets)
    with pytest.raises(ValueError, match="bird: no images lie in this folder"):
        image_folder(pets, class_names=["bird", "cat"])
    assert image_folder(pets, class_names=["dog", "cat"]).class_names == ("dog", "cat")


def saved(folder, values, name):
    Image.fromarray(np.asarray(values)).save(folder / name)
    return read_image(folder / name, color_mode="grayscale").tolist()


def test_images_of_more_than_8_bits(tmp_path):
    for name in ("a.png", "a.tif"):
        assert saved(tmp_path, np.array([[0, 256 * 210 + 255, 65535]], "u2"), name) == [
            [[0], [210], [255]]
        ]
    assert saved(tmp_path, np.array([[0, 210, 255]], "i4"), "b.tif") == [[[0], [210], [255]]]
    with pytest.raises(ValueError, match=r"c.tif: its pixels are numbers of 32 bits, from 0 to"):
        saved(tmp_path, np.array([[0, 256]], "i4"), "c.tif")
    with pytest.raises(ValueError, match=r"d.tif: its pixels are floats, from 0 to 0.85, "):
        saved(tmp_path, np.array([[0, 0.85]], "f4"), "d.tif")
    write(tmp_path / "pets" / "e.tif", color=210, mode="I")
    assert image_folder(tmp_path, class_names=["pets"]).x.max() == 210


def test_bytes_in_16_bits_are_not_black(tmp_path):
    with pytest.raises(
        ValueError, match=r"a.png: .*white is 65,535, but none of them is above 255"
    ):
        saved(tmp_path, np.array([[0, 255]], np.uint16), "a.png")
    assert saved(tmp_path, np.array([[0, 256]], np.uint16), "a.png") == [[[0], [1]]]
    assert saved(tmp_path, np.array([[0, 0]], np.uint16), "a.png") == [[[0], [0]]]
