"""What a file is that is no NumPy file, and the line that makes one of it. Nothing is unpickled."""

__all__ = ["SPARSE", "foreign_file", "foreign_folder"]

import json
import shlex
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile, ZipFile

from vae.data.formats.damage import DAMAGE

HEAD = 4096  # bytes that are looked at
GZIP = b"\x1f\x8b"
HDF5 = b"\x89HDF\r\n\x1a\n"
MATLAB_7 = b"MATLAB 7.3 MAT-file"
NAME = "NAME is one of those that this prints:"


class Kind(NamedTuple):
    """A format: what it is called, and Python that writes array ``{to}`` from file ``{path}``."""

    name: str
    code: str
    listing: str = ""  # Python that prints the names of what is in it
    note: str = ""


KINDS = {
    "parquet": Kind(
        "a Parquet table",
        "import numpy, pandas; numpy.save({to}, pandas.read_parquet({path}).to_numpy('float64'))",
    ),
    "feather": Kind(
        "a Feather table",
        "import numpy, pandas; numpy.save({to}, pandas.read_feather({path}).to_numpy('float64'))",
    ),
    "excel": Kind(
        "an Excel table",
        "import numpy, pandas; numpy.save({to}, pandas.read_excel({path}).to_numpy('float64'))",
    ),
    "h5ad": Kind(
        "an AnnData file",
        "import anndata, numpy; "
        "numpy.save({to}, anndata.read_h5ad({path}).to_df().to_numpy('float32'))",
    ),
    "hdf5": Kind(
        "an HDF5 file",
        "import h5py, numpy; numpy.save({to}, h5py.File({path})['NAME'][()])",
        "import h5py; h5py.File({path}).visit(print)",
    ),
    "mat": Kind(
        "a MATLAB file",
        "import numpy, scipy.io; numpy.save({to}, scipy.io.loadmat({path})['NAME'])",
        "import scipy.io; print(scipy.io.whosmat({path}))",
    ),
    "mat73": Kind(
        "a MATLAB 7.3 file, in which the order of dimensions is reversed",
        "import h5py, numpy; numpy.save({to}, h5py.File({path})['NAME'][()].T)",
        "import h5py; h5py.File({path}).visit(print)",
    ),
    "torch": Kind(
        "a file of PyTorch",
        "import numpy, torch; "
        "numpy.save({to}, torch.load({path}, weights_only=True, map_location='cpu').numpy())",
        note='where it holds a dict or a tuple of tensors, put ["NAME"] or [0] before .numpy()',
    ),
    "safetensors": Kind(
        "a safetensors file",
        "import numpy, safetensors.numpy as s; numpy.save({to}, s.load_file({path})['NAME'])",
        "import safetensors.numpy as s; print(*s.load_file({path}))",
    ),
    "pickle": Kind(
        "a pickle, which can run any code when it is read, so that it is not read here",
        "import numpy, pathlib, pickle; numpy.save({to}, "
        "numpy.asarray(pickle.loads(pathlib.Path({path}).read_bytes()), 'float32'))",
        note="do that only with a file that you trust",
    ),
    "zarr": Kind(
        "a Zarr store",
        "import numpy, zarr; numpy.save({to}, zarr.open({path}, mode='r')[:])",
        note='where it holds a group of arrays, put ["NAME"] before [:]',
    ),
    "zarr zip": Kind(
        "a Zarr store in a zip archive",
        "import numpy, zarr; "
        "numpy.save({to}, zarr.open(zarr.storage.ZipStore({path}, mode='r'), mode='r')[:])",
        note='where it holds a group of arrays, put ["NAME"] before [:]',
    ),
    "sparse": Kind(
        "a sparse matrix of SciPy",
        "import numpy, scipy.sparse as s; "
        "numpy.save({to}, s.load_npz({path}).toarray().astype('float32'))",
    ),
    "mtx": Kind(
        "a Matrix Market file",
        "import numpy, scipy.io; "
        "numpy.save({to}, scipy.io.mmread({path}).toarray().astype('float32'))",
        note="rows become examples: where columns are, as in files of 10x Genomics, write "
        ".T.toarray()",
    ),
    "nifti": Kind(
        "a NIfTI volume",
        "import nibabel, numpy; "
        "numpy.save({to}, nibabel.load({path}).get_fdata(dtype='float32').T)",
        note="its slices become examples, with data.channels=none",
    ),
    "dicom": Kind(
        "a DICOM file",
        "import numpy, pydicom; from pathlib import Path; "
        "files = sorted(Path({folder}).glob('*')); "
        "numpy.save({to}, "
        "numpy.stack([pydicom.dcmread(f).pixel_array for f in files]).astype('float32'))",
        note="all files of the folder, with data.channels=none; values as stored, before rescale "
        "slope and intercept",
    ),
    "gzip": Kind(
        "packed with gzip",
        "import gzip; from pathlib import Path; "
        "Path({unpacked}).write_bytes(gzip.decompress(Path({path}).read_bytes()))",
    ),
}
SUFFIXES = {
    **dict.fromkeys((".csv", ".txt", ".tsv", ".tab"), "table"),
    **dict.fromkeys((".xlsx", ".xls"), "excel"),
    **dict.fromkeys((".h5", ".hdf5", ".hdf"), "hdf5"),
    **dict.fromkeys((".pt", ".pth"), "torch"),
    **dict.fromkeys((".pkl", ".pickle"), "pickle"),
    **{f".{name}": name for name in ("parquet", "feather", "h5ad", "mat", "safetensors", "zarr")},
    **dict.fromkeys((".mtx", ".mtx.gz"), "mtx"),
    **dict.fromkeys((".nii", ".nii.gz"), "nifti"),
    **dict.fromkeys((".dcm", ".dicom"), "dicom"),
}
SPARSE = {"data.npy", "format.npy", "shape.npy"}  # names in an archive of a sparse matrix
MAGIC = (
    (b"PAR1", "parquet"),
    (b"ARROW1", "feather"),
    (GZIP, "gzip"),
    (b"MATLAB 5.0 MAT-file", "mat"),
    (b"%%MatrixMarket", "mtx"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "excel"),
    (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19", "torch"),  # the format before zip archives
)
PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*")


def foreign_file(path: Path, *, for_table: bool = False) -> str | None:
    """Return a sentence that says what a file is and what to do, or ``None`` if that is unknown.

    Its content goes before its suffix.

    Args:
        path: The file.
        for_table: Whether it was to be a table in text, and not a NumPy file.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
    if head[257:262] == b"ustar":
        return f"{path} is a tar file: data=shards data.root=<its folder> reads those."
    if head.startswith(PICTURES):
        return f"{path} is a picture: data=images data.root=<its folder> reads those."
    name = kind_of(path, head)
    if name == "table":
        return (
            None
            if for_table
            else (
                f"{path} is a table in text: data=table data.path=… reads those, labels among them "
                "by data.target=<a column>."
            )
        )
    return None if name is None else sentence(path, KINDS[name])


def foreign_folder(path: Path, setting: str, wanted: str = "an .npy or .npz file") -> str:
    """Return the sentence for a folder where a file is needed."""
    if path.suffix.lower() == ".zarr" or any((path / n).exists() for n in (".zarray", "zarr.json")):
        return sentence(path, KINDS["zarr"])
    return (
        f"{path} is a folder: set {setting} to {wanted} in it; folders of pictures are "
        "read by data=images data.root=…, folders of tar files by data=shards data.root=…"
    )


def kind_of(path: Path, head: bytes) -> str | None:
    """Return which of the `KINDS`, or ``table``, a file is, by its first bytes or its name."""
    ends = "".join(path.suffixes[-2:]).lower()
    by_suffix = SUFFIXES.get(ends) or SUFFIXES.get(path.suffix.lower())
    if ends in SUFFIXES and head.startswith(GZIP):
        return by_suffix  # which is read as it is
    if head[128:132] == b"DICM":
        return "dicom"
    if head[344:347] in (b"n+1", b"ni1"):
        return "nifti"
    if head.startswith(b"PK"):
        return kind_of_archive(path) or by_suffix
    if HDF5 in (head[at : at + len(HDF5)] for at in (0, 512, 1024, 2048)):
        if head.startswith(MATLAB_7):
            return "mat73"
        return "h5ad" if by_suffix == "h5ad" else "hdf5"
    found = next((name for magic, name in MAGIC if head.startswith(magic)), None)
    if found is not None:
        return found
    if head[8:9] == b"{" and 0 < int.from_bytes(head[:8], "little") < 1 << 32:
        return "safetensors"
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return "torch" if by_suffix == "torch" else "pickle"
    return by_suffix


def kind_of_archive(path: Path) -> str | None:
    """Return which of the `KINDS` a zip archive is, by the names in it."""
    try:
        with ZipFile(path) as archive:
            names = archive.namelist()
    except (BadZipFile, *DAMAGE):
        return None
    if any(name.endswith("/data.pkl") for name in names):
        return "torch"
    if set(names) >= SPARSE:
        return "sparse"
    if "xl/workbook.xml" in names:
        return "excel"
    zarr = (".zarray", ".zgroup", "zarr.json")
    return "zarr zip" if any(name.rpartition("/")[2] in zarr for name in names) else None


def sentence(path: Path, kind: Kind) -> str:
    """Return what a file is and the line that converts it, as a shell reads it."""
    target = path.with_suffix(".npy")
    if target.exists():
        target = path.with_name(f"{path.name}.npy")
    places = {"path": path, "to": target, "folder": path.parent, "unpacked": path.with_suffix("")}
    quoted = {name: json.dumps(str(place), ensure_ascii=False) for name, place in places.items()}

    def line(code: str) -> str:
        return f"python -c {shlex.quote(code.replace(chr(39), chr(34)).format_map(quoted))}"

    told = f"{path} is {kind.name}, not a NumPy .npy or .npz file. This converts it: "
    told += line(kind.code)
    if kind.listing:
        told += f" ({NAME} {line(kind.listing)})"
    return told + (f" ({kind.note})" if kind.note else "")
