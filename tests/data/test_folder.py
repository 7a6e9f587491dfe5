"""What of a folder is read: parts, classes, hidden and linked folders, other files."""

import zipfile
from pathlib import Path

import pytest
import torch
from PIL import Image

from vae.data import DataModule, Images
from vae.data.formats.folder import list_folder


def put(folder: Path, count: int, value: int = 9, suffix: str = "png") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        Image.new("RGB", (4, 4), (value + i, value, value)).save(folder / f"{i}.{suffix}")


@pytest.fixture
def root(tmp_path):
    return tmp_path / "pictures"


def images(root, **settings):
    return Images(str(root), image_size=None, cache=str(root.parent / "cache"), **settings)


@pytest.mark.parametrize("names", [("train", "val", "test"), ("Training", "validation", "testing")])
def test_parts_stay_parts_with_one_numbering_of_classes(root, names):
    for name, kinds in zip(
        names, ({"cat": 4, "dog": 3}, {"dog": 2}, {"ape": 1, "cat": 2}), strict=True
    ):
        for kind, count in kinds.items():
            put(root / name / kind, count, value=10 * len(name))
    data = DataModule(images(root), batch_size=2)
    assert data.spec.class_names == ("ape", "cat", "dog")
    splits = data.source.load()
    found = [splits.train.labels, splits.val.labels, splits.test.labels]
    assert [part.tolist() for part in found] == [[1, 1, 1, 1, 2, 2, 2], [2, 2], [0, 1, 1]]
    for name, part in zip(names, (splits.train, splits.val, splits.test), strict=True):
        green = part.take(torch.arange(len(part)))[:, 1]
        assert green.unique().tolist() == [10 * len(name)]


def test_parts_need_no_classes_and_no_validation(root):
    put(root / "train", 3)
    put(root / "test", 2)
    source = images(root)
    assert (source.has_val, source.has_test, source.spec.num_classes) == (False, True, None)
    with pytest.raises(ValueError, match=r"has a part of its own for data\.test_size=0\.5"):
        DataModule(source, test_size=0.5)


def test_a_class_may_be_called_like_a_part(root):
    for kind in ("bus", "car", "train"):
        put(root / kind, 2)
    assert images(root).spec.class_names == ("bus", "car", "train")
    assert not images(root).has_test


@pytest.mark.parametrize(
    ("folders", "told"),
    [
        (["train/a", "test/a", "other"], "and besides them other"),
        (["train/a", "other/a"], "and besides them other"),
        (["train/a", "val/a", "valid/a"], "val and valid, which are one part"),
        (["test/a", "val/a"], "no folder train"),
        (["train/a", "test"], "train has a folder per class and test has none"),
        (["set/train/a", "set/test/a"], r"set data\.root=.*set, or put"),
        (["cat/train", "cat/test", "dog/train", "dog/test"], "called like parts"),
    ],
)
def test_what_cannot_be_told_apart_is_refused(root, folders, told):
    for folder in folders:
        put(root / folder, 2)
    with pytest.raises(ValueError, match=told):
        images(root)


def test_hidden_folders_and_files_are_left_out_at_every_depth(root):
    for kind in ("cat", "dog"):
        put(root / kind, 3)
        for hidden in (".ipynb_checkpoints", "@eaDir", "deep/__MACOSX"):
            put(root / kind / hidden, 2)
        put(root / kind / "deep", 1)
        (root / kind / "._0.png").write_bytes(b"")
        (root / kind / "Thumbs.db").write_bytes(b"")
    put(root / ".cache", 2)
    found = list_folder(root)
    assert found.parts["train"].labels == (0,) * 4 + (1,) * 4
    assert found.left_out == {"hidden": 11}


def test_every_suffix_is_read_or_counted(root):
    root.mkdir()
    for suffix in ("jfif", "jp2", "png", "qoi", "tif", "webp", "bmp"):
        options = {"format": "JPEG"} if suffix == "jfif" else {}
        Image.new("RGB", (8, 8), (9, 200, 9)).save(root / f"a.{suffix}", **options)
    for name in ("notes.txt", "more.TXT", "labels.csv", "figure.eps", "README"):
        (root / name).write_text("%!PS-Adobe-3.0 EPSF-3.0")
    splits = images(root).load()
    assert len(splits.train) == 7
    assert splits.facts["files"] == ", ".join(
        f"1 .{s}" for s in ("bmp", "jfif", "jp2", "png", "qoi", "tif", "webp")
    )
    assert splits.facts["left out"] == "2 .txt, 1 without suffix, 1 .eps, 1 .csv"


@pytest.mark.parametrize("content", ["eps", "ico"])
def test_a_format_goes_by_content_and_no_other_is_opened(root, content):
    root.mkdir()
    Image.new("RGB", (16, 16)).save(root / "a.png", format=content)
    with pytest.raises(ValueError, match=r"cannot be read as pictures: .*a\.png \(cannot identify"):
        images(root).load()


def test_linked_folders_are_followed_once(root, tmp_path):
    put(root / "cat", 2)
    put(tmp_path / "elsewhere" / "deep", 3)
    (root / "dog").symlink_to(tmp_path / "elsewhere")
    (root / "eel").symlink_to(tmp_path / "elsewhere")  # the same once more
    (root / "fox").symlink_to(root / "cat")  # read there
    (root / "cat" / "loop").symlink_to(root)
    (tmp_path / "elsewhere" / "loop").symlink_to(tmp_path)  # which holds the root
    (root / "cat" / "gone.png").symlink_to(root / "nothing.png")
    found = list_folder(root)
    assert found.parts["train"].labels == (0, 0, 1, 1, 1)
    assert found.class_names == ("cat", "dog")
    assert found.left_out["broken links"] == 1
    assert found.left_out["linked folders that are read elsewhere"] >= 3


def test_an_empty_class_keeps_its_number(root):
    put(root / "ape", 2)
    (root / "bee").mkdir()
    put(root / "cat", 1)
    source = images(root)
    assert source.load().train.labels.tolist() == [0, 0, 2]
    assert source.load().facts["classes"] == "3: ape, bee (no pictures), cat"


def test_the_summary_says_what_was_read(root):
    put(root / "cat", 20)
    put(root / "dog", 20)
    (root / "dog" / "notes.txt").write_text("")
    told = DataModule(images(root), batch_size=2).describe()
    assert (told["files"], told["left out"], told["classes"]) == (
        "40 .png",
        "1 .txt",
        "2: cat, dog",
    )


def test_a_file_in_place_of_a_folder_is_told_what_it_is(tmp_path):
    Image.new("L", (3, 3)).save(tmp_path / "stack.tif")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "stack.tif", "stack.tif")
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "IM0001").write_bytes(bytes(128) + b"DICM")
    told = {
        "stack.tif": "is one file: put it into a folder .*data.pages=all",
        "a.zip": "is a zip archive: unpack it .python -m zipfile -e ",
        "scans": "No pictures in .*It holds 1 without suffix.*IM0001 is a DICOM file",
        "absent": "There is no folder",
    }
    for name, sentence in told.items():
        with pytest.raises(FileNotFoundError, match=sentence):
            list_folder(tmp_path / name)
