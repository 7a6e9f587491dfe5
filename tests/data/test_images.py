"""The user's pictures: every kind of file, and every way in which one can be wrong."""

import os
import shutil
from collections import namedtuple

import numpy as np
import pytest
import torch
from PIL import Image

from vae.data import DataModule, Images
from vae.data.formats import decoded


def picture(size=(12, 8), mode="RGB", seed=0):
    shape = (size[1], size[0], len(mode)) if len(mode) > 1 else (size[1], size[0])
    noise = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return Image.fromarray(noise, mode) if mode == "LA" else Image.fromarray(noise)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "mes photos été 写真"
    path.mkdir()
    return path


@pytest.fixture
def images(tmp_path, folder):
    def build(**settings):
        return Images(str(folder), cache=str(tmp_path / "cache dir"), **settings)

    return build


def test_flat_folder_without_resizing_keeps_every_byte(folder, images):
    for i in range(3):
        picture(seed=i).save(folder / f"bild {i}.png")
    (folder / "notes.txt").write_text("no picture")
    source = images(image_size=None)
    assert source.spec.shape == (3, 8, 12)
    assert source.spec.num_classes is None
    x = source.load().train.take(torch.arange(3))
    for i in range(3):
        assert np.array_equal(x[i].numpy(), np.asarray(picture(seed=i)).transpose(2, 0, 1))


def test_a_folder_per_class_gives_labels(folder, images):
    for name, count in (("cats", 2), ("dogs", 3), ("empty", 0)):
        (folder / name).mkdir()
        for i in range(count):
            picture().save(folder / name / f"{i}.PNG")
    source = images(image_size=8)
    assert source.spec.class_names == ("cats", "dogs", "empty")
    assert source.load().train.labels.tolist() == [0, 0, 1, 1, 1]


@pytest.mark.parametrize("resize", ["crop", "squash", "pad"])
def test_mixed_sizes_become_one(folder, images, resize):
    for i, size in enumerate([(40, 20), (20, 40), (7, 9)]):
        Image.new("RGB", size, (255, 0, 0)).save(folder / f"{i}.png")
    source = images(image_size=[10, 14], resize=resize)
    x = source.load().train.take(torch.arange(3))
    assert x.shape == (3, 3, 10, 14) == (3, *source.spec.shape)
    filled = (x[:, 0] > 0).float().mean()
    assert filled == 1 if resize != "pad" else filled < 1


def test_modes(folder, images):
    picture().save(folder / "a.png")
    for mode, channels in (("gray", 1), ("rgb", 3), ("rgba", 4)):
        assert images(mode=mode, image_size=None).load().train.take(torch.arange(1)).shape == (
            1,
            channels,
            8,
            12,
        )


def test_sixteen_bits_are_scaled_not_clipped(folder, images):
    values = np.array([[0, 257, 32768, 65535]], dtype=np.uint16)
    Image.fromarray(values).save(folder / "deep.png")
    x = images(mode="gray", image_size=None).load().train.take(torch.arange(1))
    assert x.flatten().tolist() == [0, 1, 128, 255]


def test_more_than_sixteen_bits_are_refused(folder, images):
    Image.fromarray(np.full((4, 4), 0.5, dtype=np.float32)).save(folder / "float.tiff")
    with pytest.raises(ValueError, match=r"float\.tiff holds values beyond 16 bits"):
        images(mode="gray").load()


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.filterwarnings("ignore:'mode' parameter")
def test_transparency_needs_a_decision(folder, images, mode):
    Image.new(mode, (4, 4), 0).save(folder / "glass.png")
    with pytest.raises(ValueError, match=r"glass\.png has transparency.*data\.alpha to white"):
        images().load()
    for alpha, value in (("white", 255), ("black", 0), ("drop", 0)):
        x = images(alpha=alpha, image_size=None).load().train.take(torch.arange(1))
        assert x.unique().tolist() == [value]
    assert images(mode="rgba", image_size=None).load().train.take(torch.arange(1)).shape[1] == 4


def test_palette_and_cmyk_pictures(folder, images):
    picture().convert("P").save(folder / "a.gif")
    picture().convert("CMYK").save(folder / "b.jpg")
    assert images(image_size=None).load().train.take(torch.arange(2)).shape == (2, 3, 8, 12)


def test_photographs_are_turned_upright(folder, images):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture().save(folder / "phone.jpg", exif=exif)
    source = images(image_size=None)
    assert source.spec.shape == (3, 12, 8)
    assert source.load().train.take(torch.arange(1)).shape == (1, 3, 12, 8)


def test_mixed_sizes_without_resizing_name_two_files(folder, images):
    picture((12, 8)).save(folder / "a.png")
    picture((9, 8)).save(folder / "b.png")
    with pytest.raises(ValueError, match=r"a\.png is 8×12 .*b\.png is 8×9.*data\.resize=crop"):
        images(resize="none").load()


