"""Tables in text: every usual way of writing one is read alike, or refused by line and column."""

import re

import numpy as np
import pytest
import torch

from vae.data import DataModule, Table
from vae.data.formats import table_rows
from vae.data.identity import changes, identity

X = np.random.default_rng(0).normal(size=(6, 3))
HEADS = {"names": ("a", "b", "c"), "none": ()}


@pytest.fixture
def table(tmp_path):
    """Return a function that writes a table and returns its source."""

    def make(text, **settings):
        path = tmp_path / "x.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return Table(str(path), **settings)

    return make


def read(source):
    return source.load().train.x.double().numpy()


def names(source):
    return source.load().facts["columns"].split(", ")


def written(sep=",", head=(), end="", decimal=".", quote=""):
    rows = [[repr(float(v)).replace(".", decimal) for v in row] for row in X]
    return "".join(
        sep.join(f"{quote}{value}{quote}" for value in row) + end + "\n"
        for row in ([head] if head else []) + rows
    )


@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("end", ["", " ", "\r"])
@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize("sep", [",", ", ", "\t", " \t", ";", " ", "   "])
def test_a_table_is_read_whatever_separates_it(table, sep, head, end, quote):
    source = table(written(sep, head, end, quote=quote))
    assert np.allclose(read(source), X)
    assert names(source) == list(head or ("column_0", "column_1", "column_2"))
    assert ("names" in source.load().facts) == (not head)


@pytest.mark.parametrize("sep", [";", "\t"])
def test_decimal_commas(table, sep):
    assert np.allclose(read(table(written(sep, ("a", "b", "c"), decimal=","))), X)
    spaced = table(written(" ", decimal=","), decimal="comma", separator="space")
    assert np.allclose(read(spaced), X)


@pytest.mark.parametrize(
    ("text", "expected", "columns"),
    [
        (b"\xef\xbb\xbfa,b\n1,2\n", [[1, 2]], ["a", "b"]),  # the mark that spreadsheets begin with
        ("a,b\n1,2", [[1, 2]], ["a", "b"]),  # no end of the last line
        ("# made today\n\na,b\n# one\n1,2\n\n3,4\n", [[1, 2], [3, 4]], ["a", "b"]),
        ("# ra dec\n1 2\n", [[1, 2]], ["ra", "dec"]),  # names in a comment
        ("# made by hand\n1 2\n", [[1, 2]], ["column_0", "column_1"]),
        ("a\n1.5\n", [[1.5]], ["a"]),
        ("1,2,\n3,4,\n", [[1, 2], [3, 4]], ["column_0", "column_1"]),  # a separator at each end
        ("a,b\n1,2,\n3,4,\n", [[1, 2], [3, 4]], ["a", "b"]),
        ("a,b,\n1,2,\n3,4,\n", [[1, 2], [3, 4]], ["a", "b"]),
        (",a,b\n0,1,2\n1,3,4\n", [[1, 2], [3, 4]], ["a", "b"]),  # pandas' to_csv
        ('"a" "b"\n"Fiat 128" 1 2\n"Opel" 3 4\n', [[1, 2], [3, 4]], ["a", "b"]),  # R's
        ("a,b\nTrue,2\nFALSE,4\n", [[1, 2], [0, 4]], ["a", "b"]),
        ("a,b\n1e3,-.5\n+2.,0\n", [[1e3, -0.5], [2, 0]], ["a", "b"]),
        ('"length, mm","b\nc"\n1,2\n', [[1, 2]], ["length, mm", "b\nc"]),
        ("id,2019,2020\n1,5,3\n", [[1, 5, 3]], ["id", "2019", "2020"]),
    ],
)
def test_ways_of_writing(table, text, expected, columns):
    source = table(text)
    assert read(source).tolist() == expected
    assert source.load().facts["columns"] == ", ".join(columns).replace("\n", "\\n")


def test_a_first_line_of_numbers_is_a_row_unless_it_is_said_to_hold_names(table):
    text = "400,401,402\n1,2,3\n"
    assert len(read(table(text))) == 2
    source = table(text, header=True)
    assert (read(source).tolist(), names(source)) == ([[1, 2, 3]], ["400", "401", "402"])
    source = table("a,b\nc,d\n", header=False, target="column_0")
    with pytest.raises(ValueError, match="holds texts in the column column_1"):
        source.load()


