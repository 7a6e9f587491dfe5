"""A module trains on what anybody's loaders give, exactly, and its checkpoints serve."""

import os
import subprocess
import sys
from pathlib import Path

import datasets
import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from datasets import Dataset
from lightning.pytorch.loggers import TensorBoardLogger
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import utils
from torch.utils.data import DataLoader, IterableDataset, TensorDataset
from torchdata.stateful_dataloader import StatefulDataLoader

import vae
from tests.training.runs import make_trainer, same
from tests.training.test_resume import SaveAt
from vae.data.randomness import stream_seed
from vae.distributions import Bernoulli, Conditional, NormalPosterior
from vae.models import VAE
from vae.networks import MLP
from vae.objectives import ELBO
from vae.priors import StandardNormal
from vae.training import VAEModule
from vae.training.module import TRAINING
from vae.training.seeding import seed_noise

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*have no `val_dataloader`"),
    pytest.mark.filterwarnings("ignore:.*smaller than the logging interval"),
    pytest.mark.filterwarnings("ignore:'set_vital' is deprecated"),  # of torchdata 0.11
]
N, BATCH, SHAPE = 40, 8, (1, 4, 4)
X = (torch.rand(N, *SHAPE, generator=torch.Generator().manual_seed(0)) < 0.4).float()
LABEL = torch.arange(N) % 3


def made(start=0, **settings):
    """A small VAE of bits, with weights that a seed gives, in a module."""
    with torch.random.fork_rng():
        torch.manual_seed(start)
        posterior, likelihood = NormalPosterior(2), Bernoulli(SHAPE)
        encoder = Conditional(MLP(SHAPE, posterior.param_shape, hidden=[6]), posterior)
        decoder = Conditional(MLP((2,), likelihood.param_shape, hidden=[6]), likelihood)
        model = VAE(encoder, decoder, StandardNormal((2,)))
    return VAEModule(model, ELBO(), optimizer=torch.optim.SGD, **settings)


class Stream(IterableDataset):
    def __iter__(self):
        return iter(X)


class Rows(utils.data.Dataset):
    """Examples that are noisy, anew at each reading."""

    def __len__(self):
        return N

    def __getitem__(self, index):
        return torch.where(torch.rand(SHAPE) < 0.1, 1 - X[index], X[index])


class Batches:
    """Any iterable of batches; a plain list means several loaders to Lightning."""

    def __init__(self, *batches):
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        return iter(self.batches)


class Own(pl.LightningDataModule):
    def train_dataloader(self):
        return DataLoader(TensorDataset(X, LABEL), BATCH)

    def val_dataloader(self):
        return DataLoader(TensorDataset(X, LABEL), BATCH)


def dicts():
    return Batches(*({"pixels": x.mul(255).byte(), "kind": y} for x, y in pairs()))


def pairs():
    return list(zip(X.split(BATCH), LABEL.split(BATCH), strict=True))


LOADERS = {  # each gives X in its order, and what the module is told of its batches
    "an iterable of tensors": (lambda: Batches(*X.split(BATCH)), None),
    "a loader of tensors": (lambda: DataLoader(X, BATCH), None),
    "a loader of tuples": (lambda: DataLoader(TensorDataset(X, LABEL), BATCH), None),
    "a loader of an iterable": (lambda: DataLoader(Stream(), BATCH), None),
    "named entries": (lambda: Batches(*((y, x) for x, y in pairs())), ["label", "x"]),
    "dicts of bytes": (dicts, {"x": "pixels", "label": "kind"}),
    "arrays": (lambda: Batches(*(x.double().numpy() for x, _ in pairs())), None),
    "workers": (lambda: DataLoader(X, BATCH, num_workers=1), None),
    "a data module": (Own, None),
}


def fitted(module, loader, folder, **options):
    trainer = make_trainer(folder, **options)
    if isinstance(loader, pl.LightningDataModule):
        trainer.fit(module, datamodule=loader)
    else:
        trainer.fit(module, loader)
    return module.state_dict()


