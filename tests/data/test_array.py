"""The user's arrays: shapes, types, labels and mistakes."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from vae.data import Array, DataModule
from vae.data.formats import headers, values

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(0)


@pytest.fixture
def saved(tmp_path):
    def save(array, name="my data.npy"):
        path = tmp_path / name
        np.save(path, array)
        return str(path)

    return save


def zipped(tmp_path, **arrays):
    path = tmp_path / "data.npz"
    np.savez_compressed(path, **arrays)
    return str(path)


def bytes_of(*shape):
    return RNG.integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize(
    ("shape", "channels", "expected"),
    [
        ((5, 7), None, (7,)),
        ((5, 7), "none", (1, 7)),
        ((5, 7, 9), "first", (7, 9)),
        ((5, 7, 9), "last", (9, 7)),
        ((5, 7, 9), "none", (1, 7, 9)),
        ((5, 3, 8, 9), None, (3, 8, 9)),
        ((5, 8, 9, 3), "last", (3, 8, 9)),
        ((5, 8, 9, 3), "first", (8, 9, 3)),
    ],
)
def test_shapes(saved, shape, channels, expected):
    array = bytes_of(*shape)
    source = Array(saved(array), channels=channels)
    x = source.load().train.take(torch.arange(5)).numpy()
    assert source.spec.shape == expected == x.shape[1:]
    straight = np.moveaxis(array, -1, 1) if channels == "last" else array
    assert np.array_equal(x.reshape(straight.shape), straight)


@pytest.mark.parametrize(
    ("dtype", "support", "spec", "stored"),
    [
        (np.uint8, None, ("boolean", 2), torch.uint8),
        (np.uint8, "boolean", ("boolean", 2), torch.uint8),
        (np.uint8, "unit_interval", ("unit_interval", 256), torch.uint8),
        (np.bool_, None, ("boolean", 2), torch.uint8),
        (np.float64, None, ("real", None), torch.float32),
        (np.float16, "unit_interval", ("unit_interval", None), torch.float32),
        (">f4", None, ("real", None), torch.float32),
        (np.int64, "real", ("real", None), torch.float32),
    ],
)
def test_types(saved, dtype, support, spec, stored):
    array = np.array([[0, 1], [1, 1]]).astype(dtype)
    source = Array(saved(array), support=support)
    assert (source.spec.support, source.spec.levels) == spec
    x = source.load().train.take(torch.arange(2))
    assert x.dtype == stored
    assert x.tolist() == [[0, 1], [1, 1]]


def test_bits_and_bytes_reach_the_model_in_range(saved):
    bits = DataModule(Array(saved(RNG.random((40, 6)) < 0.5)), batch_size=4).examples("train")
    assert bits["x"].unique().tolist() == [0, 1]
    shades = DataModule(Array(saved(bytes_of(40, 60))), batch_size=4).examples("train")
    assert 0 <= shades["x"].min() < 0.1 < 0.9 < shades["x"].max() <= 1


def test_the_statistics_are_those_of_the_training_part(saved):
    data = DataModule(Array(saved(RNG.normal(5, 3, (400, 6)))), standardize=True)
    shift, scale = data.statistics()
    deviation, mean = torch.std_mean(data.examples("train")["x"].double(), 0, correction=0)
    torch.testing.assert_close(shift, mean.float())
    torch.testing.assert_close(scale, deviation.float())
    assert not torch.allclose(shift, data.examples("test")["x"].mean(0), rtol=1e-3)
    assert data.describe()["units"].startswith("densities and x are in the units of the data")


@pytest.mark.parametrize("dtype", [np.float64, np.int64])
def test_what_float32_cannot_tell_apart_stays_as_it_is(saved, dtype):
    stamps = 1_700_000_000 + 60 * np.arange(480)
    array = np.stack([stamps, np.arange(480)], 1).astype(dtype)
    data = DataModule(Array(saved(array), support="real"), standardize=True)
    x = torch.cat([data.examples(split)["x"] for split in ("train", "val", "test")])
    assert x.dtype == torch.float64
    assert sorted(x[:, 0].tolist()) == stamps.tolist()
    shift, scale = data.statistics()
    assert (shift.dtype, scale.dtype) == (torch.float64, torch.float32)
    plain = DataModule(Array(saved(array), support="real")).examples("train")["x"]
    assert plain.dtype == torch.float32
    # Where it can, at half the memory; a constant has no differences to lose.
    small = np.stack([array[:, 1], np.full(480, 1.7e9)], 1)
    assert Array(saved(small), support="real").load().train.x.dtype == torch.float32


def test_bytes_of_0_and_1_are_bits(saved, monkeypatch):
    """Also where the first 1 stands far in the file, and the first larger value further still."""
    monkeypatch.setattr("vae.data.formats.headers.BLOCK", 64)
    x = np.zeros((40, 6), np.uint8)
    x[30:, 2] = 1
    for mmap in (False, True):
        data = DataModule(Array(saved(x), mmap=mmap), batch_size=4)
        assert (data.spec.support, data.spec.levels) == ("boolean", 2)
        assert data.examples("train")["x"].unique().tolist() == [0, 1]
        assert data.describe()["values"] == "uint8, 0 and 1"
    scaled = DataModule(Array(saved(x), support="unit_interval"), batch_size=4)
    assert scaled.examples("train")["x"].max() == np.float32(1 / 255)
    x[39, 5] = 2
    assert Array(saved(x)).spec.support == "unit_interval"


def test_bits_among_bytes_are_looked_for_up_to_the_first_other_value(saved, monkeypatch):
    monkeypatch.setattr("vae.data.formats.headers.BLOCK", 64)
    looked = []
    blocks = headers.stored_bytes
    monkeypatch.setattr(
        values, "stored_bytes", lambda *a: (looked.append(len(b)) or b for b in blocks(*a))
    )
    assert Array(saved(bytes_of(100, 6))).spec.support == "unit_interval"
    assert looked == [64]


def test_the_summary_says_range_and_scale(saved):
    told = DataModule(Array(saved(np.array([[0, 255], [3, 4]] * 20, np.uint8)))).describe()
    assert told["values"] == "uint8 from 0 to 255, divided by 255"
    assert "advice" not in told
    told = DataModule(Array(saved(np.linspace(-1, 1, 80).reshape(40, 2)))).describe()
    assert told["values"] == "float64 from -1 to 1"


WIDTHS = np.array([1.0, 1000.0])


@pytest.mark.parametrize(
    ("array", "settings", "told"),
    [
        (RNG.uniform(0, 255, (40, 1, 5, 5)), {}, "look like bytes: store them as uint8, or divide"),
        (RNG.integers(0, 256, (40, 9)).astype(np.float32), {}, "look like bytes"),
        (
            RNG.uniform(0, 255, (40, 9)),
            {},
            r"from .* to 25\d train badly: use data.standardize=true",
        ),
        (1e8 * RNG.normal(size=(40, 9)), {}, r"train badly: use data\.standardize=true"),
        (RNG.uniform(0, 0.1, (40, 2)) * WIDTHS, {}, "deviations from .* to .* per dimension train"),
        (1e8 * RNG.normal(size=(40, 1, 5, 5)), {}, "train badly: divide them"),
        (1e8 * RNG.normal(size=(40, 9)), {"standardize": True}, None),
        (RNG.normal(size=(40, 9)), {}, None),
    ],
)
def test_values_on_which_nets_train_badly_are_named(saved, array, settings, told):
    found = DataModule(Array(saved(array)), **settings).describe().get("advice")
    assert re.search(told, found) if told else found is None


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (0, 1, "from 0 to 1: set data.support=boolean to read"),
        (0, 255, r"from 0 to 255: store uint8 if these .*astype\('uint8'\)"),
        (-3, 7, "from -3 to 7: set data.support=real to read"),
    ],
)
def test_integers_of_other_types_get_advice_by_their_values(saved, low, high, told):
    array = np.array([[low, high]] * 4, np.int16)
    with pytest.raises(ValueError, match=f"holds int16 {told}"):
        Array(saved(array)).spec  # noqa: B018


def test_labels_by_key_by_name_and_from_a_file(saved, tmp_path):
    y = np.array([0, 2, 1, 2])
    for name in ("labels", "y"):
        source = Array(zipped(tmp_path, x=bytes_of(4, 3), **{name: y}))
        assert source.spec.num_classes == 3
        assert source.load().train.labels.tolist() == y.tolist()
    source = Array(zipped(tmp_path, x=bytes_of(4, 3), kind=y), label_key="kind", num_classes=5)
    assert source.spec.num_classes == 5
    source = Array(saved(bytes_of(4, 3)), labels=saved(y.astype(np.uint8), "y.npy"))
    assert source.load().train.labels.tolist() == y.tolist()


def test_the_data_key(tmp_path):
    path = zipped(tmp_path, a=bytes_of(4, 3), b=bytes_of(4, 5))
    with pytest.raises(ValueError, match=r"holds the arrays a, b: set data\.data_key"):
        Array(path).spec  # noqa: B018
    assert Array(path, data_key="b").spec.shape == (5,)
    with pytest.raises(ValueError, match=r"no array 'c'; it has: a, b"):
        Array(path, data_key="c").spec  # noqa: B018


def test_spec_reads_no_data(saved, monkeypatch):
    path = saved(bytes_of(10, 4))
    monkeypatch.setattr(np, "load", pytest.fail)
    assert Array(path).spec.shape == (4,)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_name_their_index(saved, bad):
    array = RNG.normal(size=(5000, 3))
    array[4321, 2] = bad
    with pytest.raises(ValueError, match=rf"holds {bad} at index \(4321, 2\)"):
        DataModule(Array(saved(array))).setup()


def test_values_beyond_single_precision(saved):
    with pytest.raises(ValueError, match=r"holds inf at index \(7, 0\)"):
        DataModule(Array(saved(np.where(np.arange(50)[:, None] == 7, 1e300, 0)))).setup()
    huge = np.full((50, 40), 3e38, dtype=np.float32)
    DataModule(Array(saved(huge)), batch_size=4).setup()


@pytest.mark.parametrize(
    ("array", "support", "message"),
    [
        (np.linspace(0, 255, 60).reshape(20, 3), "unit_interval", "between 0 and 255"),
        (np.linspace(-1, 1, 60).reshape(20, 3), "unit_interval", "between -1 and 1"),
        (np.linspace(0, 1, 60).reshape(20, 3), "boolean", r"declared boolean .*between 0 and 1"),
        (np.full((20, 3), 7, dtype=np.uint8), "boolean", "between 7 and 7"),
        (np.full((20, 3), 7), "unit_interval", "between 7 and 7"),
    ],
)
def test_a_declared_support_is_checked(saved, array, support, message):
    with pytest.raises(ValueError, match=message):
        DataModule(Array(saved(array), support=support)).setup()


@pytest.mark.parametrize(
    ("array", "settings", "message"),
    [
        (bytes_of(5, 8, 8), {}, r"shape \(5, 8, 8\): set data\.channels=none"),
        (bytes_of(5, 8, 9, 3), {}, "channels last it seems: set data.channels=last"),
        (bytes_of(5, 8, 9, 3), {"channels": "none"}, "needs 2 or 3 dimensions"),
        (bytes_of(5, 8), {"channels": "last"}, "needs 3 or 4 dimensions"),
        (bytes_of(5), {}, r"shape \(5,\): it must be \(N, D\)"),
        (bytes_of(2, 2, 2, 2, 2), {}, "it must be"),
        (bytes_of(0, 3), {}, "no dimension of 0"),
        (np.zeros((4, 3), dtype=np.int64), {}, "holds int64 from 0 to 0: store uint8"),
        (np.zeros((4, 3), dtype=complex), {"support": "real"}, "only real numbers"),
        (np.array([["a", "b"]]), {"support": "real"}, "only real numbers"),
        (np.array([[None, {}]]), {"support": "real"}, "only real numbers"),
    ],
)
def test_arrays_that_cannot_be_used(saved, array, settings, message):
    with pytest.raises(ValueError, match=message):
        Array(saved(array), **settings).spec  # noqa: B018


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.arange(3), r"must be 4 integers or texts, .* got int64 of shape \(3,\)"),
        (np.array([0.5, 1, 2, 3]), "got float64"),
        (np.array([0, -1, 2, 3]), "from 0 up"),
        (np.array([0, 1, 2, 9]), r"reach 9, but data\.num_classes=4"),
    ],
)
def test_labels_that_do_not_fit(tmp_path, labels, message):
    with pytest.raises(ValueError, match=message):
        Array(zipped(tmp_path, x=bytes_of(4, 3), y=labels), num_classes=4).load()


@pytest.mark.parametrize("name", ["data.npy", "data.npz"])
def test_damaged_missing_and_foreign_files(tmp_path, saved, name):
    path = tmp_path / name
    with pytest.raises(FileNotFoundError, match=r"is no file: set data\.path"):
        Array(str(path)).spec  # noqa: B018
    array = bytes_of(50, 30)
    good = saved(array, "good.npy") if name == "data.npy" else zipped(tmp_path, x=array)
    whole = Path(good).read_bytes()
    for content in (b"", b"some text", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="is damaged or no NumPy"):
            Array(str(path)).load()


@pytest.mark.parametrize(
    "settings",
    [
        {"channels": "middle"},
        {"support": "positive"},
        {"num_classes": 0},
        {"num_classes": 10**17},
        {"path": ""},
    ],
)
def test_bad_settings(settings):
    with pytest.raises(ValueError, match=rf"data\.{next(iter(settings))}"):
        Array(**{"path": "x.npy", **settings})


@pytest.mark.parametrize(
    ("array", "settings"),
    [
        (bytes_of(40, 3, 8, 8), {}),
        (bytes_of(40, 8, 9), {"channels": "none"}),
        (RNG.random((40, 30)) < 0.5, {}),
        (RNG.normal(size=(40, 30)).astype(np.float32), {}),
    ],
)
def test_a_mapped_array_holds_the_same_and_its_file_stays_as_it_is(saved, array, settings):
    path = saved(array)
    whole, mapped = (Array(path, mmap=mmap, **settings).load().train for mmap in (False, True))
    assert mapped.x.dtype == whole.x.dtype
    assert torch.equal(mapped.x, whole.x)
    mapped.x.zero_()
    assert np.array_equal(np.load(path), array)


@pytest.mark.parametrize(
    ("array", "settings"),
    [
        (RNG.normal(size=(40, 30)), {}),
        (bytes_of(40, 30), {"support": "real"}),
        (bytes_of(40, 8, 8, 3), {"channels": "last"}),
        (np.asfortranarray(bytes_of(40, 30)), {}),
    ],
)
def test_an_array_that_must_be_converted_is_not_mapped(saved, array, settings):
    path = saved(array)
    assert len(Array(path, **settings).load().train) == 40
    with pytest.raises(ValueError, match=r"data\.mmap=true needs uint8 .*: store it so, or use"):
        Array(path, mmap=True, **settings).load()


def test_an_archive_is_not_mapped(tmp_path):
    with pytest.raises(ValueError, match=r"in an \.npy file"):
        Array(zipped(tmp_path, x=bytes_of(4, 3)), mmap=True).load()


def test_mapped_values_are_checked(saved):
    array = RNG.normal(size=(5000, 3)).astype(np.float32)
    array[4321, 2] = np.nan
    with pytest.raises(ValueError, match=r"holds nan at index \(4321, 2\)"):
        DataModule(Array(saved(array), mmap=True)).setup()
    bits = np.zeros((400, 30), np.bool_)
    bits.view(np.uint8)[399, 29] = 7
    with pytest.raises(ValueError, match="a bool is neither 0 nor 1"):
        Array(saved(bits), mmap=True).load()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("mmap", [True, False])
def test_an_epoch_of_a_mapped_array_takes_the_memory_of_some_batches(tmp_path, mmap):
    """The control: with the array in memory, more than its 400 MB are taken."""
    path = tmp_path / "large.npy"
    out = np.lib.format.open_memmap(path, "w+", np.float32, (100_000, 1_000))
    out[:] = 1
    del out
    command = [sys.executable, "-m", "tests.data.memory", "array", str(path), str(mmap)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    peak = float(done.stdout)
    assert (peak < 100) if mmap else (peak > 350)


def test_arrays_that_nobody_asked_for_are_left_out_aloud(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.zeros((9, 3), np.float32), y=np.arange(9) % 2, z=np.zeros(9))
    assert Array(str(tmp_path / "x.npz")).load().facts["left out"] == "arrays z"


def test_deviations_of_a_few_wide_vectors_are_no_reason_for_advice(tmp_path):
    wide = np.random.default_rng(0).normal(size=(12, 50_000)).astype(np.float32)
    np.save(tmp_path / "x.npy", wide)
    data = DataModule(Array(str(tmp_path / "x.npy")))
    assert "advice" not in data.describe()
