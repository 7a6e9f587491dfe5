"""A world from the command line: it trains, goes on exactly, foresees, and its file is enough."""

import json

import pytest
import torch

import vae
from tests.cli.command import call
from tests.cli.test_conditional_runs import weights

SMALL = [
    *("data=moving_sprites", "data.size=60", "data.side=8", "data.steps=7", "data.batch_size=8"),
    *("model.latent_dim=3", "model.state_dim=8", "model.hidden_dim=8", "objective=balanced_elbo"),
    *("model.encoder.hidden=[8]", "trainer=cpu", "logger=csv", "scheduler=constant", "threads=1"),
    *("test_samples=2", "report.open_loop.context=3", "report.traversals.num_examples=4"),
]
KINDS = {
    "normal": ["model=rssm_conv", "model.encoder.channels=[4,4]"],
    "categorical": ["model=rssm", "posterior=categorical", "posterior.num_categories=3"],
}


@pytest.mark.parametrize("kind", ["normal", pytest.param("categorical", marks=pytest.mark.slow)])
def test_a_world_goes_on_exactly_and_its_checkpoint_is_enough(kind, monkeypatch, capsys, tmp_path):
    for folder, epochs in (("whole", 2), ("half", 1)):
        place, more = f"hydra.run.dir='{tmp_path / folder}'", f"trainer.max_epochs={epochs}"
        test = [] if folder == "whole" else ["test=false"]
        arguments = [*SMALL, *KINDS[kind], place, more, *test]
        status, _, err = call(monkeypatch, capsys, tmp_path, *arguments)
        assert status == 0, err
    again = [f"resume='{tmp_path / 'half'}'", "trainer.max_epochs=2", "test=false"]
    status, _, err = call(monkeypatch, capsys, tmp_path, *again)
    assert status == 0, err
    ours, theirs = weights(tmp_path / "whole"), weights(tmp_path / "half")
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    model = vae.load(tmp_path / "whole")
    actions = torch.zeros(3, 9, 2)
    assert model.sample(3, given={"action": actions}).shape == (3, 9, 1, 8, 8)
    seen = {"x": torch.zeros(3, 4, 1, 8, 8), "action": actions[:, :4]}
    assert model.continued(seen, 5, 2, actions=actions[:, :5]).shape == (2, 3, 5, 1, 8, 8)
    metrics = json.loads((tmp_path / "whole" / "metrics.json").read_text())
    assert {"open_loop_mse_1", "copy_mse_4"} <= metrics["open_loop"]["figures"].keys()
    pictures = {path.name for path in (tmp_path / "whole" / "pictures").iterdir()}
    assert {"reconstructions.png", "foreseen.png", "foreseen_moving.gif"} <= pictures
