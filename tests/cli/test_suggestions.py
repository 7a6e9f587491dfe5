"""What users of other libraries type gets what to type here, and each suggestion composes."""

import re
import shlex
from functools import cache

import pytest

from vae.cli import arguments, messages
from vae.cli.arguments import check_arguments
from vae.cli.compose import choices, compose_settings
from vae.cli.known import known_settings
from vae.cli.messages import explain
from vae.cli.suggestions import setting_meant
from vae.cli.synonyms import CHOICES, EVALUATION, PACKAGES, SETTINGS, VALUES

MEANT = {  # what is typed: what is to be typed
    # a setting's last name, in whatever letters, or below another group
    "lr=0.001": "optimizer.lr=0.001",
    "weight_decay=0.1": "optimizer.weight_decay=0.1",
    "beta=4": "objective.beta=4",
    "Beta=4": "objective.beta=4",
    "max_epochs=3": "trainer.max_epochs=3",
    "max_steps=3": "trainer.max_steps=3",
    "batch_size=32": "data.batch_size=32",
    "trainer.batch_size=32": "data.batch_size=32",
    "latent_dim=32": "model.latent_dim=32",
    "model.latentDim=32": "model.latent_dim=32",
    "devices=2": "trainer.devices=2",
    "accelerator=gpu": "trainer.accelerator=gpu",
    "strategy=ddp": "trainer.strategy=ddp",
    "model.beta=4": "objective.beta=4",
    "optim.lr=0.1": "optimizer.lr=0.1",
    "max_epoch=3": "trainer.max_epochs=3",
    "kernel_size=3": "model.encoder.kernel_size=3",
    # a synonym of a setting, of its value or of a choice
    "learning_rate=0.001": "optimizer.lr=0.001",
    "optimizer.learning_rate=0.001": "optimizer.lr=0.001",
    "epochs=10": "trainer.max_epochs=10",
    "latent_size=8": "model.latent_dim=8",
    "hidden_dims=[8,4]": "model.encoder.hidden=[8,4]",
    "hidden_dim=8": "model.encoder.hidden=[8]",
    "ckpt_path=a/b": "resume=a/b",
    "precision=16": "trainer.precision=16-mixed",
    "precision=bf16": "trainer.precision=bf16-mixed",
    "fp16=true": "trainer.precision=16-mixed",
    "gpus=1": "trainer=gpu",
    "gpus=4": "trainer=ddp trainer.devices=4",
    "device=cuda": "trainer=gpu",
    "seed_everything=1": "seed=1",
    "output_dir=here": "hydra.run.dir=here",
    "output=/a/b": "hydra.run.dir=/a/b",
    "dir=here": "hydra.run.dir=here",
    "out=here": "hydra.run.dir=here",
    "dataset=mnist": "data=mnist",
    "dataset=MNIST": "data=mnist",
    "data_dir=photos": "data=images data.root=photos",
    "early_stopping=true": "callbacks=[default,early_stopping]",
    "patience=3": "callbacks=[default,early_stopping] callbacks.early_stopping.patience=3",
    "schedule=linear": "+schedule@objective.beta=linear",
    "warmup_steps=100": "+schedule@objective.beta=linear objective.beta.steps=100",
    "loss=mse": "likelihood=normal",
    "seed_everything=true": "seed=0",
    "trainer.gpus=4": "trainer=ddp trainer.devices=4",
    "trainer.logger=false": "logger=none",
    "optimizer.type=Adam": "optimizer=adam",
    # a setting of another choice
    "scheduler.warmup=0.1": "scheduler=cosine scheduler.warmup=0.1",
    "penalties.mmd.weight=3": "penalty=mmd penalties.mmd.weight=3",
    "gamma=5": "scheduler=steps scheduler.gamma=5 or penalty=capacity penalties.capacity.gamma=5",
    # the choice of another group, or another name of one
    "objective=beta_vae": "experiment=beta_vae or objective.beta=4",
    "objective=factor_vae": "experiment=factor_vae",
    "model=BetaTCVAE": "experiment=beta_tcvae",
    "model=vae": "model=conv",
    "model=cnn": "model=conv",
    "model=iwae": "experiment=iwae or objective=iwae",
    "model=vamp": "prior=vamp",
    "prior=vampprior": "prior=vamp",
    "prior=gaussian": "prior=standard_normal",
    "posterior=gaussian": "posterior=normal",
    "likelihood=gaussian": "likelihood=normal",
    "likelihood=mse": "likelihood=normal",
    "likelihood=bce": "likelihood=bernoulli",
    "optimizer=adamW": "optimizer=adamw",
    "data=cifar": "data=cifar10 or data=cifar100",
    "scheduler=onecycle": "scheduler=one_cycle",
    "callbacks=early-stopping": "callbacks=[default,early_stopping]",
}


