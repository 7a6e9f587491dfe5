"""One picture file to arrays: orientation, depth, transparency, pages, and what is refused."""

import struct
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image, features

from vae.data import Images
from vae.data.formats.image_file import PictureReader
from vae.data.formats.opening import Damaged

RNG = np.random.default_rng(0)
ORIENTATION = 0x0112
TURNED = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: x[::-1].swapaxes(0, 1),
    7: lambda x: x[::-1, ::-1].swapaxes(0, 1),
    8: lambda x: x.swapaxes(0, 1)[::-1],
    9: lambda x: x,
}


def reader(mode="rgb", *, alpha="refuse", bits=16, pages="refuse", resize="none"):
    return PictureReader(mode, None, resize, alpha, 10**6, bits, pages)


def read(path, **settings):
    return [page.pixels for page in reader(**settings).read(path)]


def noise(height=5, width=9):
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


def tiff(path, data, *, width, height=1, **tags):
    """Write a TIFF of one strip, with tags of one number each (or of two, in one word)."""
    known = {"bits": 258, "photometric": 262, "samples": 277, "extra": 338, "format": 339}
    values = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: height}
    values |= {279: len(data), **{known[name]: value for name, value in tags.items()}}
    kinds = {k: (3, 2) if v >= 1 << 16 else (4, 1) for k, v in values.items()}
    entries = b"".join(struct.pack("<HHII", k, *kinds[k], v) for k, v in sorted(values.items()))
    data += b"\0" * (len(data) % 2)
    head = struct.pack("<2sHI", b"II", 42, 8 + len(data))
    path.write_bytes(head + data + struct.pack("<H", len(values)) + entries + b"\0" * 4)
    return path