@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "header"])
def test_damaged_pictures_are_named_and_leave_no_cache(folder, images, tmp_path, damage):
    picture((64, 64)).save(folder / "a good one.png")
    bad = folder / "bad.png"
    picture((64, 64)).save(bad)
    whole = bad.read_bytes()
    contents = {"truncated": whole[: len(whole) // 2], "empty": b"", "text": b"hello"}
    bad.write_bytes(contents.get(damage, whole[:20] + b"\xff" * 20 + whole[40:]))
    with pytest.raises(ValueError, match=r"1 of 2 files cannot be read as pictures: .*bad\.png \("):
        images().load()
    assert list((tmp_path / "cache dir").iterdir()) == []


def test_too_many_pixels_are_an_error(folder, images, monkeypatch):
    picture((100, 100)).save(folder / "big.png")
    with pytest.raises(ValueError, match=r"100×100 pixels, more than data\.max_pixels=5000"):
        images(max_pixels=5000).load()
    for limit in (6000, 2000):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.raises(ValueError, match=r"big\.png is too large"):
            images().load()


def test_missing_empty_and_ambiguous_folders(folder, images, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere: set data\.root"):
        Images(str(tmp_path / "nowhere")).spec  # noqa: B018
    with pytest.raises(FileNotFoundError, match="No pictures in"):
        images().spec  # noqa: B018
    with pytest.raises(ValueError, match=r"needs data\.root="):
        Images("")
    (folder / "cats").mkdir()
    picture().save(folder / "cats" / "a.png")
    picture().save(folder / "b.png")
    with pytest.raises(ValueError, match=r"holds pictures \(b\.png\) and folders .*\(cats\)"):
        images().spec  # noqa: B018


@pytest.mark.parametrize(
    "settings",
    [{"image_size": 0}, {"image_size": "64"}, {"image_size": [3]}, {"image_size": [4, -1]},
     {"resize": "stretch"}, {"mode": "hsv"}, {"alpha": "blue"}, {"max_pixels": 0}, {"bits": 17},
     {"bits": 0}, {"pages": "last"}, {"damaged": True}],
)  # fmt: skip
def test_bad_settings(images, settings):
    with pytest.raises(ValueError, match=rf"data\.{next(iter(settings))}"):
        images(**settings)


def test_the_cache_is_used_until_something_changes(folder, images, tmp_path, monkeypatch):
    picture(seed=1).save(folder / "a.png")
    first = images().load().train.take(torch.arange(1))
    cached = list((tmp_path / "cache dir").iterdir())
    assert len(cached) == 2
    with monkeypatch.context() as patch:
        patch.setattr(decoded, "stored", pytest.fail)
        assert torch.equal(images().load().train.take(torch.arange(1)), first)
    for file in cached:
        file.write_bytes(b"half")
        assert torch.equal(images().load().train.take(torch.arange(1)), first)
    picture(seed=2).save(folder / "a.png")
    os.utime(folder / "a.png", (1, 1))
    assert not torch.equal(images().load().train.take(torch.arange(1)), first)


def test_a_start_lists_the_folder_once(folder, images, monkeypatch):
    (folder / "cats").mkdir()
    for i in range(10):
        picture(seed=i).save(folder / "cats" / f"{i}.png")
    listed, keyed = [], []
    scandir, key = os.scandir, decoded.cache_key
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or scandir(path))
    monkeypatch.setattr(decoded, "cache_key", lambda *a: keyed.append(1) or key(*a))
    data = DataModule(images(image_size=8), val_size=2, test_size=2)
    data.prepare_data()
    data.setup()
    assert data.describe()["files"] == "10 .png"
    inside = [path for path in listed if str(path).startswith(str(folder))]
    assert inside == [folder, folder / "cats"]
    assert keyed == [1]


def test_a_full_disk_is_met_before_decoding(folder, images, monkeypatch):
    picture().save(folder / "a.png")
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 10, 0))
    with pytest.raises(ValueError, match=r"needs .* GB.*set data\.cache to another folder"):
        images().load()


def test_a_cache_that_cannot_be_made(folder, tmp_path):
    picture().save(folder / "a.png")
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"cannot be made .*data\.cache"):
        Images(str(folder), cache=str(tmp_path / "file" / "cache")).load()


def cut(path, size=45):
    path.write_bytes(path.read_bytes()[:size])


def test_damaged_files_are_named_all_at_once(folder, images):
    for i in range(20):
        picture(seed=i).save(folder / f"{i:02d}.png")
    for i in (0, 7, 13):
        cut(folder / f"{i:02d}.png")
    with pytest.raises(ValueError, match=r"3 of 20 files .*00\.png \(.*07\.png .*13\.png .*=skip"):
        images().spec  # noqa: B018
    for i in range(15):
        cut(folder / f"{i:02d}.png", 0)
    with pytest.raises(ValueError, match=r"15 of 20 files .*04\.png \([^/]*\), 10 more\. Repair"):
        images().load()