def by_hand(epochs=2):
    """Weights after a loop that is written out."""
    module = made()
    (optimizer,) = module.make_optimizers()
    for epoch in range(epochs):
        start = stream_seed(0, TRAINING, 0, epoch)
        for index, x in enumerate(X.split(BATCH)):
            seed_noise(torch.device("cpu"), index, start=start)
            loss = sum(module.objective(module.model(x)).values())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return module.state_dict()


@pytest.mark.parametrize("kind", LOADERS)
def test_the_weights_are_those_of_a_loop_that_is_written_out(tmp_path, kind):
    loader, fields = LOADERS[kind]
    found = fitted(made(fields=fields), loader(), tmp_path)
    for name, weight in by_hand().items():
        torch.testing.assert_close(found[name], weight, rtol=1e-5, atol=1e-6, msg=name)


class Placed:
    """A loader that keeps its own place."""

    def __init__(self):
        self.place, self.read, self.loaded = 0, 0, False

    def __len__(self):
        return N // BATCH

    def __iter__(self):
        order = torch.randperm(N)
        self.place, self.loaded = self.place * self.loaded, False
        while self.place < len(self):
            self.place += 1
            self.read += 1
            yield X[order[BATCH * (self.place - 1) :][:BATCH]]

    def state_dict(self):
        return {"place": self.place}

    def load_state_dict(self, state_dict):
        self.place, self.loaded = state_dict["place"], True


class Unsized:
    """A shuffled loader that does not say how long it is."""

    def __iter__(self):
        return iter(X[torch.randperm(N)].split(BATCH))


RESUMED = {
    "shuffled": lambda: DataLoader(TensorDataset(X), BATCH, shuffle=True),
    "augmented": lambda: DataLoader(Rows(), BATCH, shuffle=True),
    "augmented by a worker": lambda: DataLoader(Rows(), BATCH, shuffle=True, num_workers=1),
    "without a length": Unsized,
    "with a place of its own": Placed,
    "with a generator of its own": lambda: DataLoader(
        TensorDataset(X), BATCH, shuffle=True, generator=torch.Generator().manual_seed(1)
    ),
    "of torchdata": lambda: StatefulDataLoader(TensorDataset(X), BATCH, shuffle=True),
}


@pytest.mark.parametrize("step", [3, 5, 8])  # within an epoch of five batches, or at its end
@pytest.mark.parametrize("kind", RESUMED)
def test_a_resumed_run_ends_with_the_same_weights(tmp_path, kind, step):
    saver = SaveAt(tmp_path, step)
    trainer = make_trainer(tmp_path, saver, epochs=3, enable_checkpointing=True)
    module = made()
    val = DataLoader(X, BATCH)
    trainer.fit(module, RESUMED[kind](), val)
    again, loader = made(start=1), RESUMED[kind]()
    resumed = make_trainer(tmp_path, epochs=3)
    path = tmp_path / f"saved{step}.ckpt"
    resumed.fit(again, loader, val, ckpt_path=path, weights_only=True)
    assert resumed.global_step == trainer.global_step == 15
    assert same(again.state_dict(), module.state_dict())
    if isinstance(loader, Placed):
        assert loader.read == 15 - step


def test_epochs_differ_and_the_seed_decides(tmp_path):
    def order(seed):
        seen = []

        class Watch(pl.Callback):
            def on_train_batch_start(self, trainer, module, batch, batch_idx):
                seen.extend(batch[1].tolist())

        loader = DataLoader(TensorDataset(X, torch.arange(N)), BATCH, shuffle=True)
        make_trainer(tmp_path, Watch(), epochs=2).fit(made(seed=seed), loader)
        return seen[:N], seen[N:]

    torch.manual_seed(1)
    one, two = order(0)
    torch.manual_seed(2)
    assert order(0) == (one, two)
    assert sorted(one) == sorted(two)
    assert one != two
    assert order(1)[0] != one


