"""Files that are no NumPy files: each is told what it is, and the line that converts it is run."""

import gzip
import pickle
import re
import shlex
import zipfile
from functools import partial
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from scipy import sparse
from scipy.io import mmwrite

from vae.data import Array
from vae.data.formats.foreign import KINDS, sentence

X = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)


def hdf5(path, head=b""):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w", userblock_size=512 if head else 0) as file:
        file["NAME"] = X.T if head else X
    if head:
        with path.open("r+b") as file:
            file.write(head)


def matlab(path):
    pytest.importorskip("scipy.io").savemat(path, {"NAME": X})


def zipped(path, *names):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "x")


def packed(path):
    with gzip.open(path, "wb") as file:
        np.save(file, X)


def matrix_market():
    mmwrite(file := BytesIO(), sparse.coo_matrix(X))
    return file.getvalue()


WRITERS = {
    "x.h5": hdf5,
    "no suffix": hdf5,
    "x.mat": matlab,
    "new.mat": partial(hdf5, head=b"MATLAB 7.3 MAT-file, Platform: GLNXA64"),
    "x.pt": lambda path: torch.save(torch.from_numpy(X), path),
    "old.pth": lambda path: torch.save(
        torch.from_numpy(X), path, _use_new_zipfile_serialization=False
    ),
    "x.safetensors": lambda path: save_file({"NAME": torch.from_numpy(X)}, path),
    "a pickle called.npy": lambda path: path.write_bytes(pickle.dumps(X.tolist())),
    'it\'s "mine" $HOME.pkl': lambda path: path.write_bytes(pickle.dumps(X)),
    "x.npy.gz": packed,
    "x.npz": lambda path: sparse.save_npz(path, sparse.csr_matrix(X)),
    "coo.npz": lambda path: sparse.save_npz(path, sparse.coo_matrix(X)),
    "x.mtx": lambda path: mmwrite(path, sparse.coo_matrix(X)),
    "x.mtx.gz": lambda path: path.write_bytes(gzip.compress(matrix_market())),
}


def refusal(path):
    with pytest.raises(ValueError, match=re.escape(f"{path} is ")) as caught:
        Array(str(path)).spec  # noqa: B018
    told = str(caught.value)
    assert "damaged" not in told
    assert len(told) < 1000
    return told


def codes(told):
    """Return the Python of each command in a message, as a shell passes it on."""
    lines = told.replace(" (", "\n").replace("prints: ", "\n").splitlines()
    return [shlex.split(line.rstrip(")"))[2] for line in lines if line.startswith("python -c ")]


@pytest.mark.parametrize("name", WRITERS)
def test_the_line_that_converts_a_file_is_true(tmp_path, name, capsys):
    path = tmp_path / name
    WRITERS[name](path)
    told = refusal(path).replace(" This converts it: ", "\n")
    convert, *listing = codes(told)
    for code in listing:
        exec(code, {})
        assert "NAME" in capsys.readouterr().out
    exec(convert, {})
    names = {
        "x.npy.gz": "x.npy",
        "x.mtx.gz": "x.mtx.npy",
        "a pickle called.npy": "a pickle called.npy.npy",
    }
    made = tmp_path / names.get(name, path.with_suffix(".npy").name)
    assert np.allclose(Array(str(made)).load().train.x, X)


def test_the_other_lines_are_python(tmp_path):
    for name, kind in KINDS.items():
        for code in codes(
            sentence(tmp_path / f"x.{name}", kind).replace(" This converts it: ", "\n")
        ):
            compile(code, name, "exec")


@pytest.mark.parametrize(
    ("name", "write", "told"),
    [
        ("x.parquet", lambda p: p.write_bytes(b"PAR1" + bytes(40)), "is a Parquet table, .*read_p"),
        ("x.dat", lambda p: p.write_bytes(b"PAR1" + bytes(40)), "is a Parquet table"),
        ("x.feather", lambda p: p.write_bytes(b"ARROW1" + bytes(40)), "is a Feather table"),
        ("x.h5ad", hdf5, r"is an AnnData file, .*to_df\(\)"),
        ("x.xlsx", lambda p: zipped(p, "xl/workbook.xml"), "is an Excel table"),
        ("x.npz", lambda p: zipped(p, "x/data.pkl"), "is a file of PyTorch"),
        ("x.zip", lambda p: zipped(p, "x/.zarray"), "is a Zarr store in a zip archive"),
        ("x.nii", lambda p: p.write_bytes(bytes(344) + b"n+1\0"), "is a NIfTI volume"),
        ("x.nii.gz", lambda p: p.write_bytes(gzip.compress(b"")), "is a NIfTI volume"),
        ("IM0001", lambda p: p.write_bytes(bytes(128) + b"DICM"), "is a DICOM file, .*pydicom"),
        ("x.csv", lambda p: p.write_text("1"), "is a table in text: data=table data.path="),
        ("x.tar", lambda p: p.write_bytes(bytes(257) + b"ustar"), "is a tar file: data=shards"),
        ("x.png", lambda p: Image.new("L", (3, 3)).save(p), "is a picture: data=images"),
        ("x.zip", lambda p: zipped(p, "a.png"), r"damaged or no NumPy .*\(it holds no arrays\)"),
    ],
)
def test_files_are_told_by_their_content_and_name(tmp_path, name, write, told):
    write(tmp_path / name)
    with pytest.raises(ValueError, match=told):
        Array(str(tmp_path / name)).spec  # noqa: B018


def test_folders(tmp_path):
    (tmp_path / "x.zarr").mkdir()
    with pytest.raises(FileNotFoundError, match="is a Zarr store, .*zarr.open"):
        Array(str(tmp_path / "x.zarr")).spec  # noqa: B018
    with pytest.raises(FileNotFoundError, match=r"is a folder: set data\.path .*data=images"):
        Array(str(tmp_path)).spec  # noqa: B018


@pytest.mark.parametrize("name", ["X.NPY", "X.NPZ", "x.npz", "x.npy", "x", "x.dat"])
@pytest.mark.parametrize("save", [np.save, lambda file, x: np.savez(file, x=x)], ids=["npy", "npz"])
def test_a_numpy_file_may_be_called_anything(tmp_path, name, save):
    with (tmp_path / name).open("wb") as file:
        save(file, X)
    assert np.array_equal(Array(str(tmp_path / name)).load().train.x, X)


def test_labels_in_another_format(tmp_path):
    np.save(tmp_path / "x.npy", X)
    (tmp_path / "y.csv").write_text("1\n")
    with pytest.raises(ValueError, match=r"y\.csv is a table in text"):
        Array(str(tmp_path / "x.npy"), labels=str(tmp_path / "y.csv")).spec  # noqa: B018