def loaded(folder):
    """Return the one picture of a folder as a run reads it, ``(H, W, C)``."""
    source = Images(str(folder), image_size=None, cache=str(folder / "cache"))
    x = source.load().train.take(torch.arange(1))
    assert x.shape[1:] == source.spec.shape
    return x[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("suffix", ["tif", "png", "webp", "jpg"])
def test_every_orientation_comes_upright(tmp_path, suffix, orientation):
    x, path = noise(), tmp_path / f"a.{suffix}"
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    options = {"tif": {"tiffinfo": {ORIENTATION: orientation}}, "webp": {"lossless": True}}
    Image.fromarray(x).save(path, **{"exif": exif, **options.get(suffix, {})})
    with Image.open(path) as image:
        stored = np.asarray(image) if suffix == "jpg" else x
    assert np.array_equal(loaded(tmp_path), TURNED[orientation](stored))


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")
@pytest.mark.parametrize("orientation", TURNED)
def test_every_orientation_of_avif(tmp_path, orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    x = np.zeros((16, 32, 3), np.uint8)
    x[:8, :16] = 255
    Image.fromarray(x).save(tmp_path / "a.avif", exif=exif, quality=100)
    assert np.array_equal(loaded(tmp_path) > 128, TURNED[orientation](x) > 128)


@pytest.mark.parametrize(("bits", "highest"), [(16, 16), (12, 255)])
def test_twelve_bits_in_sixteen_are_scaled_if_that_is_said(tmp_path, bits, highest):
    values = np.array([[0, 1, 2048, 4095]], np.uint16)
    for kind in ("PNG", "TIFF"):
        Image.fromarray(values).save(tmp_path / "a", kind)
        page = reader("gray", bits=bits).read(tmp_path / "a")[0]
        assert page.pixels.tolist() == [[(values * (255 / (2**bits - 1))).round().tolist()[0]]]
        assert (page.pixels.max(), page.deepest) == (highest, 4095)
    Image.fromarray(values + 1).save(tmp_path / "b.png")
    with pytest.raises(
        ValueError, match=r"b\.png holds values beyond 12 bits .*: raise data\.bits"
    ):
        read(tmp_path / "b.png", mode="gray", bits=12)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_white_may_be_zero_at_every_depth(tmp_path, bits):
    packed = {1: b"\x50", 2: b"\x1b", 4: b"\x0f\x37", 8: b"\0\x01\x64\xff"}
    data = packed.get(bits, np.array([0, 257, 25700, 65535], "<u2").tobytes())
    plain, white = (
        read(tiff(tmp_path / "a", data, width=4, bits=bits, photometric=p), mode="gray")[0]
        for p in (1, 0)
    )
    assert np.array_equal(white, 255 - plain)
    assert {0, 255} <= set(plain.flatten().tolist())


def test_lab_is_read_and_what_is_not_read_is_named(tmp_path):
    Image.new("LAB", (1, 1), (255, 128, 128)).save(tmp_path / "a.tif")
    for mode in ("gray", "rgb", "rgba"):
        assert read(tmp_path / "a.tif", mode=mode)[0].min() >= 254
    Image.new("F", (2, 2), 0.5).save(tmp_path / "b.tif")
    with pytest.raises(ValueError, match=r"b\.tif holds values beyond 16 bits"):
        read(tmp_path / "b.tif")
    tiff(tmp_path / "c.tif", bytes(4), width=2, samples=2, photometric=3)
    with pytest.raises(Damaged, match=r"c\.tif cannot be read as a picture"):
        read(tmp_path / "c.tif")


def test_channels_that_pillow_drops_and_signed_bytes_are_refused(tmp_path):
    two = tiff(tmp_path / "two.tif", bytes(range(8)), width=4, samples=2, bits=0x80008, extra=0)
    with pytest.raises(ValueError, match=r"two\.tif has 2 channels, of which 1 can be read"):
        read(two)
    signed = tiff(tmp_path / "signed.tif", b"\xff\0\x01\x7f", width=4, format=2)
    with pytest.raises(ValueError, match=r"signed\.tif holds signed bytes"):
        read(signed)


def opaque(mode):
    """Pictures that could be transparent, and are not."""
    image = Image.fromarray(noise())
    if mode == "tRNS of P":
        return image.quantize(16), {"transparency": 200}
    if mode == "tRNS of RGB":
        return Image.new("RGB", (9, 5), (1, 2, 3)), {"transparency": (3, 2, 1)}
    if mode == "tRNS of 16":
        return Image.fromarray(np.full((5, 9), 257, np.uint16)), {"transparency": 258}
    return image.convert("L" if mode[0] == "L" else "RGB").convert(mode), {}


@pytest.mark.parametrize("mode", ["RGBA", "LA", "tRNS of P", "tRNS of RGB", "tRNS of 16"])
def test_opaque_pictures_have_no_transparency(tmp_path, mode):
    image, options = opaque(mode)
    image.save(tmp_path / "a.png", **options)
    (found,) = read(tmp_path / "a.png", mode="rgb")
    expected = np.full((5, 9, 3), 1) if "16" in mode else np.asarray(image.convert("RGB"))
    assert np.array_equal(found.transpose(1, 2, 0), expected)


def test_one_transparent_pixel_is_not_lost(tmp_path):
    image = Image.fromarray(np.array([[0, 257, 600]], np.uint16))
    image.save(tmp_path / "deep.png", transparency=600)
    rgba = Image.new("RGBA", (2, 1), (9, 9, 9, 255))
    rgba.putpixel((1, 0), (9, 9, 9, 254))
    rgba.save(tmp_path / "flat.png")
    for name in ("deep", "flat"):
        with pytest.raises(ValueError, match=rf"{name}\.png has transparency"):
            read(tmp_path / f"{name}.png", mode="gray")
    assert read(tmp_path / "deep.png", mode="gray", alpha="white")[0].tolist() == [[[0, 1, 255]]]


FRAMES = ["TIFF", "GIF", "PNG", "WEBP", *(["AVIF"] if features.check("avif") else [])]


@pytest.mark.parametrize("kind", FRAMES)
def test_pages_are_refused_or_taken(tmp_path, kind):
    first, *others = (Image.new("RGB", (16, 8), (v, v, v)) for v in (10, 100, 200))
    path = tmp_path / "stack"
    first.save(path, kind, save_all=True, append_images=others)
    with pytest.raises(ValueError, match=r"stack holds 3 pages or frames: set data\.pages=first"):
        read(path)
    values = [round(float(x.mean()), -1) for x in read(path, pages="all")]
    assert values == [10, 100, 200]
    assert [x.mean() for x in read(path, pages="first")] == [10]


def test_smaller_copies_and_what_a_camera_appends_are_no_pages(tmp_path):
    first, small = Image.new("L", (8, 8), 10), Image.new("L", (4, 4), 20)
    small.encoderinfo = {"tiffinfo": {254: 1}}
    first.save(tmp_path / "pyramid.tif", save_all=True, append_images=[small])
    with Image.open(tmp_path / "pyramid.tif") as image:
        image.seek(1)
        assert image.tag_v2.get(254) == 1
    first.save(tmp_path / "phone.jpg", "MPO", save_all=True, append_images=[small])
    for name in ("pyramid.tif", "phone.jpg"):
        for pages in ("refuse", "all"):
            (found,) = read(tmp_path / name, mode="gray", pages=pages)
            assert found.shape == (1, 8, 8)


@pytest.mark.parametrize(
    "text", ["ImageJ=1.54f\nimages=40\nslices=40\n", '{"shape": [40, 4, 4], "truncated": true}']
)
def test_a_stack_whose_pages_have_no_headers_is_refused(tmp_path, text):
    Image.new("L", (4, 4)).save(tmp_path / "stack.tif", tiffinfo={270: text})
    with pytest.raises(ValueError, match=r"stack\.tif is a stack with more pages than headers"):
        read(tmp_path / "stack.tif", pages="all")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV"])
def test_white_is_white_in_every_mode(mode, monkeypatch):
    white = Image.new("RGB", (2, 2), "white").convert("L" if mode in ("LA", "PA") else "RGB")
    image = white.convert("P").convert(mode) if mode == "PA" else white.convert(mode)
    for wanted in ("gray", "rgb", "rgba"):
        pixels = np.asarray(reader(wanted)._converted(image, "memory"))
        assert (pixels == 255).all()


def test_a_format_that_this_pillow_does_not_know_is_not_asked_for(tmp_path, monkeypatch):
    Image.new("L", (2, 2), 7).save(tmp_path / "a.png")
    from vae.data.formats import opening

    monkeypatch.setattr(opening, "FORMATS", {"NEW": ".new", **opening.FORMATS})
    opening.known_formats.cache_clear()
    assert read(tmp_path / "a.png", mode="gray")[0].max() == 7
    opening.known_formats.cache_clear()


def test_content_without_a_file(tmp_path):
    file = BytesIO()
    Image.new("L", (3, 2), 5).save(file, "PNG")
    (page,) = reader("gray").read(tmp_path / "a.tar" / "a.png", file.getvalue())
    assert page.pixels.tolist() == [[[5] * 3] * 2]
