"""Batches are a function of seed, epoch, number and rank, and resume exactly."""

from itertools import islice

import pytest
import torch

from vae.data import DataSpec, EvalBatches, Group, Preprocess, TensorExamples, TrainBatches
from vae.data.randomness import stream_seed

N = 103
FIELDS = ("x", "label")
SPEC = DataSpec("numbers", (1, 2, 2), "unit_interval", 256)


def examples(n=N):
    x = torch.arange(n, dtype=torch.uint8).view(n, 1, 1, 1).expand(n, 1, 2, 2).contiguous()
    return TensorExamples(x, torch.arange(n))


def flat(loader):
    """Yield the batches, out of their groups where there are any."""
    for item in loader:
        yield from (draft.make() for _, draft in item) if isinstance(item, Group) else [item]


def train(n=N, batch_size=10, binarization="dynamic", **settings):
    preprocess = Preprocess(SPEC, binarization=binarization)
    return TrainBatches(examples(n), preprocess, batch_size=batch_size, fields=FIELDS, **settings)


def evaluate(n=N, batch_size=10, **settings):
    preprocess = Preprocess(SPEC, binarization="dynamic")
    return EvalBatches(examples(n), preprocess, batch_size=batch_size, fields=FIELDS, **settings)


def same(first, second):
    pairs = list(zip(first, second, strict=True))
    return all(torch.equal(a[name], b[name]) for a, b in pairs for name in FIELDS)


def test_labels_follow_their_examples():
    for batch in flat(train(binarization="none")):
        assert torch.equal((batch["x"][:, 0, 0, 0] * 255).round().long(), batch["label"])
        assert batch["x"].dtype == torch.float32
        assert batch["x"].shape == (10, 1, 2, 2)


def test_epochs_differ_and_seeds_repeat():
    loader = train()
    first, second = list(flat(loader)), list(flat(loader))
    assert not same(first, second)
    again = train()
    assert same(first, list(flat(again)))
    assert same(second, list(flat(again)))
    assert not same(first, list(flat(train(seed=1))))


def test_the_global_random_state_is_neither_read_nor_moved():
    torch.manual_seed(1)
    first = list(flat(train()))
    after = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(after, torch.rand(1))
    torch.manual_seed(99)
    assert same(first, list(flat(train())))


def test_drop_last_and_the_lack_of_it():
    assert len(train()) == 10
    loader = train(drop_last=False)
    seen = torch.cat([b["label"] for b in flat(loader)])
    assert len(loader) == 11
    assert sorted(seen.tolist()) == list(range(N))


@pytest.mark.parametrize("read", [0, 1, 4, 9, 10])
def test_a_state_taken_mid_epoch_yields_exactly_the_remaining_batches(read):
    whole = train()
    first, second = list(flat(whole)), list(flat(whole))
    stopped = train()
    list(islice(flat(stopped), read))
    state = stopped.state_dict()
    resumed = train()
    iterator = flat(resumed)
    resumed.load_state_dict(state)
    resumed.set_epoch(0)
    rest = list(iterator)
    assert same(rest, first[read:] if read < 10 else second)
    if read < 10:
        assert same(list(flat(resumed)), second)


def test_set_epoch_leaves_a_position_of_another_epoch():
    loader = train()
    list(islice(flat(loader), 3))
    loader.set_epoch(5)
    expected = train()
    expected.set_epoch(5)
    assert same(list(flat(loader)), list(flat(expected)))


def test_a_state_of_other_data_is_refused():
    state = train().state_dict()
    with pytest.raises(ValueError, match="batch_size=10, this run has batch_size=5"):
        train(batch_size=5).load_state_dict(state)
    with pytest.raises(ValueError, match="num_examples=103"):
        train(n=100).load_state_dict(state)


def test_fewer_examples_than_a_batch():
    with pytest.raises(ValueError, match=r"9 training examples.*data\.batch_size"):
        train(n=9)
    assert len(train(n=9, drop_last=False)) == 1


@pytest.mark.parametrize("drop_last", [True, False])
@pytest.mark.parametrize("n", [103, 100, 101])
def test_ranks_share_the_training_examples_evenly(n, drop_last):
    ranks = [train(n, 8, rank=r, world_size=4, drop_last=drop_last) for r in range(4)]
    seen = [torch.cat([b["label"] for b in flat(loader)]) for loader in ranks]
    assert len({len(loader) for loader in ranks}) == 1
    assert len({len(s) for s in seen}) == 1
    together = torch.cat(seen)
    if drop_last:
        assert len(together.unique()) == len(together)
    else:
        assert len(together.unique()) == n
        assert len(together) - n < 4


@pytest.mark.parametrize("world_size", [1, 3, 4])
def test_ranks_evaluate_every_example_exactly_once(world_size):
    ranks = [evaluate(rank=r, world_size=world_size) for r in range(world_size)]
    for loader in ranks:
        assert len(list(flat(loader))) == len(loader)
    seen = torch.cat([b["label"] for loader in ranks for b in flat(loader)])
    assert sorted(seen.tolist()) == list(range(N))


def test_ranks_draw_different_noise():
    a, b = (next(flat(train(256, 128, rank=r, world_size=2, seed=3))) for r in (0, 1))
    assert not torch.equal(a["x"], b["x"])


def test_evaluation_repeats_itself_and_keeps_the_last_batch():
    loader = evaluate()
    assert same(list(flat(loader)), list(flat(loader)))
    assert [len(b["x"]) for b in flat(loader)] == [10] * 10 + [3]
    assert not hasattr(loader, "sampler")


def test_no_labels():
    data = TensorExamples(torch.zeros(20, 1, 2, 2, dtype=torch.uint8))
    told = (
        r"label is to be read of each example, but data numbers have x, index alone: use data with"
    )
    with pytest.raises(ValueError, match=told):
        EvalBatches(data, Preprocess(SPEC), batch_size=4, fields=("x", "label"))


def test_seeds_of_streams_are_all_different():
    keys = [(s, e, i) for s in range(4) for e in range(20) for i in range(50)]
    seeds = {stream_seed(*key) for key in keys} | {stream_seed(*key[:2]) for key in keys}
    assert len(seeds) == 4000 + 80
    assert len({s & 0xFFFFFFFF for s in seeds}) > 4075
