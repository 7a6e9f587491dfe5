"""Sequences of unequal lengths: every format gives the same batch, and padding is never seen."""

import json
import struct

import numpy as np
import pytest
import torch
from scipy.io import savemat

from vae.data import Array, DataModule, Memory, Sequences
from vae.data.formats.matlab import read_matlab
from vae.data.moments import moments

LENGTHS = [4, 2, 5, 1]
ENDS = np.cumsum(LENGTHS)
STEPS = np.arange(24, dtype=np.float64).reshape(12, 2) + 0.5
TIMES = np.concatenate([np.arange(n) ** 1.5 for n in LENGTHS])
LABELS = np.array([0, 1, 1, 2])


def split(column):
    return np.split(column, ENDS[:-1])


def padded(column, fill=0):
    """Return steps ``(ΣT, ...)`` as ``(N, T, ...)``."""
    found = np.full((4, 5, *column.shape[1:]), fill, column.dtype)
    for place, row in zip(found, split(column), strict=True):
        place[: len(row)] = row
    return found


def cells(values):
    found = np.empty((1, len(values)), object)
    found[0, :] = values
    return found


def lines(path, **fields):
    rows = zip(*fields.values(), strict=True)
    named = [dict(zip(fields, (np.asarray(v).tolist() for v in row), strict=True)) for row in rows]
    path.write_text("\n".join(json.dumps(row) for row in named) + "\n\n")


WRITERS = {
    "padded.npz": lambda path, x, t: np.savez(
        path, x=padded(x, 9.0), length=LENGTHS, time=padded(t), y=LABELS
    ),
    "joined.npz": lambda path, x, t: np.savez(path, x=x, lengths=LENGTHS, time=t, y=LABELS),
    "offsets.npz": lambda path, x, t: np.savez(
        path, x=x, offsets=np.append(0, ENDS), time=t, label=LABELS
    ),
    "starts.npz": lambda path, x, t: np.savez(
        path, x=x, offsets=ENDS - LENGTHS, time=t, label=LABELS
    ),
    "cells.mat": lambda path, x, t: savemat(
        path, {"x": cells(split(x)), "time": cells(split(t)), "label": LABELS}
    ),
    "padded.mat": lambda path, x, t: savemat(
        path, {"x": padded(x), "length": LENGTHS, "time": padded(t), "label": LABELS}
    ),
    "lines.jsonl": lambda path, x, t: lines(path, x=split(x), time=split(t), label=LABELS),
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("kind", ["real", "whole", "bits", "missing"])
def test_every_format_gives_the_same_batch(tmp_path, name, kind):
    x, expected = STEPS.copy(), {"length": torch.tensor(LENGTHS)}
    if kind == "whole":  # which MATLAB packs as bytes
        x = x.round()
    elif kind == "bits":
        x = (x.round() % 3 == 0) * 1.0
    elif kind == "missing":
        x[[1, 8], [0, 1]] = np.nan
        expected["mask"] = torch.from_numpy(padded(~np.isnan(x)))
    WRITERS[name](tmp_path / name, x, TIMES)
    source = Sequences(str(tmp_path / name))
    found = source.load().train
    bits = kind == "bits"
    assert (source.spec.shape, source.spec.support) == ((5, 2), "boolean" if bits else "real")
    assert torch.equal(found.x, torch.from_numpy(padded(np.nan_to_num(x))).to(found.x.dtype))
    assert found.x.dtype == (torch.uint8 if bits else torch.float32)
    assert found.labels.tolist() == LABELS.tolist()
    expected["time"] = torch.from_numpy(padded(TIMES)).float()
    assert set(found.fields) == set(expected)
    for field, value in expected.items():
        assert torch.equal(found.fields[field], value)
        assert found.fields[field].dtype == value.dtype


@pytest.mark.parametrize("packed", [False, True])
def test_matlab_files_hold_what_scipy_wrote(tmp_path, packed):
    wrote = {
        "x": STEPS.round(),
        "word": np.int16([[1, -2, 3]]),
        "truth": np.array([[True], [False]]),
        "cube": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
        "cells": cells([STEPS[:3], np.arange(4.0)[:, None], np.zeros((0, 0))]),
        "names": np.array(["ab", "c"]),
        "record": {"a": 1},
    }
    savemat(tmp_path / "a.mat", wrote, do_compression=packed)
    found = read_matlab(tmp_path / "a.mat")
    assert set(found) == set(wrote) - {"record"}
    for name, value in found.items():
        rows = value if isinstance(value, list) else [value]
        wanted = wrote[name].ravel("F") if isinstance(value, list) else [wrote[name]]
        for row, expected in zip(rows, wanted, strict=True):
            assert row.dtype == expected.dtype
            assert np.array_equal(row, expected)
    savemat(tmp_path / "a.mat", {"x": cells([{"a": 1}])}, do_compression=packed)
    with pytest.raises(ValueError, match="cell 1 of x is a struct"):
        read_matlab(tmp_path / "a.mat")


def test_a_matlab_file_with_an_object_gives_its_other_variables(tmp_path):
    """Strings and tables are stored without a shape, and what they hold without a name."""

    def element(kind, data):
        return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)

    path = tmp_path / "a.mat"
    savemat(path, {"x": STEPS})
    words = [element(1, word) for word in (b"s", b"MCOS", b"string")]
    held = [element(6, struct.pack("<II", 9, 0)), element(5, struct.pack("<ii", 1, 4))]
    held += [element(1, b""), element(2, b"\x00\x01IM")]
    with path.open("ab") as file:
        file.write(element(14, element(6, struct.pack("<II", 17, 0)) + b"".join(words)))
        file.write(element(14, b"".join(held)))
    assert read_matlab(path).keys() == {"x"}