def test_columns_and_target_by_name(table):
    text = "id,w,kind,h,y\n7,1,b,2,0.5\n8,3,a,4,1.5\n"
    source = table(text, leave_out=["id", "kind"], target="y")
    assert read(source).tolist() == [[1, 2], [3, 4]]
    assert source.spec.fields == {"target": {"shape": (), "dtype": "float32"}}
    assert source.load().train.fields["target"].tolist() == [0.5, 1.5]
    source = table(text, columns=["h", "w"], target="kind")
    assert read(source).tolist() == [[2, 1], [4, 3]]
    assert source.load().train.labels.tolist() == [1, 0]
    assert source.spec.class_names == ("a", "b")
    told = source.load().facts
    assert (told["left out"], told["labels"].split(",")[0]) == ("columns id, y", "kind")


@pytest.mark.parametrize(
    ("values", "kind", "num_classes"),
    [
        (range(7), None, 7),
        ([3, 5] * 4, None, 2),
        (["1.0", "2.0", "2.0"], None, 2),
        (range(101), None, None),
        (range(101), "classes", 101),
        ([0.5, 1, 2], None, None),
        ([0, 1, 1], "real", None),
        (["yes", "no"], None, 2),
    ],
)
def test_a_target_is_classes_or_real(table, values, kind, num_classes):
    rows = [f"{i},{value}" for i, value in enumerate(values)]
    source = table("\n".join(["x,y", *rows]), target="y", target_kind=kind)
    train = source.load().train
    assert source.spec.num_classes == num_classes
    assert (train.labels is None) == (num_classes is None) == ("target" in train.fields)
    assert len(train) == len(values)


MISSING = ["", "NA", "n/a", "nan", "NaN", "?", "null", "NULL", "None", "-", "."]


@pytest.mark.parametrize("value", MISSING)
def test_missing_values_are_refused_by_line_and_column_or_dropped(table, value):
    text = f"a,b,c\n1,2,x\n3,{value},y\n5,6,\n"
    with pytest.raises(ValueError, match=r"line 3: b is missing\. .* data\.missing=drop"):
        table(text, target="c").load()
    with pytest.raises(ValueError, match="line 4: c is missing"):
        table(text, target="c", columns=["a"]).load()
    source = table(text, target="c", missing="drop")
    assert read(source).tolist() == [[1, 2]]
    assert source.load().facts["rows dropped"] == "2 that lack a value"
    assert len(read(table(text, columns=["a"]))) == 3  # what is not read may be missing
    with pytest.raises(ValueError, match="has no row without a missing value"):
        table(f"a,b\n1,{value}\n", missing="drop").load()


