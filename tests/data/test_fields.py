"""Named fields reach the batches beside their x, and only those that are asked for."""

import json
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.compose import settings_of
from tests.data.test_batches import flat
from tests.data.test_shards import vectors
from vae.batch import blank
from vae.build import build_data
from vae.data import (
    Array,
    DataModule,
    DataSpec,
    EvalBatches,
    Preprocess,
    Shards,
    Splits,
    Sprites,
    TensorExamples,
    TrainBatches,
)
from vae.data.identity import changes, identity
from vae.data.source import Source
from vae.saved import read_spec

N = 103
SPEC = DataSpec(
    "numbers",
    (2,),
    "real",
    num_classes=7,
    factor_names=("half", "parity"),
    factor_sizes=(52, 2),
    fields={
        "mask": {"shape": (3,), "dtype": "bool"},
        "weight": {"shape": (), "dtype": "float32"},
    },
)
ALL = ("x", "index", "label", "factors", "mask", "weight")


def fields_of(i):
    """Return what belongs to examples of these numbers."""
    return {
        "x": i[:, None].expand(-1, 2).float(),
        "index": i,
        "label": i % 7,
        "factors": torch.stack([i // 2, i % 2], 1),
        "mask": (i[:, None] >> torch.arange(3)) % 2 == 1,
        "weight": i / 8,
    }


def examples(count=N):
    known = fields_of(torch.arange(count))
    own = {name: known[name] for name in ("mask", "weight")}
    return TensorExamples(known["x"], known["label"], known["factors"], fields=own)


class Numbers(Source):
    """Numbers with all that may be known of an example."""

    spec = SPEC

    def prepare(self):
        pass

    def load(self):
        return Splits(examples())


def check(batch, fields=ALL):
    """See that a batch holds these fields alone, of the examples that its index names."""
    assert tuple(batch) == tuple(fields)
    expected = fields_of(batch["index"])
    for name, value in batch.items():
        assert value.dtype == expected[name].dtype
        assert torch.equal(value, expected[name])


def loader_of(kind, fields=ALL, **settings):
    return kind(examples(), Preprocess(SPEC), batch_size=4, fields=fields, **settings)


@pytest.mark.parametrize("group_size", [1, 3, 100])
def test_fields_follow_x_in_training_on_all_ranks(group_size):
    settings = {"world_size": 3, "drop_last": False, "group_size": group_size}
    ranks = [loader_of(TrainBatches, rank=rank, **settings) for rank in range(3)]
    for _ in range(2):
        batches = [batch for loader in ranks for batch in flat(loader)]
        for batch in batches:
            check(batch)
        assert set(torch.cat([b["index"] for b in batches]).tolist()) == set(range(N))


@pytest.mark.parametrize("group_size", [1, 3])
@pytest.mark.parametrize("read", [1, 4, 7])
def test_fields_follow_x_after_a_resume_in_the_midst_of_an_epoch(read, group_size):
    def loader():
        return loader_of(TrainBatches, rank=1, world_size=2, group_size=group_size)

    whole, stopped, resumed = loader(), loader(), loader()
    first, second = (list(flat(whole)) for _ in range(2))
    list(islice(flat(stopped), read))
    resumed.load_state_dict(stopped.state_dict())
    for rest in (first[read:], second):
        found = list(flat(resumed))
        assert [b["index"].tolist() for b in found] == [b["index"].tolist() for b in rest]
        for batch in found:
            check(batch)


@pytest.mark.parametrize("world_size", [1, 3])
def test_fields_follow_x_outside_training(world_size):
    ranks = [loader_of(EvalBatches, rank=rank, world_size=world_size) for rank in range(world_size)]
    batches = [batch for loader in ranks for batch in loader]
    for batch in batches:
        check(batch)
    assert sorted(torch.cat([b["index"] for b in batches]).tolist()) == list(range(N))


def test_a_data_module_hands_out_the_fields_that_it_is_set_to():
    data = DataModule(Numbers(), batch_size=4, val_size=0.3)
    assert all(tuple(batch) == ("x",) for batch in flat(data.train_dataloader()))
    data.fields = ALL
    for loader in (data.train_dataloader(), data.val_dataloader(), data.test_dataloader()):
        for batch in flat(loader):
            check(batch)
    assert tuple(next(iter(data.batches("test")))) == ("x",)
    for n in (None, 5):
        check(data.examples("test", n))
        check(data.examples("train", n, fields=("mask", "index")), ("mask", "index"))


def test_frozen_bits_keep_the_fields_of_their_examples():
    class Grey(Numbers):
        spec = replace(SPEC, support="unit_interval", levels=256)

        def load(self):
            known = fields_of(torch.arange(N))
            grey = known["x"].byte()
            return Splits(TensorExamples(grey, known["label"], fields={"mask": known["mask"]}))

    data = DataModule(Grey(), binarization="static")
    found = data.examples("val", fields=("index", "label", "mask"))
    check(found, ("index", "label", "mask"))
    assert data.examples("val")["x"].unique().tolist() == [0, 1]


@pytest.mark.parametrize("kind", [TrainBatches, EvalBatches])
def test_nothing_is_gathered_that_is_not_asked_for(kind, monkeypatch):
    asked = []
    column = TensorExamples.column
    monkeypatch.setattr(
        TensorExamples, "column", lambda self, name: asked.append(name) or column(self, name)
    )
    for batch in flat(loader_of(kind, ("x",))):
        assert tuple(batch) == ("x",)
    assert asked == []
    monkeypatch.setattr(TensorExamples, "take", None)  # x is not even read
    for batch in flat(loader_of(kind, ("mask", "index"))):
        check(batch, ("mask", "index"))
    assert asked == ["mask", "index"]


def test_what_lies_in_files_is_read_only_for_x(tmp_path, monkeypatch):
    source = Shards(str(vectors(tmp_path / "v")), cache=str(tmp_path / "cache"))
    data = DataModule(source, batch_size=4)
    data.fields = ("label", "index")
    data.setup()
    monkeypatch.setattr("vae.data.formats.open_tars.OpenTars.member", None)
    for loader in (data.train_dataloader(), data.val_dataloader()):
        for batch in flat(loader):
            assert torch.equal(batch["label"], batch["index"])


def test_the_noise_of_x_does_not_depend_on_other_fields():
    grey = TensorExamples(torch.full((40, 9), 128, dtype=torch.uint8), torch.arange(40))
    preprocess = Preprocess(DataSpec("grey", (9,), "unit_interval", 256), binarization="dynamic")
    for kind in (TrainBatches, EvalBatches):
        alone, beside = (
            list(flat(kind(grey, preprocess, batch_size=8, fields=fields)))
            for fields in (("x",), ("label", "x"))
        )
        assert all(torch.equal(a["x"], b["x"]) for a, b in zip(alone, beside, strict=True))


def test_sprites_have_what_their_source_makes():
    found = DataModule(Sprites(200)).examples("val", 5)
    assert tuple(found) == ("x", "index", "label", "factors")
    assert torch.equal(found["label"], found["factors"][:, 0])


def test_fields_that_the_data_lack():
    told = r"label, mask is to be read of each example, but data plain have x, index alone"
    plain = DataSpec("plain", (2,), "real")
    with pytest.raises(ValueError, match=told):
        TrainBatches(
            TensorExamples(torch.zeros(9, 2)),
            Preprocess(plain),
            batch_size=4,
            fields=("x", "label", "mask"),
        )
    with pytest.raises(ValueError, match=told):
        blank(plain, ("x", "label", "mask"))


def test_a_blank_batch_has_the_shapes_and_types_of_the_data():
    one, known = blank(SPEC, ALL, 3), fields_of(torch.arange(3))
    assert {k: (v.shape, v.dtype) for k, v in one.items()} == {
        k: (v.shape, v.dtype) for k, v in known.items()
    }
    assert one["mask"].all()
    assert one["index"].tolist() == [0, 1, 2]
    assert not any(one[name].any() for name in ("x", "label", "factors", "weight"))


def test_a_spec_comes_back_from_checkpoints_and_exports(tmp_path):
    torch.save(asdict(SPEC), tmp_path / "spec.pt")
    kept = torch.load(tmp_path / "spec.pt", weights_only=True)
    for values in (kept, json.loads(json.dumps(asdict(SPEC)))):
        assert read_spec(values, Path("x")) == SPEC
    old = {k: v for k, v in asdict(SPEC).items() if k != "fields"}
    assert read_spec(old, Path("x")) == replace(SPEC, fields={})
    wrong = [5, {"mask": 5}, {"mask": {"shape": 3}}, {"mask": {"shape": ["a"], "dtype": "bool"}}]
    for fields in (*wrong, {"mask": {"shape": [3], "dtype": "object"}}):
        with pytest.raises(ValueError, match="does not say what data its model is for"):
            read_spec({**old, "fields": fields}, Path("x"))


def saved(folder, count=40, **arrays):
    i = np.arange(count)
    path = folder / "data.npz"
    np.savez(path, **{"x": i[:, None] + np.zeros((1, 3)), "valid": i % 2 == 0, **arrays})
    return str(path)


def test_arrays_of_a_file_are_fields_by_name(tmp_path):
    i = np.arange(40)
    path = saved(tmp_path, a=i[:, None].astype(np.uint8), b=i.astype(np.int16), c=i / 3, d=i)
    names = {"mask": "valid", "bytes": "a", "count": "b", "weight": "c"}
    data = build_data(
        settings_of(
            *("data=array", f"data.path={path}", "data.batch_size=4"),
            "data.fields={mask: valid, bytes: a, count: b, weight: c}",
        )
    )
    assert data.source.fields == names
    assert {name: tuple(kind.values()) for name, kind in data.spec.fields.items()} == {
        "mask": ((), "bool"),
        "bytes": ((1,), "uint8"),
        "count": ((), "int64"),
        "weight": ((), "float32"),
    }
    data.fields = ("x", *names)
    for batch in flat(data.train_dataloader()):
        x = batch["x"][:, 0]
        assert torch.equal(batch["mask"], x % 2 == 0)
        assert torch.equal(batch["bytes"][:, 0], x.byte())
        assert torch.equal(batch["count"], x.long())
        torch.testing.assert_close(batch["weight"], x / 3)
        assert {k: v.dtype for k, v in batch.items()} == {
            k: v.dtype for k, v in blank(data.spec, data.fields).items()
        }
    told = data.describe()
    assert told["fields"] == "mask (valid), bytes (a), count (b), weight (c)"
    assert told["left out"] == "arrays d"
    assert changes(identity(data.source.load()), identity(Array(path).load())) == "other data"
    before = identity(data.source.load())
    saved(tmp_path, valid=i % 3 == 0, a=i[:, None].astype(np.uint8), b=i.astype(np.int16), c=i / 3)
    now = identity(Array(path, fields=names).load())
    assert changes(before, now) == "the part train holds another field mask"


def test_fields_of_parts_of_their_own(tmp_path):
    path = tmp_path / "data.npz"
    arrays = {
        f"{what}_{part}": np.full((n, 2), start) + np.arange(n)[:, None]
        for part, n, start in (("train", 30, 0.0), ("test", 9, 100.0))
        for what in ("x", "m")
    }
    np.savez(path, **arrays)
    data = DataModule(Array(str(path), fields={"mask": "m_train"}), batch_size=4)
    for split in ("train", "val", "test"):
        found = data.examples(split)
        assert torch.equal(found["mask"], found["x"])
    np.savez(path, **{k: v for k, v in arrays.items() if k != "m_test"})
    with pytest.raises(ValueError, match="has m_train, but none for its part test"):
        Array(str(path), fields={"mask": "m_train"}).spec  # noqa: B018
    np.savez(path, **{**arrays, "m_test": np.ones((9, 3))})
    with pytest.raises(ValueError, match="parts of different shapes or types"):
        Array(str(path), fields={"mask": "m_train"}).spec  # noqa: B018


I40 = np.arange(40)


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (I40[:9], r"valid, the field mask, must be \(40, …\), a row for each example; got shape"),
        (I40.astype("U"), "valid, the field mask, must hold numbers; got <U21"),
        (np.where(I40 == 7, np.nan, 1.0), "holds values that are not finite"),
        (np.full(40, 1e300), "too large for float32"),
        (np.full(40, 2**63, np.uint64), "too large for int64"),
    ],
)
def test_arrays_that_are_no_fields(tmp_path, array, told):
    with pytest.raises(ValueError, match=told):
        DataModule(Array(saved(tmp_path, valid=array), fields={"mask": "valid"})).setup()


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ("mask", "must name an array for each field, such as"),
        ({"mask": 3}, "must name an array for each field"),
        ({"label": "valid"}, "cannot have a field 'label': it must be a word, and none of x, ind"),
        ({"a mask": "valid"}, "cannot have a field 'a mask'"),
        ({"mask": "none"}, r"has no array 'none'; it has: x, valid"),
    ],
)
def test_settings_that_name_no_fields(tmp_path, fields, told):
    with pytest.raises(ValueError, match=told):
        Array(saved(tmp_path), fields=fields).spec  # noqa: B018
