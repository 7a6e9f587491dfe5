"""The data module: splits, settings, Lightning, and the config that makes it."""

import os
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch

from vae.data import (
    MNIST,
    DataModule,
    DataSpec,
    Splits,
    Sprites,
    TensorExamples,
    make_data,
)
from vae.data.randomness import Noise
from vae.data.source import Source

ROOT = Path(__file__).parents[2]


class Numbers(Source):
    """100 grey pictures, each with its own value."""

    def __init__(self, n=100, test=None, x=None):
        self.n = n
        self.test = test
        self.x = x
        self.has_test = test is not None

    @property
    def spec(self):
        return DataSpec("numbers", (1, 2, 2), "unit_interval", 256)

    def prepare(self):
        pass

    def load(self):
        x = torch.arange(self.n, dtype=torch.uint8).view(-1, 1, 1, 1).repeat(1, 1, 2, 2)
        x = x if self.x is None else self.x
        test = None if self.test is None else TensorExamples(x[: self.test])
        return Splits(TensorExamples(x, torch.arange(len(x))), test=test)


def labels(data):
    return [data.examples(split)["label"].tolist() for split in ("train", "val", "test")]


def test_splits_are_disjoint_whole_and_seeded():
    parts = labels(DataModule(Numbers(), batch_size=10, val_size=0.2, test_size=15))
    assert [len(p) for p in parts] == [65, 20, 15]
    assert sorted(parts[0] + parts[1] + parts[2]) == list(range(100))
    assert parts == labels(DataModule(Numbers(), batch_size=10, val_size=0.2, test_size=15, seed=9))
    assert parts != labels(
        DataModule(Numbers(), batch_size=10, val_size=0.2, test_size=15, split_seed=1)
    )


def test_train_size_leaves_validation_and_test_alone():
    few, all_ = (labels(DataModule(Numbers(), train_size=n)) for n in (7, None))
    assert len(few[0]) == 7
    assert few[1:] == all_[1:]
    assert few[0] == all_[0][:7]


def test_a_test_set_of_its_own_is_kept():
    data = DataModule(Numbers(test=30), batch_size=10)
    assert len(data.examples("test")["x"]) == 30
    assert len(data.examples("train")["x"]) == 90
    with pytest.raises(ValueError, match=r"of its own.*data\.test_size=null"):
        DataModule(Numbers(test=30), test_size=10)


def test_static_binarisation_is_the_same_everywhere_and_dynamic_is_not():
    def epochs(binarization):
        data = DataModule(Numbers(), batch_size=10, binarization=binarization, drop_last=False)
        data.setup()
        data.fields = ("x", "label")
        loader = data.train_dataloader()
        rows = (
            {
                int(y): x
                for group in loader
                for _, b in group
                for x, y in zip(*b.make().values(), strict=True)
            }
            for _ in range(2)
        )
        first, second = rows
        return all(torch.equal(first[k], second[k]) for k in first)

    assert epochs("static")
    assert not epochs("dynamic")
    one, other = (
        DataModule(Numbers(), binarization="static", split_seed=0, seed=s).examples("val")["x"]
        for s in (0, 1)
    )
    assert torch.equal(one, other)


SORTED = torch.arange(5).repeat_interleave(40)  # classes, one after the other


def sorted_data(**settings):
    """Test data of its own that are sorted by class, grey."""
    x = torch.full((200, 1, 3, 3), 100, dtype=torch.uint8) + SORTED.view(-1, 1, 1, 1).byte()
    source = Numbers(x=x)
    source.has_test = source.has_val = True
    everything = TensorExamples(x, SORTED)
    source.load = lambda: Splits(everything, val=everything, test=everything)
    return DataModule(source, batch_size=10, **settings)


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_the_first_examples_of_sorted_files_are_like_all(split):
    data = sorted_data()
    counts = data.examples(split, 100)["label"].bincount(minlength=5)
    assert counts.min() > 8  # 20 each
    first = data.examples(split, 20)
    for n in (21, 150):
        more = data.examples(split, n)
        assert torch.equal(more["x"][:20], first["x"])
        assert torch.equal(more["label"][:20], first["label"])
    whole = data.examples(split)["label"]
    assert whole.sort().values.equal(SORTED)
    assert split == "train" or whole.equal(SORTED)  # as it is stored
    other = sorted_data(split_seed=1).examples(split, 20)
    assert not torch.equal(other["label"], first["label"])


