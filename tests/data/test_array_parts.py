"""Archives with training, validation and test arrays, as MedMNIST, Keras and others name them."""

import numpy as np
import pytest
import torch

from vae.data import Array, DataModule

SIZES = {"train": 30, "val": 7, "test": 9}


def part(name, offset=0.0):
    """Return vectors that hold the number of their part, so that a mix-up shows."""
    place = list(SIZES).index(name)
    return np.full((SIZES[name], 4), place + offset, np.float32)


def labels(name, shape=()):
    return np.full((SIZES[name], *shape), list(SIZES).index(name), np.uint8)


def save(folder, **arrays):
    np.savez(folder / "data.npz", **arrays)
    return str(folder / "data.npz")


MEDMNIST = {
    **{f"{name}_images": part(name) for name in SIZES},
    **{f"{name}_labels": labels(name, (1,)) for name in SIZES},
}
KERAS = {
    **{f"x_{name}": part(name) for name in ("test", "train")},
    **{f"y_{name}": labels(name) for name in ("test", "train")},
}
SKLEARN = {
    "X_train": part("train"),
    "X_valid": part("val"),
    "X_test": part("test"),
    "Y_train": labels("train"),
    "Y_valid": labels("val"),
    "Y_test": labels("test"),
}


@pytest.mark.parametrize(
    ("arrays", "sizes"),
    [(MEDMNIST, (30, 7, 9)), (SKLEARN, (30, 7, 9)), (KERAS, (27, 3, 9))],
)
def test_parts_by_the_names_of_arrays(tmp_path, arrays, sizes):
    data = DataModule(Array(save(tmp_path, **arrays)), batch_size=2)
    for name, size in zip(SIZES, sizes, strict=True):
        sample = data.examples(name)
        own = list(SIZES).index("train" if size == 3 else name)
        assert len(sample["x"]) == size
        assert sample["x"].unique().tolist() == [own]
        assert len(sample["label"].unique()) == 1
    assert "test" in data.describe()["parts"]


def test_a_part_of_its_own_is_not_cut_again(tmp_path):
    with pytest.raises(ValueError, match=r"part of its own for data\.test_size=3: use"):
        DataModule(Array(save(tmp_path, **KERAS)), test_size=3)
    data = DataModule(Array(save(tmp_path, **KERAS), own_parts=False), test_size=3, batch_size=2)
    assert data.examples("test")["x"].shape == (3, 4)
    assert data.examples("test")["x"].unique().tolist() == [0]


def test_a_key_that_is_given_is_the_only_array_unless_parts_are_asked_for(tmp_path):
    path = save(tmp_path, **MEDMNIST)
    data = DataModule(Array(path, data_key="train_images"), batch_size=2)
    assert len(data.examples("train")["x"]) == 24
    assert "own_parts=true takes val_images, test_images" in data.describe()["parts"]
    data = DataModule(Array(path, data_key="train_images", own_parts=True), batch_size=2)
    assert data.examples("test")["x"].unique().tolist() == [2]


def test_factors_of_parts(tmp_path):
    factors = {f"{n}_v": np.stack([np.arange(SIZES[n]) % 5] * 2, 1) for n in SIZES}
    source = Array(save(tmp_path, **MEDMNIST, **factors), factors_key="train_v")
    assert source.spec.factor_sizes == (5, 5)
    splits = source.load()
    for name in SIZES:
        assert getattr(splits, name).factors.tolist() == factors[f"{name}_v"].tolist()


@pytest.mark.parametrize(
    ("arrays", "settings", "told"),
    [
        ({**KERAS, "x_test": np.zeros((9, 5), np.float32)}, {}, "parts of different shapes"),
        ({**KERAS, "x_test": np.zeros((9, 4))}, {}, "parts of different shapes or types"),
        ({"a": part("train")}, {"own_parts": True}, "has no validation or test array beside a"),
        (KERAS, {"factor_names": ["a"]}, "needs data.factors_key or data.factors"),
        (KERAS, {"labels": "y.npy"}, "data.labels and data.factors are files for one array"),
        (
            {k: v for k, v in KERAS.items() if k != "y_test"},
            {"label_key": "y_train"},
            "has y_train, but none for its part test",
        ),
    ],
)
def test_parts_that_do_not_fit(tmp_path, arrays, settings, told):
    with pytest.raises(ValueError, match=told):
        Array(save(tmp_path, **arrays), **settings).spec  # noqa: B018


def test_the_layout_of_dsprites(tmp_path):
    latents = np.stack([np.zeros(40), np.arange(40) % 3, np.arange(40) % 5], 1).astype(np.int64)
    imgs = (np.arange(40 * 16).reshape(40, 4, 4) % 3 == 0).astype(np.uint8)
    meta = np.array({"title": "dSprites"})
    path = save(
        tmp_path, metadata=meta, imgs=imgs, latents_classes=latents, latents_values=latents * 0.5
    )
    source = Array(path, channels="none", factors_key="latents_classes")
    assert (source.spec.shape, source.spec.support) == ((1, 4, 4), "boolean")
    assert source.spec.factor_sizes == (1, 3, 5)
    splits = source.load()
    assert splits.train.take(torch.arange(40))[:, 0].tolist() == imgs.tolist()
    assert splits.facts["factors"] == "factor_0 (1), factor_1 (3), factor_2 (5)"
