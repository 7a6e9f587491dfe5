"""A run folder from somebody else: its overrides and the interpolations in its files."""

import pickle

import numpy as np
import pytest
import yaml
from omegaconf import OmegaConf

import vae
from tests.cli.command import TINY, array, call, start
from tests.compose import settings_of
from tests.security.payloads import Touch, hostile_checkpoint
from vae.cli import app
from vae.cli.overrides import recorded_overrides

SECRET = "the secret of this test"
REFUSED = {
    "+x=${oc.env:SECRET}": "may read the environment",
    "name=a${oc.env:SECRET}": "may read the environment",
    "name='${oc.env:SECRET}'": "may read the environment",
    r"name=$\{oc.env:SECRET\}": "may read the environment",
    "threads=${hydra:runtime.cwd}": "may read the environment",
    "hydra.run.dir=/tmp/elsewhere": "changes Hydra",
    "hydra/launcher=joblib": "changes Hydra",
    "hydra.searchpath=[file:///tmp]": "changes Hydra",
    "+hydra.callbacks.x._target_=os.system": "changes Hydra",
    "++hydra.job.env_set.LD_PRELOAD=/tmp/evil.so": "changes Hydra",
    "+model@hydra.callbacks.x=conv": "changes Hydra",
    "~hydra.job": "changes Hydra",
    "--experimental-rerun=evil.pickle": "no setting",
    "--config-dir=/tmp": "no setting",
    "-m": "no setting",
    "a b c": "no setting",
    "": "no setting",
    "model=../../../tmp/evil": "no such choice",
    "+callbacks=../evil": "no such choice",
    "callbacks=[default,../evil]": "no such choice",
    "+../../tmp@x=evil": "no s",
    "callbacks.checkpoint.dirpath=/tmp/elsewhere": "outside the run's folder",
    "callbacks.checkpoint.filename=../../elsewhere": "outside the run's folder",
    "callbacks.pictures.folder='~/elsewhere'": "outside the run's folder",
    "+logger.more={_target_: x, save_dir: /tmp/elsewhere}": "outside the run's folder",
    "+trainer.default_root_dir=/tmp/elsewhere": "outside the run's folder",
    "+callbacks={x: {_target_: x, dirpath: /tmp/elsewhere}}": "outside the run's folder",
    "+data={source: {_target_: x, root: /tmp}}": "is data.root",
    "+data={source: {_target_: x}, download: true}": "would download",
    "+model@hydra={callbacks: {x: {_target_: os.system}}}": "changes Hydra",
    "plugins=[evil]": "the code of a plugin is never run",
}
ACCEPTED = [
    "model=mlp",
    "callbacks=[default,ema]",
    "penalty=[dip,mmd]",
    "penalty=[]",
    "sweep=null",
    "+schedule@objective.beta=linear",
    "objective.beta.steps=5000",
    "model.encoder.hidden=[8,8]",
    "data.root='/home/someone/my photos'",
    "callbacks.early_stopping.monitor=val/elbo",
    "trainer.precision=bf16-mixed",
    "optimizer.lr=1e-3",
    "~scheduler",
    "+prior={_target_: my_parts.Heavy, width: 2.0}",
]


@pytest.fixture
def record(tmp_path, monkeypatch):
    """The place of a run's overrides, and a secret in the environment."""
    monkeypatch.setenv("SECRET", SECRET)
    path = tmp_path / "run" / ".hydra" / "overrides.yaml"
    path.parent.mkdir(parents=True)
    (tmp_path / "run" / "checkpoints").mkdir()
    hostile_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt")
    return path


def write(record, *overrides):
    """Write overrides as Hydra does."""
    record.write_text(yaml.safe_dump(list(overrides)))


@pytest.mark.parametrize("override", REFUSED)
def test_an_override_that_reaches_further_is_refused(record, override):
    write(record, "model=mlp", override)
    with pytest.raises(ValueError, match=f"is not taken over .*{REFUSED[override]}"):
        recorded_overrides(record, [f"resume={record.parents[1]}", "seed=1"])


def test_what_runs_record_is_taken_over(record):
    write(record, *ACCEPTED)
    assert recorded_overrides(record, []) == ACCEPTED