def test_an_array_for_each_sequence_and_parts_by_their_names(tmp_path):
    rows = split(STEPS[:, :1])
    np.savez(tmp_path / "plain.npz", *(row[:, 0] for row in rows))
    plain = Sequences(str(tmp_path / "plain.npz")).load()
    assert plain.train.x.shape == (4, 5, 1)
    assert plain.train.fields["length"].tolist() == LENGTHS
    names = ["train_0", "valid_0", "train_1", "test_0"]
    np.savez(tmp_path / "parts.npz", **dict(zip(names, rows, strict=True)))
    splits = Sequences(str(tmp_path / "parts.npz")).load()
    found = [s.fields["length"].tolist() for s in (splits.train, splits.val, splits.test)]
    assert found == [[4, 5], [2], [1]]
    assert splits.val.x.shape == (1, 5, 1)  # padded to the longest of all
    savemat(
        tmp_path / "parts.mat",
        {"traindata": cells(rows[:2]), "validdata": cells(rows[2:3]), "testdata": cells(rows[3:])},
    )
    cut = Sequences(str(tmp_path / "parts.mat"))
    assert (cut.has_val, cut.has_test, cut.spec.name) == (True, True, "parts")
    assert [len(s) for s in (cut.load().train, cut.load().val, cut.load().test)] == [2, 1, 1]


def test_further_fields_by_step_and_by_sequence(tmp_path):
    action, size = STEPS[:, ::-1] * 2, np.arange(4.0)[:, None] + [0, 1, 2]
    path = tmp_path / "a.npz"
    np.savez(path, x=STEPS, lengths=LENGTHS, action=action, size=size, notes=np.array(["a"] * 4))
    source = Sequences(str(path))
    found = source.load()
    assert torch.equal(found.train.fields["action"], torch.from_numpy(padded(action)).float())
    assert found.train.fields["size"].shape == (4, 3)
    assert source.spec.fields["action"] == {"shape": (5, 2), "dtype": "float32"}
    assert found.facts["left out"] == "arrays notes"
    chosen = Sequences(str(path), fields={"move": "action"}).load().train.fields
    assert set(chosen) == {"length", "move"}


def test_a_mask_of_the_file_and_missing_values_together(tmp_path):
    mask = np.arange(12) % 4 != 1
    x = STEPS.copy()
    x[~mask] = np.nan
    np.savez(tmp_path / "a.npz", x=x, lengths=LENGTHS, mask=mask)
    found = Sequences(str(tmp_path / "a.npz")).load()
    assert torch.equal(found.train.fields["mask"], torch.from_numpy(padded(mask)))
    assert found.facts["missing"].startswith("25.0%")
    x[0, 1] = np.nan
    np.savez(tmp_path / "a.npz", x=x, lengths=LENGTHS, mask=mask)
    found = Sequences(str(tmp_path / "a.npz")).load().train
    assert torch.equal(found.fields["mask"], torch.from_numpy(padded(~np.isnan(x))))
    assert not found.x[~found.fields["mask"]].any()


REFUSED = {
    "has no 'y'": {"x": STEPS, "lengths": LENGTHS, "set": {"data_key": "y"}},
    "may be one sequence or many": {"x": STEPS},
    "fit x of shape .* neither": {"x": STEPS, "lengths": [5, 5, 1]},
    "length must be from 1 to 5; it is from 0 to 6": {"x": padded(STEPS), "length": [4, 0, 6, 1]},
    "length must be whole numbers": {"x": padded(STEPS), "length": [4, 2.5, 5, 1]},
    "offsets must rise from 0": {"x": STEPS, "offsets": [0, 6, 4]},
    "holds Python objects as x, which need a pickle": {"x": np.array([STEPS, 1], object)},
    "time of sequence 1 must rise": {"x": STEPS, "lengths": LENGTHS, "time": -TIMES},
    "too close in time for float32": {"x": STEPS, "lengths": LENGTHS, "time": TIMES + 1.7e9},
    "time must be a number for each step": {"x": STEPS, "lengths": LENGTHS, "time": np.arange(4)},
    "mask of sequence 1 must hold truth values": {"x": STEPS, "lengths": LENGTHS, "mask": STEPS},
    "mask must have a row for each": {"x": STEPS, "lengths": LENGTHS, "mask": [True]},
    "field a holds values that are not finite": {
        "x": STEPS,
        "lengths": LENGTHS,
        "a": np.full(12, np.nan),
    },
    "sequence 2 has no steps": {"p": STEPS, "q": STEPS[:0]},
    "x of sequence 2 has shape .* as of the first": {"p": STEPS, "q": STEPS[:, :1]},
}


