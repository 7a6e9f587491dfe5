"""The user's pictures: every kind of file, and every way in which one can be wrong."""

import os
import shutil
from collections import namedtuple

import numpy as np
import pytest
import torch
from PIL import Image

from vae.data import Images
from vae.data import cache as cache_module


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
    assert source.spec.num_classes == 2
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
    with pytest.raises(ValueError, match=r"bad\.png cannot be read as a picture"):
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
     {"resize": "stretch"}, {"mode": "hsv"}, {"alpha": "blue"}, {"max_pixels": 0}],
)  # fmt: skip
def test_bad_settings(images, settings):
    with pytest.raises(ValueError, match=rf"data\.{next(iter(settings))}"):
        images(**settings)


def test_the_cache_is_used_until_something_changes(folder, images, tmp_path, monkeypatch):
    picture(seed=1).save(folder / "a.png")
    first = images().load().train.take(torch.arange(1))
    cached = list((tmp_path / "cache dir").iterdir())
    assert len(cached) == 1
    with monkeypatch.context() as patch:
        patch.setattr(cache_module, "_write", pytest.fail)
        assert torch.equal(images().load().train.take(torch.arange(1)), first)
    cached[0].write_bytes(b"half")
    assert torch.equal(images().load().train.take(torch.arange(1)), first)
    picture(seed=2).save(folder / "a.png")
    os.utime(folder / "a.png", (1, 1))
    assert not torch.equal(images().load().train.take(torch.arange(1)), first)


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
