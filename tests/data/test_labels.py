"""Labels and factors of the user's arrays: what they may look like, and what becomes of them."""

import numpy as np
import pytest

from vae.data import Array, DataModule

RNG = np.random.default_rng(0)
N = 60
X = RNG.normal(size=(N, 5)).astype(np.float32)


def source(folder, y=None, settings=None, **arrays):
    if y is not None:
        arrays["y"] = y
    np.savez(folder / "data.npz", x=X, **arrays)
    return Array(str(folder / "data.npz"), **(settings or {}))


PLACES = RNG.integers(0, 3, N)
PLACES[:3] = [0, 1, 2]
DATES = np.array([20230101, 20230102, 20240305])


@pytest.mark.parametrize(
    ("y", "names"),
    [
        (PLACES, ()),
        (PLACES.astype(np.uint8)[:, None], ()),
        (np.eye(3, dtype=np.float32)[PLACES], ()),
        (np.eye(3, dtype=bool)[PLACES], ()),
        (DATES[PLACES], ("20230101", "20230102", "20240305")),
        (PLACES - 1, ("-1", "0", "1")),
        (PLACES * 2**40, ("0", str(2**40), str(2**41))),
        (PLACES * 10**16 + 1, ("1", "10000000000000001", "20000000000000001")),
        (PLACES.astype(np.uint64) + 2**63, tuple(str(2**63 + i) for i in range(3))),
        (np.array(["ant", "bee", "cat"])[PLACES], ("ant", "bee", "cat")),
        (np.array([b"ant", b"bee", b"caf\xc3\xa9"])[PLACES, None], ("ant", "bee", "café")),
    ],
)
def test_values_become_classes_in_sorted_order(tmp_path, y, names):
    array = source(tmp_path, y)
    assert (array.spec.num_classes, array.spec.class_names) == (3, names)
    splits = array.load()
    assert splits.train.labels.tolist() == PLACES.tolist()
    assert splits.facts["labels"].startswith("3 classes")


def test_two_truth_values_are_two_classes(tmp_path):
    spec = source(tmp_path, PLACES > 0).spec
    assert (spec.num_classes, spec.class_names) == (2, ("False", "True"))


@pytest.mark.parametrize(
    ("y", "told"),
    [
        (RNG.normal(size=N), r"got float64 of shape \(60,\), and real numbers are no classes"),
        (RNG.integers(0, 2, (N, 4)), r"must be 60 integers or texts, .* got int64 of shape"),
        (np.arange(N - 1), r"must be 60 integers or texts, .* shape \(59,\)"),
        (np.array([{}] * N), "holds Python objects as y, which are not read"),
    ],
)
def test_what_is_no_label_is_left_out_aloud_and_refused_where_asked_for(tmp_path, y, told):
    data = DataModule(source(tmp_path, y), batch_size=8)
    assert data.spec.num_classes is None
    assert "label" not in data.examples("train")
    assert data.describe()["labels"].startswith("none: ")
    for settings in ({"label_key": "y"}, {"num_classes": 3}):
        with pytest.raises(ValueError, match=told):
            source(tmp_path, y, settings).spec  # noqa: B018


def test_labels_can_be_declined(tmp_path):
    array = source(tmp_path, PLACES, {"label_key": "none"})
    assert array.spec.num_classes is None
    assert array.load().train.labels is None
    assert "labels" not in array.load().facts


def test_more_values_than_there_can_be_classes(tmp_path, monkeypatch):
    monkeypatch.setattr("vae.data.labels.MAX_CLASSES", 2)
    assert source(tmp_path, PLACES).spec.num_classes == 3
    array = source(tmp_path, DATES[PLACES])
    assert array.spec.num_classes is None
    assert "take 3 values, more than 2 classes" in array.load().facts["labels"]


def test_given_classes_are_not_numbered_anew(tmp_path):
    spec = source(tmp_path, np.array([3, 8])[PLACES % 2], {"num_classes": 10}).spec
    assert (spec.num_classes, spec.class_names) == (10, ())
    assert source(tmp_path, np.array([3, 8])[PLACES % 2]).spec.class_names == ("3", "8")


TABLE = np.stack([PLACES, 10 * (np.arange(N) % 2), np.arange(N) % 4], 1)
RANKS = np.stack([PLACES, np.arange(N) % 2, np.arange(N) % 4], 1).tolist()


def test_factors_by_key_and_from_a_file(tmp_path):
    for table in (TABLE, TABLE * 0.25):  # angles are factors too
        array = source(tmp_path, None, {"factors_key": "v"}, v=table)
        assert array.spec.factor_names == ("factor_0", "factor_1", "factor_2")
        assert array.spec.factor_sizes == (3, 2, 4)
        assert array.load().train.factors.tolist() == RANKS
    np.save(tmp_path / "v.npy", TABLE)
    names = ["shape", "hue", "size"]
    array = source(tmp_path, None, {"factors": str(tmp_path / "v.npy"), "factor_names": names})
    assert array.spec.factor_names == tuple(names)
    assert array.load().train.factors.tolist() == RANKS


@pytest.mark.parametrize(
    ("table", "settings", "told"),
    [
        (TABLE[1:], {}, r"must be \(60, F\); got shape \(59, 3\)"),
        (TABLE.astype(str), {}, "must be finite numbers; got <U21"),
        (np.where(TABLE > 9, np.nan, TABLE), {}, "must be finite numbers; got float64"),
        (TABLE, {"factor_names": ["shape"]}, "are 3, but data.factor_names has 1"),
        (TABLE, {"factors_key": "w"}, "has no array 'w'; it has: x, v"),
    ],
)
def test_factors_that_do_not_fit(tmp_path, table, settings, told):
    with pytest.raises(ValueError, match=told):
        source(tmp_path, None, {"factors_key": "v", **settings}, v=table).spec  # noqa: B018


def test_a_factor_of_measurements_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("vae.data.sets.factor_columns.MAX_VALUES", 50)
    with pytest.raises(ValueError, match="must take at most 50 values each; one takes 60"):
        source(tmp_path, None, {"factors_key": "v"}, v=RNG.normal(size=(N, 2))).spec  # noqa: B018


def test_the_number_of_classes_holds_for_one_hot_labels_too(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.zeros((10, 3), np.float32), y=np.eye(5)[np.arange(10) % 5])
    with pytest.raises(ValueError, match=r"reach 4, but data\.num_classes=3"):
        Array(str(tmp_path / "x.npz"), num_classes=3).spec  # noqa: B018
