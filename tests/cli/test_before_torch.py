"""Wrong input that a command finds before torch is loaded, which takes seconds."""

import json

from tests.cli.command import start

SCRIPT = """
import contextlib, io, json, sys
from vae.cli import evaluate, train

told = []
for command, *arguments in json.loads(sys.argv[1]):
    sys.argv = [command, *arguments]
    error = io.StringIO()
    with contextlib.redirect_stderr(error):
        try:
            {"train": train, "eval": evaluate}[command]()
            status = 0
        except SystemExit as end:
            status = end.code
    told.append([status, error.getvalue()])
print(json.dumps([told, [name for name in ("torch", "lightning") if name in sys.modules]]))
"""
RUN = "hydra.run.dir=run"
WRONG = [  # the command and its arguments, and what the message must say
    (["train", RUN, "lr=0.1"], "did you mean optimizer.lr=0.1?"),
    (["train", RUN, "+lr=0.1"], "did you mean optimizer.lr=0.1?"),
    (["train", RUN, "--lr=0.1"], "settings have no dashes; did you mean optimizer.lr=0.1?"),
    (["train", RUN, "--seed=1"], "settings have no dashes: seed=1"),
    (["train", RUN, "objective=beta_vae"], "did you mean experiment=beta_vae or objective.beta=4?"),
    (["train", RUN, "+hydra/sweeper=optuna"], "needs a package: pip install hydra-optuna-sweeper"),
    (["train", RUN, "trainer.nodes=1"], "did you mean trainer.num_nodes=1?"),
    (["train", RUN, "mnist"], "did you mean data=mnist?"),
    (["train", RUN, "photos"], "did you mean data=images data.root=photos?"),
    (["train", RUN, "tars"], "did you mean data=shards data.root=tars?"),
    (["train", RUN, "x.npy"], "did you mean data=array data.path=x.npy?"),
    (["train", RUN, "x.csv"], "did you mean data=table data.path=x.csv?"),
    (["train", RUN, "data=table", "data.path=none.csv"], "set data.path to a table in text"),
    (["train", RUN, "old"], "did you mean resume=old or init=old?"),
    (["train", RUN, "no/where"], "a path is given by resume=, init=, data.root= or data.path="),
    (["train", RUN, "resume=none"], "no checkpoint at none"),
    (["train", RUN, "resume=photos"], "nothing to go on from in photos"),
    (["train", "hydra.run.dir=old"], "old holds the checkpoints of a run (last.ckpt), which this"),
    (["train", RUN, "init=none"], "no checkpoint at none"),
    (["train", RUN, "data=images", "data.root=none"], "There is no folder"),
    (["train", RUN, "data=shards", "data.root=none"], "There is no folder"),
    (["train", RUN, "data=array", "data.path=none.npy"], "none.npy is no file: set data.path to"),
    (["train", RUN, "data=array", "data.path=x.npy", "data.labels=y.npy"], "set data.labels to"),
    (["eval"], "say what to evaluate: python eval.py checkpoint=outputs/"),
    (["eval", "old"], "did you mean checkpoint=old?"),
    (["eval", "lr=0.1/run"], "did you mean checkpoint='lr=0.1/run'?"),
    (["eval", "checkpoint=none"], "no checkpoint at none"),
    (["eval", "checkpoint=photos"], "no checkpoint at photos"),
    (["eval", "data=mnist"], "+data.root=elsewhere"),
    (["eval", "model=conv"], "as its checkpoint says; an evaluation has checkpoint"),
]


def test_names_and_paths_are_told_before_torch_is_loaded(tmp_path):
    for folder in ("photos", "tars", "old/checkpoints", "lr=0.1/run"):
        (tmp_path / folder).mkdir(parents=True)
    for file in ("x.npy", "x.csv", "old/checkpoints/last.ckpt", "tars/a.tar"):
        (tmp_path / file).touch()
    given = json.dumps([arguments for arguments, _ in WRONG])
    done = start("", "-c", SCRIPT, given, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    told, heavy = json.loads(done.stdout.splitlines()[-1])
    assert heavy == []
    for (arguments, expected), (status, message) in zip(WRONG, told, strict=True):
        assert expected in message, (arguments, message)
        assert status == 2
        assert message.count("\n") == 1
