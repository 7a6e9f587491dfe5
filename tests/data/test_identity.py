"""What tells data from others: any change that a run would meet, and nothing else."""

import numpy as np
import pytest
import torch

from tests.data.test_shards import npy, source, write
from vae.data import Array, DataModule, Sprites, identity
from vae.data.identity import changes
from vae.data.identity import identity as identity_of


def arrays(folder, count=40, **changed):
    """Write parts with labels, and return what identifies them."""
    rng = np.random.default_rng(0)
    found = {
        "x_train": rng.normal(size=(count, 6)).astype(np.float32),
        "y_train": np.arange(count) % 3,
        "x_test": rng.normal(size=(9, 6)).astype(np.float32),
        "y_test": np.arange(9) % 3,
    }
    for name, change in changed.items():
        change(found[name])
    folder.mkdir(exist_ok=True)
    np.savez(folder / "data.npz", **found)
    return identity_of(Array(str(folder / "data.npz")).load())


def put(place, value):
    return lambda x: x.__setitem__(place, value)


CHANGES = {
    "one value": ({"x_train": put((17, 3), 0.5)}, "the part train holds other values"),
    "another part": ({"x_test": put((8, 5), 0.5)}, "the part test holds other values"),
    "one label": ({"y_train": put(4, 2)}, "the part train holds other labels"),
    "their order": ({"x_train": lambda x: x.sort(0)}, "the part train holds other values"),
    "their number": ({"count": 41}, "the part train had 40 examples and has 41 now"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changed_is_named(tmp_path, change):
    settings, told = CHANGES[change]
    assert changes(arrays(tmp_path), arrays(tmp_path, **settings)) == told


def test_a_copy_elsewhere_is_the_same(tmp_path):
    assert changes(arrays(tmp_path / "a"), arrays(tmp_path / "b")) == ""


@pytest.mark.parametrize("before", [5, None, [], {}, {"train": 5, "test": {}}, {"train": {}}])
def test_what_a_foreign_checkpoint_says_is_told_from_ones_own(tmp_path, before):
    assert changes(before, arrays(tmp_path))
    data = DataModule(Array(str(tmp_path / "data.npz")), batch_size=4)
    for state in (before or 5, {"identity": before}):
        with pytest.raises(ValueError, match="are not those that the run was trained on"):
            data.load_state_dict(state)


def shards(folder, value=0.0, extra=0):
    for t in range(3):
        vectors = np.full((30, 4), t + value, np.float32)
        members = {}
        for i, x in enumerate(vectors):
            members |= {f"{i}.npy": npy(x), f"{i}.txt": b"." * (extra + 1)}
        write(folder / f"{t}.tar", members)
    return identity_of(source(folder).load())


def test_tars_are_told_by_where_examples_lie_and_by_some(tmp_path):
    before = shards(tmp_path / "v")
    assert changes(before, shards(tmp_path / "v")) == ""
    assert "other values" in changes(before, shards(tmp_path / "v", value=1.0))
    assert "other values" in changes(before, shards(tmp_path / "v", extra=600))


def test_of_large_data_examples_over_all_count(tmp_path, monkeypatch):
    monkeypatch.setattr(identity, "WHOLE", 500)
    monkeypatch.setattr(identity, "PART", 240)
    before = arrays(tmp_path)
    assert changes(before, arrays(tmp_path, x_train=put((39, 5), 0.5)))  # the last counts
    assert changes(before, arrays(tmp_path, x_train=put((slice(None), 0), 0.5)))
    assert changes(before, arrays(tmp_path, y_train=put(11, 0)))


def test_drawn_pictures_are_told_by_their_settings():
    found = [identity_of(Sprites(size=50, seed=seed).load()) for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]
    assert torch.is_tensor(Sprites(size=50).load().train.labels)
