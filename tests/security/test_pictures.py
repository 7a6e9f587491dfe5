"""A picture's bytes reach no other program, whatever format they are really of."""

import ast
from pathlib import Path

import pytest
import torch
from PIL import EpsImagePlugin

from tests.compose import settings_of
from tests.data.test_shards import write
from vae.cli.evaluate import saved_data
from vae.data import CelebA, DataSpec, Images, Omniglot, Shards
from vae.data.formats import opening
from vae.saved import Saved

POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n%%EOF\n"
PACKAGE = Path(opening.__file__).parents[2]


@pytest.fixture
def marker(tmp_path, monkeypatch):
    """The file that a stand-in for Ghostscript, first on the PATH, leaves when it is called."""
    marker, program = tmp_path / "called", tmp_path / "bin" / "gs"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n: > '{marker}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)
    return marker


def place(path):
    """Write PostScript under the name of a picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(POSTSCRIPT)


def read_folder(root, cache):
    place(root / "a.png")
    Images(str(root), cache=cache).load()


def read_shards(root, cache):
    write(root / "a.tar", {f"{i}.png": POSTSCRIPT for i in range(2)})
    Shards(str(root), cache=cache).load().train.take(torch.arange(2))


def read_omniglot(root, cache):
    for part in ("images_background", "images_evaluation"):
        place(root / part / "alphabet" / "character" / "a.png")
    Omniglot(str(root), cache=cache).load()


def read_celeba(root, cache):
    place(root / "img_align_celeba" / "a.jpg")
    (root / "list_eval_partition.txt").write_text("a.jpg 0\na.jpg 1\na.jpg 2\n")
    CelebA(str(root), cache=cache).load()


def read_in_evaluation(root, cache):
    place(root / "a.png")
    config = settings_of("data=images", "data.root=/gone", "model=mlp")
    saved = Saved(root / "best.ckpt", config, DataSpec("a", (3, 64, 64), "unit_interval"), {})
    saved_data(saved, {"root": str(root), "cache": cache}).setup()


ROUTES = (read_folder, read_shards, read_omniglot, read_celeba, read_in_evaluation)


@pytest.mark.parametrize("read", ROUTES)
def test_postscript_under_a_pictures_name_is_handed_to_nobody(tmp_path, marker, read):
    with pytest.raises(ValueError, match="cannot (identify image|be read)"):
        read(tmp_path / "data", str(tmp_path / "cache"))
    assert not marker.exists()


@pytest.mark.parametrize("read", ROUTES)
def test_with_an_open_list_of_formats_it_would_be(tmp_path, marker, read, monkeypatch):
    monkeypatch.setattr(opening, "known_formats", lambda: None)
    with pytest.raises(ValueError, match="cannot"):
        read(tmp_path / "data", str(tmp_path / "cache"))
    assert marker.exists()


def test_pictures_are_opened_in_one_place():
    calls = {
        path.name
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("Image.open", "PIL.Image.open")
    }
    assert calls == {"opening.py"}
