"""Files that are no arrays and no pictures: read, or refused by one sentence that names them."""

import io
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.io import savemat

from vae.data import Array, DataModule, Images, Sequences, Table

pytestmark = [  # of numpy and Pillow, about bytes that they can make sense of
    pytest.mark.filterwarnings("ignore:Reading .* required additional header parsing"),
    pytest.mark.filterwarnings("ignore::UserWarning:PIL"),
]

RNG = np.random.default_rng(0)
TYPES = ["?", "u1", "i1", ">i2", "i8", "f2", ">f4", "f8", "c8", "U2", "S3", "M8[s]", "O"]
FORMATS = ["PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP", "PPM"]


def npy(array):
    """Return the bytes of an .npy file."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(array):
    """Return the bytes of an .npz file."""
    file = io.BytesIO()
    np.savez_compressed(file, x=array, y=np.arange(len(array)))
    return file.getvalue()


def mat(cells):
    """Return the bytes of a .mat file with a cell of matrices."""
    file = io.BytesIO()
    savemat(file, {"x": cells, "y": np.arange(len(cells))})
    return file.getvalue()


def archive(content):
    """Return a zip archive with bytes under an array's name."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        zipped.writestr("x.npy", content)
    return file.getvalue()


def picture(kind):
    """Return the bytes of a picture."""
    file = io.BytesIO()
    noise = RNG.integers(0, 256, (9, 7, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file, kind)
    return file.getvalue()


GOOD = RNG.normal(size=(12, 5)).astype(np.float32)
ARRAYS = [npy(GOOD), npz(GOOD), archive(npy(GOOD))]
TABLES = [
    b"a,b,c\n" + b"1,2.5,x\n-3,NA,y\n" * 9,
    b'"n n"\t"m"\n' + b'"1,5"\t2\n3\t4\n' * 9,
    b"# a b\n" + b" 1e3  2 \n" * 9,
]
SEQUENCES = [
    npz(GOOD.reshape(3, 4, 5)),
    mat(np.array([GOOD[:4], GOOD[:7], None], object)[:2]),
    b'{"x": [[0.5, null], [1, 2]], "y": 1}\n{"x": [[1, 0]], "y": 0}\n',
]
PICTURES = [picture(kind) for kind in FORMATS]


def damaged(wholes):
    """Return files that are cut short, extended, or have bytes replaced."""
    spots = st.lists(
        st.tuples(st.integers(0, 10**6), st.binary(min_size=1, max_size=4)), max_size=3
    )

    def damage(whole, spots, end):
        content = bytearray(whole)
        for place, patch in spots:
            start = place % len(content)
            content[start : start + len(patch)] = patch
        return bytes(content[: end % (2 * len(content))])

    return st.builds(damage, st.sampled_from(wholes), spots, st.integers(0, 10**6))


def limited(count):
    """Return the settings of so many examples, always the same."""
    quiet = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(
        max_examples=count, derandomize=True, deadline=None, suppress_health_check=quiet
    )


def check_refusal(path, read):
    """Read a file: that works, or the message is short and names the file."""
    try:
        read()
    except ValueError as error:
        told = str(error)
        assert path.stem in told
        assert len(told.splitlines()) <= 2
        assert len(told) < 1000


def check_array(folder, content, suffix):
    path = folder / f"numbers{suffix}"
    path.write_bytes(content)
    check_refusal(path, lambda: DataModule(Array(str(path)), batch_size=2).setup())


def check_table(folder, content):
    path = folder / "rows.csv"
    path.write_bytes(content)
    for target in (None, "c"):
        source = Table(str(path), missing="drop", target=target)
        check_refusal(path, lambda s=source: DataModule(s, batch_size=2).setup())


def check_sequences(folder, content):
    path = folder / "steps.bin"
    path.write_bytes(content)
    check_refusal(path, lambda: DataModule(Sequences(str(path)), batch_size=2).setup())


def check_picture(folder, content, suffix):
    path = folder / f"photo.{suffix}"
    for old in folder.glob("photo.*"):
        old.unlink()
    path.write_bytes(content)
    cache = folder.parent / f"cache of {folder.name}"
    source = Images(str(folder), image_size=4, cache=str(cache), alpha="drop", max_pixels=10**6)
    check_refusal(path, source.load)


SUFFIXES = st.sampled_from([".npy", ".npz"])
CONTENTS = st.one_of(damaged(ARRAYS), st.binary(max_size=200), st.binary().map(archive))


@limited(60)
@given(content=CONTENTS, suffix=SUFFIXES)
def test_any_array_file(tmp_path, content, suffix):
    check_array(tmp_path, content, suffix)


@pytest.mark.slow
@limited(2000)
@given(content=CONTENTS, suffix=SUFFIXES)
def test_many_array_files(tmp_path, content, suffix):
    check_array(tmp_path, content, suffix)


@limited(60)
@given(content=st.one_of(damaged(TABLES), st.binary(max_size=200), st.text().map(str.encode)))
def test_any_table(tmp_path, content):
    check_table(tmp_path, content)


@pytest.mark.slow
@limited(2000)
@given(content=st.one_of(damaged(TABLES), st.text(',;\t"\n ab.1-#').map(str.encode)))
def test_many_tables(tmp_path, content):
    check_table(tmp_path, content)


@limited(60)
@given(content=st.one_of(damaged(SEQUENCES), st.text('{}[]x:",1.n').map(str.encode)))
def test_any_file_of_sequences(tmp_path, content):
    check_sequences(tmp_path, content)


@pytest.mark.slow
@limited(1000)
@given(content=damaged(SEQUENCES))
def test_many_files_of_sequences(tmp_path, content):
    check_sequences(tmp_path, content)


@limited(60)
@given(
    kind=st.sampled_from(TYPES),
    shape=st.lists(st.integers(0, 12), max_size=5),
    raw=st.binary(min_size=8, max_size=64),
    make=st.sampled_from([npy, npz]),
)
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
def test_any_array(tmp_path, kind, shape, raw, make):
    if kind == "O":
        array = np.full(shape, None)
    else:
        size = int(np.prod(shape)) * np.dtype(kind).itemsize
        content = (raw * (size // len(raw) + 1))[:size]
        array = np.frombuffer(content, dtype=kind).reshape(shape)
    if array.ndim:
        check_array(tmp_path, make(array), f".{make.__name__}")


@limited(60)
@given(
    content=st.one_of(damaged(PICTURES), st.binary(max_size=100)), suffix=st.sampled_from(FORMATS)
)
def test_any_picture_file(tmp_path, content, suffix):
    check_picture(tmp_path, content, suffix)


@pytest.mark.slow
@limited(2000)
@given(content=damaged(PICTURES), suffix=st.sampled_from(FORMATS))
def test_many_picture_files(tmp_path, content, suffix):
    check_picture(tmp_path, content, suffix)