def test_damaged_files_are_skipped_aloud_and_labels_stay_right(folder, images):
    for name in ("cat", "dog"):
        (folder / name).mkdir()
        for i in range(4):
            value = 100 * (name == "dog") + 10 * (i + 1)
            Image.new("RGB", (8, 8), (value,) * 3).save(folder / name / f"{i}.png")
    for spot in ("cat/0", "cat/3", "dog/1"):
        cut(folder / f"{spot}.png")
    source = images(damaged="skip", image_size=None)
    splits = source.load()
    assert splits.train.take(torch.arange(5))[:, 0, 0, 0].tolist() == [20, 30, 110, 130, 140]
    assert splits.train.labels.tolist() == [0, 0, 1, 1, 1]
    assert splits.facts["damaged"].startswith("3 left out: ")
    assert source.spec.shape == (3, 8, 8)
    with pytest.raises(ValueError, match="3 of 8 files"):  # also from the cache
        images(image_size=None).load()
    for spot in ("cat/1", "cat/2", "dog/0", "dog/2", "dog/3"):
        cut(folder / f"{spot}.png")
    with pytest.raises(ValueError, match=r"8 of 8 files .* remove them\.$"):
        images(damaged="skip").load()


def test_pages_become_examples_with_the_label_of_their_file(folder, images):
    for name, count in (("cat", 3), ("dog", 1)):
        (folder / name).mkdir()
        frames = [Image.new("RGB", (8, 8), (10 + i, 0, 0)) for i in range(count)]
        frames[0].save(folder / name / "a.tif", save_all=True, append_images=frames[1:])
    splits = images(pages="all", image_size=None).load()
    assert splits.train.labels.tolist() == [0, 0, 0, 1]
    assert splits.train.take(torch.arange(4))[:, 0, 0, 0].tolist() == [10, 11, 12, 10]
    with pytest.raises(ValueError, match=r"a\.tif holds 3 pages or frames"):
        images().spec  # noqa: B018


@pytest.mark.parametrize("resize", ["crop", "none"])
def test_masks_of_zero_and_one_are_bits(folder, images, resize):
    bits = np.random.default_rng(0).integers(0, 2, (20, 16, 16), dtype=np.uint8)
    bits[0] = 0
    for i, x in enumerate(bits):
        Image.fromarray(x).save(folder / f"{i:02d}.png")
    data = DataModule(images(mode="gray", resize=resize, image_size=16), batch_size=2)
    assert (data.spec.support, data.spec.levels) == ("boolean", 2)
    assert data.examples("train")["x"].unique().tolist() == [0, 1]
    assert data.describe()["values"].startswith("0 and 1, taken as bits")
    assert torch.equal(
        data.source.load().train.take(torch.arange(20)), torch.from_numpy(bits[:, None])
    )


@pytest.mark.parametrize("kind", ["1", "0 and 255", "palette", "one brighter"])
def test_other_masks_are_bytes(folder, images, kind):
    bits = np.random.default_rng(0).integers(0, 2, (20, 8, 8), dtype=np.uint8)
    for i, x in enumerate(bits):
        made = Image.fromarray(255 * x if kind in ("1", "0 and 255") else x)
        if kind == "1":
            made = made.convert("1")
        if kind == "palette":
            made = made.convert("P")
            made.putpalette([0, 0, 0, 255, 255, 255])
        if kind == "one brighter" and i == 19:
            made.putpixel((0, 0), 200)
        made.save(folder / f"{i:02d}.png")
    data = DataModule(images(mode="gray", image_size=None), batch_size=2)
    assert (data.spec.support, data.spec.levels) == ("unit_interval", 256)
    highest = 200 / 255 if kind == "one brighter" else 1
    assert data.source.load().train.take(torch.arange(20)).max().item() == round(255 * highest)


def test_nearly_black_pictures_are_told(folder, images):
    for i in range(20):
        Image.fromarray(np.full((8, 8), 4000 + i, np.uint16)).save(folder / f"{i:02d}.png")
    told = DataModule(images(mode="gray"), batch_size=2).describe()["values"]
    assert told.startswith(
        "at most 4019 of 65535 (nearly black: if only 12 bits are used, set data.bits=12)"
    )
    told = DataModule(images(mode="gray", bits=12), batch_size=2).describe()["values"]
    assert told == "at most 4019 of 4095, divided by 4095"


@pytest.mark.parametrize(("top", "support"), [(1, "boolean"), (199, "unit_interval")])
def test_deep_grey_is_bits_only_if_its_stored_values_are(tmp_path, top, support):
    values = np.arange(64, dtype=np.uint16).reshape(8, 8) % (top + 1)
    values[0, 0] = top
    for i in range(4):
        Image.fromarray(values).save(tmp_path / f"{i}.png")
    images = Images(str(tmp_path), resize="none", mode="gray", cache=str(tmp_path / "cache"))
    assert images.spec.support == support
    facts, x = images.load().facts["values"], images.load().train.take(torch.tensor([0]))
    assert (x.max() == 1) == (top == 1) or "nearly black" in facts
    assert "bits (likelihood" in facts if top == 1 else f"at most {top} of 65535" in facts
