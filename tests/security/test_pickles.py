"""A pickle that runs code, wherever a file may come from."""

import pickle
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest
import torch

import vae
from tests.cli.command import TINY, array, call
from tests.security.payloads import Touch, hostile_checkpoint
from tests.training.runs import make_run, make_trainer
from vae.cli import app
from vae.data import Array
from vae.training import VAEModule
from vae.training.storage import DurableCheckpoints

KINDS = ("zip", "legacy", "raw")

pytestmark = pytest.mark.filterwarnings("ignore:Environment variable TORCH_FORCE_NO")


@pytest.fixture
def marker(tmp_path):
    """A file that must not exist after the test."""
    path = tmp_path / "marker"
    yield path
    assert not path.exists()


@pytest.fixture(params=[False, True], ids=["", "forced"])
def forced(request, monkeypatch):
    """Without and with the variable by which torch reads pickles after all."""
    if request.param:
        monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    return request.param


def write_pickle(path, kind, marker):
    """Write a checkpoint that makes the marker when it is unpickled."""
    content = torch.load(hostile_checkpoint(path), weights_only=True)
    content["callbacks"] = Touch(marker)
    if kind == "raw":
        path.write_bytes(pickle.dumps(Touch(marker)))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=kind == "zip")
    return path


def check_it_would_work(path, kind, marker, **options):
    """Check that a reader that trusts the file makes the marker, and remove it."""
    if kind == "raw":
        pickle.loads(path.read_bytes())
    else:
        torch.load(path, **options)
    assert marker.exists()
    marker.unlink()


@pytest.mark.parametrize("kind", KINDS)
def test_no_pickle_is_run_by_loading(tmp_path, marker, kind, forced):
    path = write_pickle(tmp_path / "model.ckpt", kind, marker)
    check_it_would_work(path, kind, marker, **({} if forced else {"weights_only": False}))
    for read in (vae.load, VAEModule.load_from_checkpoint, lambda p: vae.export(p, tmp_path / "x")):
        with pytest.raises(ValueError, match=r"model\.ckpt is damaged, or not a checkpoint that"):
            read(path)
    assert not (tmp_path / "x").exists()


def test_no_pickle_is_run_by_the_commands(tmp_path, marker, monkeypatch, capsys, forced):
    path = write_pickle(tmp_path / "model.ckpt", "zip", marker)
    commands = {
        app.evaluate: [f"checkpoint='{path}'"],
        app.train: [*TINY, array(tmp_path), f"resume='{path}'"],
    }
    for command, arguments in commands.items():
        status, _, message = call(monkeypatch, capsys, tmp_path, *arguments, command=command)
        assert status == 2
        assert "is damaged, or not a checkpoint that is safe to read" in message


@pytest.mark.filterwarnings("ignore:.*LeafSpec.* is deprecated", "ignore:.*many workers")
@pytest.mark.parametrize(
    ("plugins", "error"),
    [([], pickle.UnpicklingError), ([DurableCheckpoints()], ValueError)],
    ids=["Lightning's", "ours"],
)
def test_no_pickle_is_run_by_the_trainer_itself(tmp_path, marker, forced, plugins, error):
    path = write_pickle(tmp_path / "model.ckpt", "zip", marker)
    module, data = make_run(tmp_path)
    with pytest.raises(error):
        make_trainer(tmp_path, plugins=plugins).fit(module, data, ckpt_path=path, weights_only=True)


def test_no_address_is_fetched(tmp_path, marker, monkeypatch, capsys):
    content = write_pickle(tmp_path / "model.ckpt", "zip", marker).read_bytes()
    asked = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/model.ckpt"
    assert urllib.request.urlopen(address).read() == content
    with pytest.raises(FileNotFoundError, match="no checkpoint at"):
        vae.load(address)
    for command, name in ((app.evaluate, "checkpoint"), (app.train, "resume")):
        arguments = [f"{name}='{address}'"]
        arguments += [*TINY, array(tmp_path)] if command is app.train else []
        status, _, message = call(monkeypatch, capsys, tmp_path, *arguments, command=command)
        assert (status, "no checkpoint at" in message) == (2, True)
    server.shutdown()
    server.server_close()
    assert asked == ["/model.ckpt"]  # by this test


@pytest.mark.parametrize("suffix", ["npy", "npz"])
@pytest.mark.parametrize("place", ["data", "labels"])
def test_no_pickle_is_run_from_an_array(tmp_path, marker, suffix, place):
    objects = np.array([Touch(marker)] * 4, dtype=object).reshape(4, 1)
    good, bad = tmp_path / "good.npy", tmp_path / f"bad.{suffix}"
    np.save(good, np.zeros((4, 6), dtype=np.float32))
    if suffix == "npy":
        np.save(bad, objects, allow_pickle=True)
    else:
        np.savez(bad, data=objects, allow_pickle=True)
    loaded = np.load(bad, allow_pickle=True)
    _ = loaded["data"] if suffix == "npz" else loaded
    assert marker.exists()
    marker.unlink()
    source = Array(str(bad)) if place == "data" else Array(str(good), labels=str(bad))
    with pytest.raises(ValueError, match=r"holds object|holds Python objects"):
        source.load()
