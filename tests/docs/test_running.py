"""Every command of training and evaluation in the documents runs, on small data, for a short time.

Left out is what needs a GPU or more processes than two: `test_commands.py` composes it.
"""

import json
import shutil
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.test_shards import png, write
from tests.docs.conftest import ended
from tests.docs.documents import DOCUMENTS, ROOT, commands, named
from tests.docs.settings import settings_and_flags, stand_in
from vae.cli import app

pytestmark = pytest.mark.slow

ELSEWHERE = ("trainer=gpu", "cuda", "devices=8", "num_nodes", "hydra/launcher=submitit_slurm")
SEARCH = ("hydra/sweeper=optuna", "hydra/launcher=joblib")  # tests/cli/test_searches.py
ADDED = ("my_parts", "my_conf")  # test_adding.py, test_plugins_page.py
OWN = ("<where>",)  # an array of the reader's own, with the checkpoint trained on it
FOUND = {c.words: c for d in DOCUMENTS for c in commands(d)}.values()
COMMANDS = [
    command
    for command in FOUND
    if command.words[:2] in (("python", "train.py"), ("python", "eval.py"))
    and not any(part in str(command) for part in (*ELSEWHERE, *SEARCH, *ADDED, *OWN))
]
WITH_TEST = ("report=", "test_samples=")
BEFORE = {  # a command with this word starts from such a run
    "experiment=burda_iwae": ("made/burda_vae", "experiment=burda_vae"),
    "model.m1=outputs/m1": ("outputs/m1", "model=mlp", "data=mnist"),
}
PICTURES = 80
FEW = [  # of what the parts of a full report take by the thousand
    "test_samples=5",
    "report.annealing.num_temperatures=3",
    "report.annealing.num_examples=2",
    "report.amortization.num_steps=2",
    "report.amortization.num_examples=2",
    "report.amortization.num_samples=5",
    "report.rate_distortion.num_temperatures=3",
    "report.rate_distortion.num_examples=2",
    "report.disentanglement.rounds=1",
    "report.disentanglement.num_train=100",
    "report.disentanglement.num_eval=10",
    "report.imputation.num_examples=2",
    "report.imputation.burn_in=1",
    "report.imputation.steps=2",
    "report.sample_quality.training_steps=2",
    "report.traversals.movie=none",
    "report.interpolations.movie=none",
]


@pytest.fixture(scope="module", autouse=True)
def data(desk):
    """The files that the commands name."""
    rng = np.random.default_rng(0)
    photos, tars = desk.folder / "home" / "photos", desk.folder / "home" / "tars"
    for folder in (photos, tars):
        folder.mkdir()
    for i in range(PICTURES):
        pixels = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(photos / f"{i}.png")
    for i in range(4):
        write(tars / f"{i}.tar", {f"{k}.png": png() for k in range(20)})
    np.save("spectra.npy", rng.normal(size=(PICTURES, 12)).astype(np.float32))
    rows = ["id;length;resistance", *(f"{i};{i % 7},5;{i % 11}.25" for i in range(PICTURES))]
    Path("yacht.csv").write_text("\n".join(rows).replace(".", ","))
    steps = [{"x": rng.normal(size=(2 + i % 5, 3)).tolist()} for i in range(PICTURES)]
    Path("motion.jsonl").write_text("\n".join(map(json.dumps, steps)))
    for part in ("train", "t10k"):
        write_idx(f"{part}-images-idx3-ubyte", rng.integers(0, 256, (PICTURES, 28, 28)))
        write_idx(f"{part}-labels-idx1-ubyte", np.arange(PICTURES) % 10)
    factors = np.stack([np.zeros(PICTURES, int), *rng.integers(0, 3, (5, PICTURES))], 1)
    np.savez(
        "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz",
        imgs=rng.integers(0, 2, (PICTURES, 64, 64), dtype=np.uint8),
        latents_classes=factors,
    )
    shutil.copytree("outputs/sprites-conv", "outputs/sweep")
    shutil.copytree("outputs/sprites-conv", "outputs/digits-mlp")
    shutil.copytree(photos, "digit_pictures")
    shutil.copytree(photos, photos.with_name("my pictures"))
    np.savez("digits.npz", x=rng.integers(0, 256, (PICTURES, 1, 8, 8), dtype=np.uint8))


def write_idx(name: str, array: np.ndarray) -> None:
    """Write a file of MNIST's format."""
    path = ROOT.cwd() / "data" / "MNIST" / "raw" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


def smaller(script: str, words: list[str], run: str) -> list[str]:
    """Return the command with settings that make it small, which say nothing about its own."""
    if "--cfg" in words or any(word.startswith("-") and word != "-m" for word in words):
        return words
    few = FEW if "report=full" in words else []
    if script == "eval.py":
        return [*words, "max_examples=16", "device=cpu", *few]
    added = ["trainer.accelerator=cpu", "threads=1", *few]
    if not any(word.startswith(WITH_TEST) for word in words):
        added.append("test=false")
    if any(word.startswith("resume=outputs") for word in words):
        further = any(word.startswith("trainer.max_") for word in words)
        return [*words, *added, *([] if further else ["trainer.max_epochs=21"])]  # it has ended
    text = " ".join(words)
    files = ("data=mnist", "burda", "rae_l2")
    own = ("data=images", "data=array", "data=table", "data=shards", "data=sequences")
    if any(name in text for name in files):
        added.append("data.val_size=20")
    elif not any(name in text for name in own):
        added.append("data.size=60")
    if "stage=prior" in words and "prior=mixture" in words:
        added.append("prior.num_components=5")  # fewer than there are codes
    if "data.labelled=" in text:
        added.append("data.labelled=10")
    if "prior=vamp" in text:
        added.append("prior.num_components=20")  # a pseudo-input starts at a picture of its own
    if "burda" in text:
        added.append("trainer.check_val_every_n_epoch=1")
    if "burda_iwae" in text:
        added += ["compile=false", "trainer.precision=32-true"]
    if "fsdp" in text or "ddp" in text:
        added.append(f"trainer.devices={1 if 'fsdp' in text else 2}")
    place = (
        "hydra.sweep.dir"
        if {"-m", "seeds"} & {w.partition("=")[0] for w in words}
        else "hydra.run.dir"
    )
    return [*words, *added, "data.batch_size=16", "trainer.max_epochs=1", f"{place}={run}"]


def run_before(words: Sequence[str]) -> str | None:
    """Return the run that a command starts from, if that is another than most do."""
    for word, (run, *overrides) in BEFORE.items():
        if word in words:
            assert ended(app.train, *smaller("train.py", overrides, run)) == 0
            return run
    return None


@pytest.mark.parametrize("command", **named(COMMANDS))
def test_a_command_runs(desk, command, capfd):
    script, *words = stand_in(command.words[1:], place=run_before(command.words) or desk.run)
    words = smaller(script, words, f"made/{COMMANDS.index(command)}")
    if "trainer=ddp" in words or "trainer=fsdp" in words:
        done = subprocess.run([sys.executable, ROOT / script, *words], env=None)
        status = done.returncode
    else:
        status = ended({"train.py": app.train, "eval.py": app.evaluate}[script], *words)
    assert status == 0, capfd.readouterr().err


def test_what_is_made_smaller_is_still_the_command():
    for command in COMMANDS:
        script, *words = stand_in(command.words[1:])
        name = script.removesuffix(".py")
        before = settings_and_flags(words, name)[0]
        after = settings_and_flags(smaller(script, words, "run"), name)[0]
        assert after[: len(before)] == before