@pytest.mark.parametrize(
    ("text", "settings", "told"),
    [
        ("a,b\n1,2\n3,four\n", {}, "line 3: b is 'four', which is no finite number"),
        ("a,b\n1,2\n3,inf\n", {}, "line 3: b is 'inf'"),
        ("a,b\n1,2\n3,1e999\n", {}, "line 3: b is '1e999'"),
        ('a,b\n1,2\n3,"1,5"\n', {}, "line 3: b is '1,5'"),
        ("a,b\n1,2\n3,1_000\n", {}, "line 3: b is '1_000'"),
        ("a,b\n1,2\n3,4,5\n", {}, "line 3: 3 values, and there are 2 columns"),
        ("a b\n1 2\n3\n", {"separator": "space"}, "line 3: 1 values, and there are 2 columns"),
        ('a,b\n1,2\n3,"4\n', {}, "a quotation mark in line 3 has no second"),
        ("a,b,c\n1,2\n3,4\n", {}, "names 3 columns in line 1 and has 2 values in line 2"),
        ("a,a\n1,2\n", {}, "has 2 columns called 'a'"),
        ("a,b\n", {}, "holds names of columns, and no row below"),
        ("", {}, "is empty: a table has a row for each example"),
        ("# no more\n", {}, "is empty"),
        (b"a,b\xfc\n1,2\n", {}, "is no text in UTF-8"),
        ("länge,b\n1,2\n".encode("utf-16"), {}, "is no text"),
        (b"\x93NUMPY", {}, "is a NumPy file: data=array data.path="),
        (b"PAR1" + bytes(40), {}, "is a Parquet table"),
        (
            "a,b,c d\n1,x,y\n",
            {},
            r"columns b, c d, .*leave_out=\[b,'c d'\], or data\.columns=\[a\], or .*=b for its",
        ),
        ("a,b\n1,x\n", {"columns": ["a", "b"]}, r"column b, .*leave them out of data\.columns"),
        ("aa,b\n1,2\n", {"columns": ["a"]}, r"no column 'a', which data\.columns .* mean aa\?"),
        ("a,b\n1,2\n", {"target": "z"}, r"no column 'z', which data\.target names; it has a, b"),
        ("a,b\n1,2\n", {"leave_out": ["a", "b"]}, "has no column of numbers for x"),
        ("a,b\n1,2\n", {"columns": "a"}, r"data\.columns must be a list of names"),
        ("a,b\n1,2\n", {"columns": ["a", "a"]}, r"data\.columns names a column twice"),
        ("a,b\n1,x\n", {"target": "b", "target_kind": "real"}, "the column b holds texts"),
        ("a,b\n1,1e39\n", {"target": "b"}, "numbers above 3e38"),
        ("a,b\n1,3\n2,3\n", {"target": "b"}, "column b is 3.0 in every row, so that there is noth"),
        ("a,b\n1,x\n2,x\n", {"target": "b"}, "target column b is x in every row"),
        ("a,b\n1,.5\n2,.5\n", {"target": "b"}, "target column b is 0.5 in every row"),
        ("a,b\n1,3\n2,3\n", {"target": "b", "target_kind": "real"}, "b is 3.0 in every row"),
        ("a,b\n1,.5\n", {"target": "b", "target_kind": "classes"}, "real numbers are no classes"),
        (
            "".join(f"{i},n{i}\n" for i in range(2100)),
            {"target": "column_1"},
            "more than 2,000 of them",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(table, text, settings, told):
    with pytest.raises(ValueError, match=told) as caught:
        table(text, **settings).load()
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "settings",
    [
        {"path": ""},
        {"missing": "ignore"},
        {"separator": ","},
        {"decimal": "."},
        {"support": "positive"},
        {"target_kind": "ordinal"},
        {"header": "yes"},
        {"decimal": "comma", "separator": "comma"},
        {"columns": ["a"], "leave_out": ["b"]},
    ],
)
def test_bad_settings(settings):
    with pytest.raises(ValueError, match=rf"data\.{next(iter(settings))}"):
        Table(**{"path": "x.csv", **settings})


def test_absent_files_and_folders(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"is no file: set data\.path to a table in text"):
        Table(str(tmp_path / "x.csv")).spec  # noqa: B018
    with pytest.raises(FileNotFoundError, match=r"is a folder: set data\.path to a table in text"):
        Table(str(tmp_path)).spec  # noqa: B018


def test_blocks_are_put_together_in_order(table, monkeypatch):
    """With values missing in some, and a class that is met late."""
    monkeypatch.setattr(table_rows, "BLOCK", 40)
    kinds = ["a", "b"] * 50 + ["c"]
    rows = [f"{i},{'NA' if i % 7 == 5 else -i},{kind}" for i, kind in enumerate(kinds)]
    source = table("\n".join(["i,v,k", *rows]), target="k", missing="drop")
    kept = [i for i in range(101) if i % 7 != 5]
    assert read(source).tolist() == [[i, -i] for i in kept]
    assert source.load().train.labels.tolist() == ["abc".index(kinds[i]) for i in kept]
    assert len(list(table_rows.blocks(source.path, 2))) > 10


def test_a_split_table_is_in_its_own_units_and_known_again(table):
    x = 1e3 + 5 * np.random.default_rng(0).normal(size=(200, 2))
    lines = ["a,b,y", *(f"{r[0]},{r[1]},{r.sum()}" for r in x)]
    data = DataModule(table("\n".join(lines), target="y"), standardize=True)
    batch = {k: data.examples("train", fields=("x", "target"))[k] for k in ("x", "target")}
    torch.testing.assert_close(batch["x"].sum(1), batch["target"])
    assert data.describe()["columns"] == "a, b"
    assert "advice" not in data.describe()
    before = identity(table("\n".join(lines), target="y").load())
    assert changes(before, identity(table("\n".join(lines), target="y").load())) == ""
    lines[1] = f"{x[0, 0]},{x[0, 1]},7.5"
    changed = identity(table("\n".join(lines), target="y").load())
    assert changes(before, changed) == "the part train holds another field target"


def test_time_stamps_keep_their_differences(table):
    source = table("t\n" + "\n".join(str(1_700_000_000 + 60 * i) for i in range(50)))
    assert source.load().train.x.dtype == torch.float64
    assert re.match("float64 from 1.7e", source.load().facts["values"])


def test_bits(table):
    data = DataModule(table("a,b\n" + "0,1\n1,1\n" * 20, support="boolean"))
    assert (data.spec.support, data.spec.levels) == ("boolean", 2)
