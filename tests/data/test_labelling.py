"""Few labels among many examples: which keep theirs, and batches that hold both kinds."""

from itertools import islice

import pytest
import torch

from vae.batch import UNLABELLED
from vae.data import DataModule, Memory, Sprites

LABELS = (torch.arange(211) * 7 % 3).clamp(max=2)
FEW = {"train_size": 150, "batch_size": 16, "labelled": 8, "labelled_share": 0.25, "seed": 5}


def module(labelled_field=True, **settings):
    fields = {"x": torch.arange(211.0)[:, None].expand(-1, 2), "label": LABELS}
    data = DataModule(Memory(fields if labelled_field else fields["x"]), **{**FEW, **settings})
    data.fields = ("x", "label", "index") if labelled_field else ("x",)
    return data


def epoch(loader):
    return [draft.make() for group in loader for _, draft in group]


def test_labels_are_kept_equally_by_class_in_training_alone():
    data = module()
    kept = data.examples("train")
    known = kept["label"] >= 0
    assert sorted(kept["label"][known].bincount().tolist()) == [2, 3, 3]
    assert torch.equal(kept["label"][known], LABELS[kept["index"]][known])
    assert (kept["label"][~known] == UNLABELLED).all()
    for split in ("val", "test"):
        held = data.examples(split)
        assert torch.equal(held["label"], LABELS[held["index"]])
    again, other = (module(split_seed=s).examples("train")["label"] for s in (0, 1))
    assert torch.equal(again, kept["label"])
    assert not torch.equal(other, kept["label"])
    assert data.spec.num_labelled == data.describe()["labelled_examples"] == 8
    assert data.spec.class_name(UNLABELLED) == "unlabelled"


def test_every_batch_has_its_share_and_an_epoch_all_others_once():
    loader = module(drop_last=False).train_dataloader()
    batches = epoch(loader)
    assert len(batches) == loader.num_batches == module(drop_last=False).count_batches() == 12
    assert all((batch["label"] >= 0).sum() == 4 for batch in batches)
    rows = torch.cat([batch["index"][batch["label"] < 0] for batch in batches])
    assert len(rows.unique()) == 142  # of 144 places, which two are in twice
    known = torch.cat([batch["index"][batch["label"] >= 0] for batch in batches])
    assert known.unique(return_counts=True)[1].tolist() == [6] * 8


def test_processes_share_the_examples_without_a_label():
    seen = []
    for rank in (0, 1):
        loader = module(batch_size=8).train_dataloader()
        loader.rank, loader.world_size = rank, 2
        rows = [batch["index"][batch["label"] < 0] for batch in epoch(loader)]
        seen.append(torch.cat(rows))
    assert len(seen[0]) == len(seen[1]) == 11 * 6
    assert len(torch.cat(seen).unique()) == 132


def test_a_loader_that_goes_on_gives_the_batches_that_were_left():
    whole = module().train_dataloader()
    batches = epoch(whole)
    part = module().train_dataloader()
    for group in islice(part, 4):
        list(group)
    rest = module().train_dataloader()
    rest.load_state_dict(part.state_dict())
    left = epoch(rest)
    assert len(left) == len(batches) - 4
    for ours, theirs in zip(left, batches[4:], strict=True):
        assert torch.equal(ours["index"], theirs["index"])
    other = module(labelled_share=0.5).train_dataloader()
    with pytest.raises(ValueError, match="made with labelled per batch=4, this run has"):
        other.load_state_dict(part.state_dict())


def test_batches_without_labels_are_those_of_all_examples():
    plain, few = (module(labelled=n, labelled_share=None) for n in (None, 8))
    plain.fields = few.fields = ("x",)
    pairs = zip(epoch(plain.train_dataloader()), epoch(few.train_dataloader()), strict=True)
    assert all(torch.equal(a["x"], b["x"]) for a, b in pairs)


REFUSED = {
    "no labels": ({"labelled_field": False}, "have no labels to keep 8 of"),
    "fewer than classes": ({"labelled": 2}, "less than one label for each of the 3 classes"),
    "more than there are": ({"labelled": 151}, "labelled=151 is more than the 150 training"),
    "more of a class": ({"labelled": 149}, r"keeps \d+ labels of class \d, which has \d+ training"),
    "no number": ({"labelled": 0}, "data.labelled must be a whole number of at least 1; got 0"),
    "a share of nothing": ({"labelled": None}, "0.25 is how .*: give data.labelled as well"),
    "a share": ({"labelled_share": 1}, "labelled_share must be a fraction between 0 and 1; got 1"),
    "batches of one": ({"batch_size": 1}, "use data.batch_size=2 or more"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused_in_a_sentence(name):
    settings, told = REFUSED[name]
    with pytest.raises(ValueError, match=told):
        module(**settings).train_dataloader()


def test_sprites_hide_labels_wherever_they_are_made():
    data = DataModule(Sprites(size=300), val_size=30, test_size=30, labelled=9, batch_size=8)
    batches = data.train_dataloader()  # which moves them to where they are trained on
    assert batches.num_batches > 0
    assert (data.examples("train")["label"] >= 0).sum() == 9