@pytest.mark.parametrize("kind", ["a loader", "batches"])
def test_a_data_set_of_hugging_face_is_trained_on(tmp_path, kind):
    """Pictures in torch format: bytes, which are divided by 255."""
    pictures = [Image.fromarray((255 * x[0]).numpy().astype(np.uint8)) for x in X]
    rows = {"picture": pictures, "kind": LABEL.tolist()}
    data = Dataset.from_dict(rows).cast_column("picture", datasets.Image()).with_format("torch")
    loader = DataLoader(data, batch_size=BATCH) if kind == "a loader" else data.batch(BATCH)
    found = fitted(made(fields={"x": "picture", "label": "kind"}), loader, tmp_path)
    for name, weight in by_hand().items():
        torch.testing.assert_close(found[name], weight, rtol=1e-5, atol=1e-6, msg=name)


class NotMounted(pl.LightningDataModule):
    def train_dataloader(self):
        raise FileNotFoundError("the disk is not there yet")


def test_an_error_of_a_data_module_leaves_torchs_loader_as_it_was(tmp_path):
    """Of Lightning 2.6.6 it does not: predict would refuse a loader that worked before."""
    before = DataLoader.__init__
    with pytest.raises(FileNotFoundError, match="not there yet"):
        fitted(made(), NotMounted(), tmp_path)
    assert DataLoader.__init__ is before


