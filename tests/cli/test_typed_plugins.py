"""What is said of parts from outside that are typed wrongly."""

import pytest

from tests.cli.command import TINY, array, call
from vae.data import Source

__all__ = ["Half", "Own"]

PLUGIN = f"plugins=[{__name__}]"


class Own(Source):
    """A data set without a spec."""

    def prepare(self) -> None:
        """Nothing."""

    def load(self):
        raise NotImplementedError


class Half:
    """Less than a data set, and derived from nothing."""

    def prepare(self) -> None:
        """Nothing."""

    def load(self):
        raise NotImplementedError


SOURCE = ["~data", "+data.batch_size=8"]
WRONG = {
    "a module that was not named": (
        ["prior._target_=my_package.Heavy"],
        "prior; a class from outside needs plugins=[my_package]",
    ),
    "a setting without its plus": (
        [PLUGIN, f"prior._target_={__name__}.Half", "prior.width=2.0"],
        "prior.width is a setting of a part of your own: add it, +prior.width=2.0",
    ),
    "another kind of part": (
        [PLUGIN, f"prior._target_={__name__}.Half"],
        "under prior: there a class must be derived from torch.nn.Module",
    ),
    "an unfinished part": (
        [PLUGIN, *SOURCE, f"+data.source._target_={__name__}.Own"],
        f"{__name__}.Own is abstract: it must define spec",
    ),
    "half a data set": (
        [PLUGIN, *SOURCE, f"+data.source._target_={__name__}.Half"],
        "data.source must be a vae.data.Source; Half has no has_test, has_val, spec",
    ),
    "no list": (["plugins=my_package"], "must be a list of names, plugins=[my_package]; got"),
    "no plugins at all": (["~plugins"], "plugins is missing: every run needs it"),
    "a module that is not there": (
        ["plugins=[my_pakage]"],
        "there is no module my_pakage, neither",
    ),
    "a penalty that is none": (
        ["+penalties.x={_target_: vae.networks.MLP, in_shape: [2], out_shape: [2]}"],
        "penalties.x must be an objective; got MLP",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_it_is_told_in_one_line(monkeypatch, capsys, tmp_path, name):
    words, told = WRONG[name]
    data = [] if "~data" in words else ["data=array", array(tmp_path)]
    tiny = [word for word in TINY if not word.startswith("data")]
    status, _, message = call(monkeypatch, capsys, tmp_path, *tiny, *data, *words)
    assert (status, message.count("\n")) == (2, 1), message
    assert told in message