@pytest.mark.parametrize("told", REFUSED)
def test_what_does_not_fit_is_refused_in_a_sentence(tmp_path, told):
    arrays = dict(REFUSED[told])
    settings = arrays.pop("set", {})
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=told) as error:
        Sequences(str(tmp_path / "a.npz"), **settings).load()
    assert str(error.value).count("\n") == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"x": [[1, 2]]}\n{"x": [[1, 2}\n', "line 2 is no JSON"),
        ('{"x": [[1, 2]]}\n\n{"y": 1}\n', "line 3 must be an object with x"),
        ('{"x": [[1, 2], [3]]}\n', "line 1: x must be numbers in lists that are equally long"),
        ('{"x": [[1, 2]]}\n{"x": [[1, 2]], "b": 1}\n', "line 2: .* b is in one of them alone"),
        ('{"x": [["1", 2]]}\n', "x must hold real numbers"),
        ('{"x": [1, 2], "length": 1}\n', "leave padding out"),
    ],
)
def test_a_damaged_line_is_named_by_its_number(tmp_path, text, told):
    (tmp_path / "a.jsonl").write_text(text)
    with pytest.raises(ValueError, match=told):
        Sequences(str(tmp_path / "a.jsonl")).load()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\x93NUMPY\x01\0", "holds one array alone"),
        (b"\x80\x05\x95", "is a pickle, which can run code and is not read"),
        (b"MATLAB 7.3 MAT-file, \x89HDF", "save it in MATLAB by save"),
        (b"MATLAB 5.0 MAT-file" + b" " * 200, "cannot be read"),
        (b"PK\x03\x04", "damaged or no NumPy"),
        (b"1,2\n", "must be an .npz file"),
    ],
)
def test_other_files_are_refused_by_what_they_are(tmp_path, content, told):
    (tmp_path / "a.bin").write_bytes(content)
    with pytest.raises(ValueError, match=told):
        Sequences(str(tmp_path / "a.bin")).load()


def test_arrays_with_a_length_are_sequences(tmp_path):
    path = tmp_path / "a.npz"
    mask = padded(np.ones((12, 2), np.uint8))
    np.savez(path, x=padded(STEPS), n=np.array(LENGTHS, np.uint8), mask=mask, flat=padded(TIMES))
    source = Array(str(path), data_key="x", fields={"length": "n", "mask": "mask"})
    found = source.load().train
    assert source.spec.of_sequences
    assert source.spec.fields["length"] == {"shape": (), "dtype": "int64"}
    assert source.spec.fields["mask"]["dtype"] == "bool"
    assert (found.fields["length"].dtype, found.fields["mask"].dtype) == (torch.int64, torch.bool)
    assert found.x.shape == (4, 5, 2)
    single = Array(str(path), data_key="flat", fields={"length": "n"})
    assert single.spec.shape == (5, 1)
    for settings, told in (
        ({"channels": "last"}, "channels=last is not for sequences"),
        ({"fields": {"length": "flat"}}, "length must hold a whole number"),
        ({"fields": {"length": "n", "mask": "n"}}, "mask must hold truth values"),
    ):
        with pytest.raises(ValueError, match=told):
            Array(str(path), **{"data_key": "x", "fields": {"length": "n"}, **settings}).load()
    np.savez(path, x=padded(STEPS), n=[1, 2, 6, 0])
    with pytest.raises(ValueError, match="length must be from 1 to 5"):
        Array(str(path), data_key="x", fields={"length": "n"}).load()
    given = {"x": padded(TIMES), "length": LENGTHS}
    assert Memory(given).load().train.x.shape == (4, 5, 1)


def test_means_and_widths_are_of_each_channel_over_known_steps(tmp_path):
    x = STEPS * [1.0, 1e-3] + [1e6, 0]
    x[7] = np.nan
    np.savez(tmp_path / "a.npz", x=x, lengths=LENGTHS)
    data = DataModule(Sequences(str(tmp_path / "a.npz")), standardize=True, val_size=1, test_size=1)
    everything = data.source.load().train
    assert everything.x.dtype == torch.float32
    mean, width = moments(everything)
    known = torch.from_numpy(np.float32(np.delete(x, 7, 0))).double()
    deviation, expected = torch.std_mean(known, 0, correction=0)
    torch.testing.assert_close(mean.double(), expected, rtol=1e-7, atol=0)
    torch.testing.assert_close(width.double(), deviation)
    assert data.statistics()[0].shape == (2,)
    assert data.spec.standardized
