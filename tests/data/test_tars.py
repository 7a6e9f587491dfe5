"""Which tar files and members of them are examples, and which are left out aloud."""

import numpy as np
import pytest
import torch

from tests.data.test_shards import npy, png, source, vectors, write


def test_files_that_a_mac_or_a_packer_adds_are_no_examples(tmp_path):
    members = {}
    for i in range(4):
        members |= {
            f"._{i}.npy": b"Mac OS X",
            f"PaxHeader/{i}.npy": b"20 path",
            f"./{i}.cls": b"1",
            f"./{i}.npy": npy(np.full(2, i, np.float32)),
            f"__MACOSX/{i}.npy": b"Mac OS X",
        }
    write(tmp_path / "v" / "a.tar", {".DS_Store": b"Bud1", **members})
    splits = source(tmp_path / "v").load()
    assert splits.train.take(torch.arange(4))[:, 0].tolist() == [0, 1, 2, 3]
    assert splits.train.labels.tolist() == [1] * 4
    assert splits.facts["left out"] == "13 hidden files"


def test_pictures_of_mixed_suffixes_beside_other_members(tmp_path):
    pictures = {f"{i}.{end}": png(i) for i, end in enumerate(("jpg", "png", "JPEG", "left.webp"))}
    notes = {f"{i}.{end}": b"{}" for i in range(4) for end in ("json", "txt")}
    write(tmp_path / "v" / "a.tar", dict(sorted({**pictures, **notes}.items())))
    for _ in range(2):  # also from what is kept of the first time
        splits = source(tmp_path / "v", resize="none").load()
        x = splits.train.take(torch.arange(4))
        assert [v.unique().tolist() for v in x] == [[0], [1], [2], [3]]
        assert splits.facts["left out"] == "4 .json, 4 .txt"


def test_the_setting_says_which_of_several_pictures(tmp_path):
    members = {f"{i}.{end}": png(v) for i in range(3) for v, end in ((7, "jpg"), (9, "seg.png"))}
    write(tmp_path / "v" / "a.tar", members)
    splits = source(tmp_path / "v", resize="none", member="jpg").load()
    assert splits.train.take(torch.arange(3)).unique().tolist() == [7]
    assert splits.facts["left out"] == "3 .seg.png"


def test_parts_by_their_other_names(tmp_path):
    for name in ("Training", "valid", "testing"):
        vectors(tmp_path / "v" / name, 1, 2)
    shards = source(tmp_path / "v")
    assert (shards.has_val, shards.has_test, set(shards.parts)) == (
        True,
        True,
        {"train", "val", "test"},
    )


@pytest.mark.parametrize(
    ("places", "told"),
    [
        (("train", "val", "valid"), "holds val and valid, which are one part"),
        (("train", "."), r"holds part-000\.tar and besides it a folder train of tar files"),
        ((".", "more"), r"more/part-000\.tar lies in a folder that is not read: move it"),
        (("train", "train/more"), r"train/more/part-000\.tar lies in a folder that is not read"),
    ],
)
def test_tars_that_would_not_be_read_are_refused(tmp_path, places, told):
    for place in places:
        vectors(tmp_path / "v" / place, 1, 2)
    with pytest.raises(ValueError, match=told):
        source(tmp_path / "v").load()


def test_labels_of_some_parts_alone_are_refused(tmp_path):
    vectors(tmp_path / "v" / "train", 1, 2)
    write(tmp_path / "v" / "test" / "a.tar", {"0.npy": npy(np.ones(2, np.float32))})
    with pytest.raises(ValueError, match=r"train has labels \(\.cls\) and test has none"):
        source(tmp_path / "v").load()


def test_tars_are_known_by_their_suffix_in_whatever_case(tmp_path):
    folder = vectors(tmp_path / "v", 2, 3)
    (folder / "part-001.tar").rename(folder / "part-001.TAR")
    assert len(source(folder).load().train) == 6


@pytest.mark.parametrize(
    ("name", "tool"),
    [("b.tar.gz", "gunzip"), ("b.TGZ", "gunzip"), ("b.tar.xz", "unxz"), ("b.tar.zst", "unzstd")],
)
@pytest.mark.parametrize("place", [".", "train", "test", "elsewhere"])
def test_packed_tars_are_refused_wherever_they_lie(tmp_path, name, tool, place):
    """They would be left out in silence, beside plain ones as alone."""
    root = tmp_path / "v"
    vectors(root if place in (".", "elsewhere") else root / "train", 1, 3)
    (root / place).mkdir(exist_ok=True)
    (root / place / name).write_bytes(b"")
    (root / "part-000.tar.md5").touch()
    told = "lies in a folder that is not read" if place == "elsewhere" else f"is packed.*{tool} "
    with pytest.raises(ValueError, match=f"{name} {told}"):
        source(root).load()
