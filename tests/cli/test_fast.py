"""How nets are executed is chosen by timed steps, told, kept, and gone on with."""

from math import inf

import pytest

from tests.cli.command import CONV, call
from tests.training.runs import same
from vae.cli import fast
from vae.cli.fast import Length, quickest
from vae.saved import read_saved

SLOW = {(): (1.0, 1.0), ("channels_last",): (1.0, 0.8), ("channels_last", "compile"): (90.0, 0.7)}
RUN = [*CONV, "test=false", "trainer.max_epochs=2"]


@pytest.mark.parametrize(
    ("length", "known", "way"),
    [
        (Length(10), SLOW, ()),  # nothing pays in ten seconds
        (Length(500), SLOW, ("channels_last",)),
        (Length(2000), SLOW, ("channels_last", "compile")),
        (Length(), SLOW, ("channels_last", "compile")),
        (Length(inf, 500), SLOW, ("channels_last",)),
        (Length(2000), SLOW | {("channels_last",): (1, 0.98)}, ()),  # the noise of the clock
        (Length(2000), SLOW | {("channels_last", "compile"): (1900.0, 0.7)}, ("channels_last",)),
        (Length(2000), SLOW | {("channels_last", "compile"): None}, ("channels_last",)),
    ],
)
def test_what_saves_more_than_it_costs_is_chosen(length, known, way):
    def measure(asked):
        if known.get(asked) is None:
            raise ValueError("these parts cannot be compiled")
        return known[asked]

    times = {}
    options = ["channels_last", "compile"]
    assert quickest((), options, length, times, measure) == way
    assert quickest((), options, length, times, lambda asked: pytest.fail(f"again {asked}")) == way


@pytest.fixture
def chosen(monkeypatch, capsys, tmp_path):
    """Runs a command in a folder and returns what was timed, the line, weights and settings."""
    asked = []

    def timed(module, data, way, **trainer):
        asked.append(way)
        return SLOW[way]

    monkeypatch.setattr(fast, "CACHE", str(tmp_path / "kept"))
    monkeypatch.setattr(fast, "FEWEST", 10)
    monkeypatch.setattr(fast, "COSTS", dict.fromkeys(fast.COSTS, 3.0))
    monkeypatch.setattr(fast, "free_memory", lambda: 0.0)  # no compiler
    monkeypatch.setattr(fast, "time_batches", timed)

    def run(name, *overrides):
        asked.clear()
        on = any(text.startswith("resume=") for text in overrides)
        place = [] if on else [*RUN, f"hydra.run.dir='{tmp_path / name}'"]
        command = [*place, *overrides]
        status, out, message = call(monkeypatch, capsys, tmp_path, *command)
        assert status == 0, message
        line = [text for text in out.splitlines() if text.startswith("execution")]
        saved = read_saved(tmp_path / name)
        return list(asked), line, saved.state, saved.config

    return run


def test_a_choice_is_told_kept_and_gone_on_with(chosen, tmp_path):
    asked, line, weights, config = chosen("first")
    assert asked == [(), ("channels_last",), ()]
    assert line[0].split(maxsplit=1)[1].strip() == (
        "channels_last=true, 800 ms a batch for 1e+03, 4 s of this run"
    )
    assert config["channels_last"] is True
    assert (config["compile"], config["cuda_graph"]) == (False, False)
    asked, _, again, _ = chosen("second")
    assert asked == []
    assert same(weights, again)
    for file in (tmp_path / "kept").iterdir():  # a longer run has timed more
        file.write_text(file.read_text().replace("1.0", "0.1"))
    _, _, third, config = chosen("third")
    assert same(weights, third)
    assert config["channels_last"] is True
    _, _, typed, _ = chosen("typed", "channels_last=true", "fast=off")
    assert same(weights, typed)
    for file in (tmp_path / "kept").iterdir():
        file.write_text('{"plain": 3}')  # damaged: measured again
    on = [f"resume='{tmp_path / 'first'}'", "trainer.max_epochs=3"]
    asked, line, _, config = chosen("first", *on)
    assert (asked, line, config["channels_last"]) == ([], [], True)
    assert chosen("anew")[0] == [(), ("channels_last",), ()]


@pytest.mark.parametrize(
    "off",
    ["fast=off", "deterministic=true", "trainer.max_epochs=null trainer.max_steps=9"],
)
def test_nothing_is_timed_where_it_may_not_be_or_does_not_pay(chosen, off):
    asked, line, _, config = chosen("run", *off.split())
    assert (asked, line) == ([], [])
    assert config["channels_last"] is False