WRONG = {
    "grey values": (Batches(X * 0.5), None, "binarise it"),
    "another shape": (Batches(X.flatten(1)), None, "this model takes"),
    "three entries": (Batches((X, LABEL, LABEL)), None, "name them all"),
    "another key": (Batches({"image": X}), None, "the model reads x"),
    "no such key": (Batches({"image": X}), {"x": "pixels"}, "holds image, but no pixels"),
    "a text": (Batches("abc"), None, "must be a tensor; got str"),
    "a list": ([X], None, "takes a list as several loaders"),
    "read once": (iter(X.split(BATCH)), None, "no batch in epoch 2"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_loader_is_told_of_in_a_sentence(tmp_path, kind):
    loader, fields, told = WRONG[kind]
    with pytest.raises((ValueError, TypeError), match=told):
        fitted(made(fields=fields), loader, tmp_path)


def test_what_is_read_in_training_alone_must_be_in_the_batches_too(tmp_path):
    module = made()
    module.model.trained_with = ("index",)  # of a prior that leaves each example out of its own
    with pytest.raises(ValueError, match="index is to be read of each example, but data .* have x"):
        fitted(module, Batches(X[:BATCH]), tmp_path)


def test_figures_pictures_and_checkpoints_without_a_word(tmp_path):
    """As a Lightning user types it: no callback of ours is named."""
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=2,
        logger=TensorBoardLogger(tmp_path, version="run"),
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=2,
        callbacks=[pl.callbacks.ModelCheckpoint(monitor="val/elbo", mode="max")],
    )
    train = DataLoader(TensorDataset(X, LABEL), BATCH, shuffle=True)
    val = DataLoader(TensorDataset(X, LABEL), BATCH)
    module = made()
    trainer.fit(module, train, val)
    events = EventAccumulator(str(trainer.logger.log_dir)).Reload()
    assert {"train/elbo", "val/elbo", "latent/active_units"} <= {*events.Tags()["scalars"]}
    assert {"pictures/samples", "pictures/reconstructions"} <= {*events.Tags()["images"]}
    assert len(events.Scalars("val/elbo")) == 2  # none of the sanity check
    (judged,) = trainer.validate(module, val, verbose=False)
    assert judged["val/elbo"] == pytest.approx(events.Scalars("val/elbo")[-1].value)
    (tested,) = trainer.test(module, val, verbose=False)
    assert tested["test/elbo"] == pytest.approx(judged["val/elbo"])
    assert torch.cat(trainer.predict(module, val)).shape == (N, 2)
    best = trainer.checkpoint_callback.best_model_path
    with pytest.raises(ValueError, match="give it again"):
        vae.load(best)
    loaded = vae.load(best, model=made(start=1).model)
    assert torch.equal(loaded.embed(X), vae.load(best, model=made(start=2).model).embed(X))
    with pytest.raises(ValueError, match="another model"):
        vae.load(best, model=vae.make_module("model=mlp", like=X).model)
    vae.export(best, tmp_path / "exported", model=made().model)
    shared = vae.load(tmp_path / "exported", model=made(start=1).model)
    assert torch.equal(shared.embed(X), loaded.embed(X))


def test_the_checkpoint_of_a_module_from_settings_is_enough(tmp_path):
    """Its own loop, any loader, and the report of what was collected from loaders."""
    settings = ["model=mlp", "model.encoder.hidden=[6]", "model.latent_dim=2"]
    module = vae.make_module(*settings, like=X)
    trainer = make_trainer(tmp_path, epochs=1)
    trainer.fit(module, DataLoader(X, BATCH), DataLoader(X, BATCH))
    trainer.save_checkpoint(tmp_path / "any.ckpt")
    loaded = vae.load(tmp_path / "any.ckpt")
    assert torch.equal(loaded.embed(X), module.model.eval().embed(X))
    data = vae.data.collect(DataLoader(TensorDataset(X, LABEL), BATCH, shuffle=True), test=pairs())
    report = vae.report(loaded, data, tmp_path / "report", "bound", "by_label", seed=3)
    assert report.sections["bound"].figures["elbo"].value < 0
    assert (tmp_path / "report" / "report.html").is_file()


def test_arrays_are_fitted_as_a_run_is_and_nothing_global_changes(tmp_path):
    x = np.random.default_rng(0).normal(size=(80, 3)) * [1, 10, 100] + 50
    torch.manual_seed(3)
    model = vae.fit_vae(x, "trainer.max_epochs=1", folder=tmp_path, quiet=True)
    after = torch.rand(2)
    torch.manual_seed(3)
    assert torch.equal(after, torch.rand(2))
    assert model.sample(200).std(0)[2] > 5  # in the units of x
    assert (tmp_path / "pictures").is_dir()
    again = vae.load(tmp_path)
    assert torch.equal(again.embed(torch.tensor(x).float()), model.embed(torch.tensor(x).float()))
    bits = vae.fit_vae({"x": X > 0, "label": LABEL}, "trainer.max_epochs=1", quiet=True)
    assert bits.likelihood.event_shape == SHAPE
    with pytest.raises(ValueError, match="resume is no setting here"):
        vae.fit_vae(x, "resume=auto")


SCRIPT = """
import sys
import datasets
import lightning.pytorch as pl
import torch
from torch.utils.data import DataLoader
from tests.training.test_loaders import BATCH, X, made

if __name__ == "__main__":
    torch.set_num_threads(1)
    seen = []

    class Watch(pl.Callback):
        def on_train_batch_start(self, trainer, module, batch, batch_idx):
            seen.append(batch)

    trainer = pl.Trainer(
        accelerator="cpu", devices=2, strategy="ddp", max_epochs=1, logger=False,
        enable_checkpointing=False, enable_progress_bar=False, callbacks=[Watch()],
    )
    module = made()
    trainer.fit(module, DataLoader(X, BATCH // 2, shuffle=True), DataLoader(X, BATCH))
    weights = torch.cat([p.detach().flatten() for p in module.parameters()])
    found = {"seen": torch.cat(seen), "weights": weights}
    torch.save(found, f"{sys.argv[1]}/{trainer.global_rank}.pt")
"""


@pytest.mark.slow
def test_two_processes_share_a_loader(tmp_path):
    script = tmp_path / "run.py"
    script.write_text(SCRIPT)
    call = [sys.executable, str(script), str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run(call, check=True, timeout=300, env=environment)
    one, two = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    assert torch.equal(one["weights"], two["weights"])
    rows = torch.cat([one["seen"], two["seen"]]).flatten(1)
    assert sorted(map(tuple, rows.tolist())) == sorted(map(tuple, X.flatten(1).tolist()))