@pytest.mark.parametrize("noise", [{"binarization": "dynamic"}, {"dequantize": True}])
def test_outside_training_an_example_is_the_same_wherever_it_is_seen(noise):
    data = sorted_data(**noise)
    x = data.examples("test")["x"]
    assert not torch.equal(x[0], x[1])
    for n, batch_size in ((None, 7), (150, 64), (200, 200), (30, 1)):
        batches = data.batches("test", n=n, batch_size=batch_size)
        rows = batches.examples.rows
        assert torch.equal(torch.cat([b["x"] for b in batches]), x[rows])
        assert torch.equal(data.examples("test", n)["x"], x[rows])
    ranks = [data.test_dataloader() for _ in range(3)]
    for rank, loader in enumerate(ranks):
        loader.rank, loader.world_size = rank, 3
        assert torch.equal(torch.cat([b["x"] for b in loader]), x[rank::3])
    assert torch.equal(sorted_data(seed=7, **noise).examples("test")["x"], x)
    assert not torch.equal(
        sorted_data(split_seed=7, **noise).examples("test")["x"].sum(0), x.sum(0)
    )


def test_the_noise_of_an_example_does_not_depend_on_the_sizes_of_splits():
    def seen(**sizes):
        data = DataModule(Numbers(x=grey), binarization="dynamic", **sizes)
        samples = [data.examples(split) for split in ("train", "val", "test")]
        return {int(y): x for s in samples for x, y in zip(s["x"], s["label"], strict=True)}

    grey = torch.full((100, 1, 4, 4), 128, dtype=torch.uint8)
    few, many = seen(), seen(val_size=30, test_size=20, train_size=40)
    assert all(torch.equal(few[y], x) for y, x in many.items())
    assert len({tuple(x.flatten().tolist()) for x in few.values()}) == 100


def test_static_binarisation_goes_by_the_stored_order():
    data = DataModule(Numbers(test=30), binarization="static")
    rows = data.batches("test").examples.rows
    frozen = data.preprocess.freeze(data.source.load().test, Noise(torch.device("cpu")).at(0, 2))
    assert torch.equal(frozen.take(rows).float(), data.examples("test")["x"])


def test_means_over_the_noise():
    grey = torch.arange(256, dtype=torch.uint8).view(-1, 1, 1, 1)
    source = Numbers(x=grey)
    bits = DataModule(source, binarization="dynamic").batches("train", mean=True)
    raw = bits.examples.rows  # a row's value is its number
    assert torch.equal(torch.cat([b["x"].flatten() for b in bits]), raw / 255)
    levels = DataModule(source, dequantize=True).batches("train", mean=True)
    assert torch.equal(torch.cat([b["x"].flatten() for b in levels]), (raw + 0.5) / 256)


@pytest.mark.parametrize("value", [0, 1, 100, 254, 255])
def test_outside_training_a_byte_is_drawn_with_probability_v_over_255(value):
    x = torch.full((1000, 1, 28, 28), value, dtype=torch.uint8)
    data = DataModule(Numbers(x=x), binarization="dynamic", val_size=1, test_size=1)
    mean, p = data.examples("train")["x"].double().mean().item(), value / 255
    assert abs(mean - p) <= 5 * (p * (1 - p) / (998 * 784)) ** 0.5
    levels = DataModule(Numbers(x=x), dequantize=True, val_size=1, test_size=1)
    u = levels.examples("train")["x"].double() * 256 - value
    assert u.min() >= 0
    assert u.max() < 1
    assert abs(u.mean().item() - 0.5) < 5 * (1 / 12 / u.numel()) ** 0.5


def test_spec_and_describe():
    data = DataModule(Numbers(), batch_size=10, binarization="static")
    assert data.spec.support == "boolean"
    told = data.describe()
    assert told["binarization"] == "static"
    assert (told["train_examples"], told["val_examples"], told["test_examples"]) == (80, 10, 10)


def test_examples_carry_factors():
    data = DataModule(Sprites(200))
    sample = data.examples("test", 5)
    assert sample["x"].shape == (5, 1, 64, 64)
    assert sample["factors"].shape == (5, 5)
    assert torch.equal(sample["label"], sample["factors"][:, 0])
    with pytest.raises(ValueError, match="train, val, test"):
        data.examples("rest")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 0}, r"data\.batch_size must be a whole number of at least 1; got 0"),
        ({"batch_size": "abc"}, "got 'abc'"),
        ({"batch_size": True}, "got True"),
        ({"eval_batch_size": -1}, r"data\.eval_batch_size"),
        ({"val_size": -3}, r"data\.val_size"),
        ({"val_size": 1.5}, "fraction between 0 and 1"),
        ({"test_size": 0}, r"data\.test_size"),
        ({"train_size": 0}, r"data\.train_size"),
        ({"seed": -1}, r"data\.seed"),
        ({"split_seed": "x"}, r"data\.split_seed"),
        ({"drop_last": 1}, r"data\.drop_last"),
        ({"on_device": "maybe"}, r"data\.on_device"),
    ],
)
def test_bad_settings_are_refused_before_loading(settings, message):
    with pytest.raises(ValueError, match=message):
        DataModule(Numbers(), **settings)


