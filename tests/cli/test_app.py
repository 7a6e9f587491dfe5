"""Settings, the arguments of a resumed run, and what the start of a command costs."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from tests.cli.command import start
from tests.compose import settings_of
from vae.cli.app import one_message, resume_arguments
from vae.cli.compose import choices, compose_settings
from vae.cli.overrides import hydra_quoted, parsed


@pytest.mark.slow  # seconds; each choice of either composes in the tests of building
@pytest.mark.parametrize("model", choices("model"))
def test_every_model_composes_with_every_data_set(model):
    for data in choices("data"):
        settings = settings_of(f"model={model}", f"data={data}")
        assert settings["name"] == f"{data}-{model}"
        assert settings["data"]["source"]["_target_"].startswith("vae.data.")
        assert settings["likelihood"]["_target_"].startswith("vae.distributions.")


@pytest.mark.parametrize("group", ["callbacks", "trainer"])  # of the others, tests/test_build.py
def test_every_choice_composes(group):
    for name in choices(group):
        if group == "callbacks":
            assert settings_of(f"callbacks=[{name}]")["callbacks"]
        else:
            assert settings_of(f"{group}={name}")[group]["_target_"]


def test_composed_settings_are_plain_and_resolved():
    settings = compose_settings(["seed=7"], folder="somewhere")
    assert settings["data"]["seed"] == 7
    assert settings["callbacks"]["checkpoint"]["folder"] == "somewhere/checkpoints"
    assert "hydra" not in settings
    raw = compose_settings(["seed=7"], resolve=False)
    assert raw["data"]["seed"] == "${seed}"


@pytest.fixture
def run_folder(tmp_path):
    folder = tmp_path / "läufe" / "run 1"
    (folder / ".hydra").mkdir(parents=True)
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "last.ckpt").touch()
    OmegaConf.save(OmegaConf.create(["model=mlp", "seed=3"]), folder / ".hydra" / "overrides.yaml")
    return folder


@pytest.mark.parametrize("quote", ["'", '"'])
@pytest.mark.parametrize("inside", ["", "checkpoints/last.ckpt"])
def test_a_resumed_run_keeps_its_overrides_below_the_new_ones(run_folder, inside, quote):
    resume = f"resume={quote}{run_folder / inside}{quote}"
    arguments = ["train.py", resume, "seed=4"]
    resume_arguments(arguments)
    assert arguments[0] == "train.py"
    assert [a for a in arguments if "=" in a and not a.startswith("hydra")] == [
        "model=mlp",
        "seed=3",
        resume,
        "seed=4",
    ]
    assert arguments[-1] == f"hydra.run.dir='{run_folder}'"


HARD = ["it's", "a\\b", "end\\", "\\'", 'say "x"', "a b", "[a]", "$HOME", "a=b", "123", "null"]


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("plus", ["", "+", "++"])
def test_a_run_is_found_in_a_folder_of_any_name(monkeypatch, run_folder, name, plus):
    """As Hydra reads the name, not with the quotes taken off; and by the last of two settings."""
    monkeypatch.chdir(run_folder.rename(run_folder.parent / name).parent)
    resume = f"{plus}resume={hydra_quoted(Path(name))}"
    arguments = ["train.py", "resume=nowhere", resume]
    resume_arguments(arguments)
    assert arguments[1:3] == ["model=mlp", "seed=3"]
    assert parsed(arguments[-1]).value() == parsed(resume).value() == name


def test_a_run_folder_without_its_record_is_not_gone_on_with_under_defaults(run_folder):
    (run_folder / ".hydra" / "overrides.yaml").unlink()
    with pytest.raises(FileNotFoundError, match=r"overrides.yaml is missing, which holds the sett"):
        resume_arguments(["train.py", f"resume='{run_folder}'"])
    arguments = ["train.py", f"resume='{run_folder / 'checkpoints' / 'last.ckpt'}'", "seed=3"]
    resume_arguments(arguments)  # with all settings given by hand
    assert len(arguments) == 3


@pytest.mark.parametrize("argument", ["seed=4", "resume=", "resume=null", "resume=nowhere"])
def test_arguments_without_a_run_to_resume_stay(argument):
    arguments = ["train.py", argument]
    resume_arguments(arguments)
    assert arguments == ["train.py", argument]


@pytest.mark.parametrize(
    ("error", "status"),
    [(KeyboardInterrupt(), 130), (ValueError("x"), 2), (OSError("x"), 1), (RuntimeError("x"), 1)],
)
def test_every_kind_of_end_has_its_status(capsys, error, status):
    with pytest.raises(SystemExit) as end, one_message():
        raise error
    assert end.value.code == status
    told = capsys.readouterr().err
    assert "Traceback" not in told
    assert ("debug=true" in told) == isinstance(error, RuntimeError)


HELP = """
import sys
from vae.cli import train
sys.argv = ["train.py", "--help"]
try:
    train()
finally:
    heavy = [name for name in ("torch", "lightning", "matplotlib") if name in sys.modules]
    print("imported:", heavy)
"""


def test_help_answers_without_torch(tmp_path):
    done = start("", "-c", HELP, folder=tmp_path)
    assert "imported: []" in done.stdout
    assert "latent_dim" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_choice_that_brings_another_can_be_overridden():
    settings = settings_of("posterior=categorical", "prior=vamp")
    assert settings["prior"]["_target_"] == "vae.priors.VampPrior"