def test_a_setting_given_anew_replaces_the_refused_one(record):
    write(record, "model=mlp", "data.root=${oc.env:PHOTOS}")
    given = ["resume=x", "data.root=${oc.env:PHOTOS}"]
    assert recorded_overrides(record, given) == ["model=mlp"]


def test_a_secret_of_the_environment_stays_there(record, monkeypatch, capsys, tmp_path):
    assert settings_of("+x=${oc.env:SECRET}")["x"] == SECRET  # one's own may
    for text in (
        "- ${oc.env:SECRET}\n",
        "- +x=${oc.env:SECRET}\n",
        "- name=$\\{oc.env:SECRET\\}\n",
    ):
        record.write_text(text)
        arguments = [f"resume='{record.parents[1]}'"]
        status, out, message = call(monkeypatch, capsys, tmp_path, *arguments)
        assert status == 2
        assert SECRET not in out + message
        assert message.count("\n") == 1


def test_no_yaml_tag_is_followed(record, tmp_path):
    marker = tmp_path / "marker"
    record.write_text(f"!!python/object/apply:os.system [\"touch '{marker}'\"]")
    yaml.unsafe_load(record.read_text())
    assert marker.exists()
    marker.unlink()
    with pytest.raises(ValueError, match="is damaged: ConstructorError"):
        recorded_overrides(record, [])
    assert not marker.exists()


@pytest.mark.parametrize(
    "text", ["{a: b}", "- [a]", "- 3", "model=mlp", "", "- [" * 2000, "- a=" + "x" * 2_000_000]
)
def test_a_record_that_is_no_list_of_texts_is_refused(record, text):
    record.write_text(text)
    with pytest.raises(ValueError, match=r"is damaged|is not a list of overrides"):
        recorded_overrides(record, [])


PLAIN_HYDRA = """
import hydra
hydra.main(version_base="1.3", config_path=None)(print)()
"""


def test_hydra_is_not_told_to_unpickle(record, monkeypatch, capsys, tmp_path):
    marker, evil = tmp_path / "marker", tmp_path / "config.pickle"
    evil.write_bytes(pickle.dumps(Touch(marker)))
    option = f"--experimental-rerun={evil}"
    start("", "-c", PLAIN_HYDRA, option, folder=tmp_path)
    assert marker.exists()
    marker.unlink()
    status, _, message = call(monkeypatch, capsys, tmp_path, option)
    assert (status, "--experimental-rerun is not supported" in message) == (2, True)
    write(record, option)
    arguments = [*TINY, array(tmp_path), f"resume='{record.parents[1]}'"]
    status, _, message = call(monkeypatch, capsys, tmp_path, *arguments)
    assert (status, "is not taken over" in message) == (2, True)
    assert not marker.exists()


def test_no_interpolation_of_a_checkpoint_is_resolved(record, monkeypatch, capsys, tmp_path):
    np.save(tmp_path / "secret.npy", np.zeros((80, 6), dtype=np.float32))
    monkeypatch.setenv("SECRET", str(tmp_path / "secret.npy"))

    def change(config):
        config["model"]["encoder"]["note"] = config["name"] = "${oc.env:SECRET}"
        config["data"]["source"]["path"] = config["data"]["path"] = "${oc.env:SECRET}"

    path = hostile_checkpoint(tmp_path / "model.ckpt", change)
    arguments = [f"checkpoint='{path}'"]
    status, out, message = call(monkeypatch, capsys, tmp_path, *arguments, command=app.evaluate)
    assert status == 2
    assert "is no file" in message
    assert "${oc.env:SECRET}" in message
    assert "secret.npy" not in out + message
    assert OmegaConf.create({"x": "${oc.env:SECRET}"}).x.endswith("secret.npy")
    with pytest.raises(ValueError, match="note is not a setting"):
        vae.load(path)


def test_no_interpolation_of_a_config_is_resolved(record, tmp_path):
    def change(config):
        config["model"]["encoder"]["activation"] = "${oc.env:SECRET}"

    path = hostile_checkpoint(tmp_path / "model.ckpt", change)
    with pytest.raises(ValueError, match=r"got '\$\{oc\.env:SECRET\}'"):
        vae.load(path)