@pytest.fixture(autouse=True)
def _composed_once(monkeypatch):
    monkeypatch.setattr(arguments, "known_settings", lambda *given: settings_of_all(given[-1]))
    monkeypatch.setattr(messages, "known_settings", lambda *given: settings_of_all(given[-1]))


@cache
def settings_of_all(command: str) -> dict:
    return known_settings([], "", command)


def told(argument: str, command: str = "train") -> str:
    """Return what is said of an argument before torch would be loaded."""
    try:
        check_arguments([argument], command)
        compose_settings([argument], resolve=False, command=command)
    except Exception as error:
        message, status = explain(error, [argument], command)
        assert status == 2
        return message
    raise AssertionError(f"{argument} composes")


def suggestions(message: str) -> list[str]:
    """Return what a message suggests to type."""
    meant = re.search(r"did you mean (.*)\?$", message)
    return meant[1].split(" or ") if meant else []


@pytest.mark.parametrize("argument", MEANT)
def test_what_users_of_other_libraries_type(argument):
    message = told(argument)
    assert message.endswith(f"; did you mean {MEANT[argument]}?")
    for text in suggestions(message):
        assert compose_settings(shlex.split(text), resolve=False)


@pytest.mark.parametrize(
    ("argument", "advice"),
    [
        ("num_workers=4", "batches are made without worker processes"),
        ("early_stopping=false", "it is off unless it is asked for"),
        ("dataset=foo", "write data= and one of array, cars3d"),
        ("hydra.foo=1", "--cfg hydra shows those that there are"),
        ("+model=mlp", "leave the + out"),
    ],
)
def test_what_there_is_no_other_setting_for(argument, advice):
    message = told(argument)
    assert advice in message
    assert "did you mean" not in message


@pytest.mark.parametrize("argument", ["lr=0.1", "ckpt_path=a", "precision=16", "num_workers=4"])
def test_a_plus_before_a_setting_changes_nothing(argument):
    assert told(f"+{argument}") == told(f"++{argument}") == told(argument)


def test_a_setting_of_a_group_is_not_looked_for_by_its_spelling():
    """``min_epochs`` has most letters in common with ``max_epochs``."""
    told_of = told("trainer.min_epochs=5")
    assert told_of.startswith("trainer.min_epochs is not a setting; trainer has accelerator,")
    for name in ("min_epochs", "benchmark", "sync_batchnorm"):
        assert "did you mean" not in told(f"trainer.{name}=1")


@pytest.mark.parametrize(
    ("argument", "package"),
    [
        ("hydra/sweeper=optuna", "hydra-optuna-sweeper"),
        ("hydra/launcher=joblib", "hydra-joblib-launcher"),
        ("+hydra/launcher=joblib", "hydra-joblib-launcher"),
    ],
)
def test_a_choice_of_hydras_names_its_package(argument, package):
    assert told(argument).startswith(
        f"{argument.lstrip('+')} needs a package: pip install {package}"
    )


@pytest.mark.parametrize(
    ("argument", "meant"),
    [
        ("ckpt_path=a", "checkpoint=a"),
        ("num_samples=5", "test_samples=5"),
        ("gpus=1", "device=cuda"),
        ("data.root=a", "+data.root=a"),
    ],
)
def test_what_is_typed_of_an_evaluation(argument, meant):
    assert meant in told(argument, "eval")


def test_synonyms_are_of_what_there_is_and_each_is_one_of_one_thing():
    settings = settings_of_all("train")
    for table in (SETTINGS, EVALUATION, *VALUES.values(), *CHOICES.values()):
        names = [name for line in table.values() for name in line.split()]
        assert len(names) == len(set(names))
    for target in SETTINGS:
        if "hydra." not in target and "=" not in target and not choices(target):
            assert "did you mean" in setting_meant(f"x.{target.rpartition('.')[2]}=1", settings)
    for group, table in CHOICES.items():
        for target, names in table.items():
            assert not {*names.split()} & {*choices(group)} - {"categorical"}
            for text in target.split(" or "):
                assert compose_settings(shlex.split(text), resolve=False)
    assert all("=" in choice for line in PACKAGES.values() for choice in line.split())