def test_splits_that_leave_nothing():
    told = r"^numbers cannot .* 60 for validation and 50 for test leave 0 to train on"
    with pytest.raises(ValueError, match=told):
        DataModule(Numbers(), val_size=60, test_size=50).setup()
    with pytest.raises(ValueError, match="fewer than 500"):
        DataModule(Numbers(), train_size=500).setup()


def test_values_outside_the_declared_support():
    data = DataModule(Numbers(x=torch.rand(50, 1, 2, 2) * 3 + 1))
    with pytest.raises(ValueError, match=r"declared to lie in \[0, 1\] but holds values between"):
        data.setup()


def test_make_data_sorts_its_keys():
    node = {"_target_": "vae.data.Sprites", "size": 50, "seed": 1}
    config = {"source": node, "size": 50, "batch_size": 10, "split_seed": 1}
    data = make_data(config, lambda n: Sprites(n["size"], seed=n["seed"]))
    assert data.batch_size == 10
    assert data.splitter.seed == 1
    with pytest.raises(ValueError, match=r"no setting 'batchsize'; did you mean batch_size\?"):
        make_data({**config, "batchsize": 3}, lambda n: Sprites(50))


class Recorder(pl.LightningModule):
    """Writes down which examples it is shown."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.seen = []

    def training_step(self, group, batch_idx):
        ((_, draft),) = group
        batch = draft.make()
        self.seen.append((batch_idx, batch["label"].tolist(), batch["x"].sum().item()))
        return self.weight * batch["x"].mean()

    def validation_step(self, batch, batch_idx):
        pass

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(tmp_path, max_epochs, checkpoint=None, every=None, **settings):
    saver = pl.callbacks.ModelCheckpoint(tmp_path, every_n_train_steps=every, save_top_k=-1)
    trainer = pl.Trainer(
        max_epochs=max_epochs,
        accelerator="cpu",
        logger=False,
        callbacks=[saver] if every else [],
        enable_checkpointing=bool(every),
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        **settings,
    )
    model = Recorder()
    data = DataModule(Numbers(), batch_size=10, binarization="dynamic")
    data.fields = ("x", "label")
    trainer.fit(model, data, ckpt_path=checkpoint)
    return model.seen


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("settings", [{}, {"limit_train_batches": 5}])
def test_lightning_resumes_with_exactly_the_next_batch(tmp_path, settings):
    whole = fit(tmp_path, 3, every=1, **settings)
    per_epoch = settings.get("limit_train_batches", 8)
    assert len(whole) == 3 * per_epoch
    for step in (1, per_epoch - 1, per_epoch, per_epoch + 1, 2 * per_epoch, 3 * per_epoch - 1):
        checkpoint = tmp_path / f"epoch={(step - 1) // per_epoch}-step={step}.ckpt"
        rest = fit(tmp_path, 3, checkpoint=checkpoint, **settings)
        assert rest == whole[step:], f"after step {step}"


def mnist_root():
    for place in (os.environ.get("VAE_TEST_DATA"), ROOT / ".." / "shared" / "data"):
        if place and (Path(place) / "MNIST" / "raw" / "train-images-idx3-ubyte").exists():
            return str(place)
    return None


@pytest.mark.skipif(mnist_root() is None, reason="no MNIST: set VAE_TEST_DATA to its folder")
def test_real_mnist():
    data = DataModule(MNIST(mnist_root(), download=False), val_size=5000, binarization="dynamic")
    data.setup()
    assert len(data.train_dataloader()) == 55_000 // 128
    assert sum(len(b["x"]) for b in data.test_dataloader()) == 10_000
    raw = data.source.load().train
    grey = raw.x.double().mean().item() / 255
    assert grey == pytest.approx(0.1307, abs=1e-4)
    sample = data.examples("val")
    assert sample["x"].mean().item() == pytest.approx(grey, abs=0.005)
    assert sample["label"].unique().tolist() == list(range(10))


@pytest.mark.parametrize(("world_size", "size"), [(1, 8), (2, 4), (32, 1)])
def test_an_open_batch_size_suits_what_a_process_reads(world_size, size):
    data = DataModule(Numbers(40), val_size=4, test_size=4)
    assert data.batch_size_for(world_size) == size
    assert data.count_batches(world_size) == 32 // world_size // size
    assert data.train_dataloader().batch_size == data.describe()["batch_size"] == 8
