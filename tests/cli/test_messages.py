"""Wrong input ends with one message of a line or two and status 2, before anything is trained."""

import pytest
import torch

from tests.cli.command import TINY, array, call
from vae.cli import app

NO_GPU = not torch.cuda.is_available()
# the arguments, and what the message must say
WRONG = {
    "a choice, almost": (["model=convv"], "model=convv does not exist; did you mean model=conv?"),
    "a choice": (["model=zzz"], "choose from attentive_neural_process, bayesian, burda, b"),
    "an optimizer": (["optimizer=adamm"], "did you mean optimizer=adam?"),
    "a group": (["modle=conv"], "modle is not a setting; did you mean model=conv?"),
    "a key": (["model.latentdim=3"], "model.latentdim is not a setting; did you mean model.latent"),
    "a deep key": (["model.encoder.hiden=[3]"], "did you mean model.encoder.hidden=[3]?"),
    "an objective's key": (["objective.bta=4"], "did you mean objective.beta=4?"),
    "an added key": (["+model.latentdim=3"], "model.latentdim is not a setting"),
    "text for a number": (["model.latent_dim=abc"], "must be a whole number; got 'abc'"),
    "a fraction": (["model.latent_dim=2.5"], "must be a whole number; got 2.5"),
    "a negative size": (["model.latent_dim=-3"], "latent_dim must be at least 1; got -3"),
    "a list": (["model.encoder.hidden=8"], "model.encoder.hidden must be a list"),
    "no features": (["model.encoder.hidden=[0]"], "hidden must be at least 1; got [0]"),
    "a negative weight": (["objective.beta=-5"], "beta must be a finite number of at least 0"),
    "no weight": (["objective.beta=nan"], "objective.beta must be a finite number; got nan"),
    "no batch": (["data.batch_size=0"], "data.batch_size must be a whole number of at least 1"),
    "a large batch": (["data.batch_size=100"], "64 training examples"),
    "a learning rate": (["optimizer.lr=-1"], "optimizer.lr must be above 0; got -1"),
    "a rate in words": (["optimizer.lr=abc"], "optimizer.lr must be a number"),
    "a seed": (["seed=-1"], "seed must be at least 0; got -1"),
    "clipping": (["gradient_clip=-1"], "gradient_clip must be above 0 or null; got -1"),
    "accumulation": (["accumulate=0"], "accumulate must be at least 1; got 0"),
    "a group size": (["group_size=0"], "group_size must be at least 1; got 0"),
    "threads": (["threads=0"], "threads must be at least 1; got 0"),
    "epochs in words": (["trainer.max_epochs=abc"], "trainer.max_epochs must be a whole number"),
    "a precision": (
        ["trainer.precision=abc"],
        "must be one of 32-true, bf16-mixed, 16-mixed; got 'abc'",
    ),
    "a precision of products": (
        ["matmul_precision=low"],
        "matmul_precision must be one of highest, high, medium; got 'low'",
    ),
    "a CUDA graph without a GPU": (["cuda_graph=true"], "cuda_graph=true needs a GPU"),
    "a figure to minimise that there is not": (
        ["monitor=-val/nothing"],
        "monitor must be one of val/elbo",
    ),
    "a schedule that does not rise": (
        ["+schedule@objective.num_samples=stages", "objective.num_samples.starts=[5,5]"],
        "starts must be one rising step less than the 3 values; got [5, 5]",
    ),
    "an accelerator": (["trainer.accelerator=abc"], "must be one of auto, cpu, gpu"),
    "a schedule": (["scheduler.rise=2"], "scheduler: rise must lie in (0, 1); got 2"),
    "a logger's key": (["+logger.tensorboard.foo=1"], "tensorboard.foo is not a setting; allowed:"),
    "an average's key": (
        ["callbacks=[default,ema]", "+callbacks.ema.decai=1"],
        "callbacks.ema.decai is not a setting; did you mean decay?",
    ),
    "a flow's key": (["prior=nsf", "+prior.foo=1"], "prior: "),
    "columns": (["callbacks.pictures.columns=0"], "columns and max_dims must be at least 1"),
    "an average": (
        ["callbacks=[default,ema]", "callbacks.ema.decay=2"],
        "callbacks.ema: decay must lie in [0, 1); got 2",
    ),
    "a sweep without -m": (["model.latent_dim=3,4"], "Several values need a sweep: add -m."),
    "a net": (["model=conv"], "got (6,): use model=mlp"),
    "a likelihood": (["likelihood=bernoulli"], "likelihood Bernoulli does not cover data vectors"),
    "free bits of a flow": (["posterior=nsf", "objective=free_bits"], "Use objective=elbo"),
    "spaces that differ": (
        ["posterior=categorical", "prior=standard_normal"],
        "live on different spaces. Use posterior=categorical with",
    ),
    "a target": (["model._target_=os.system"], "_target_ os.system is not a part"),
    "a split": (["data.val_size=1000"], "Of 80 examples, 1000 for validation"),
    "no file named": (["data.path="], "data=array needs data.path="),
    "a folder's name of a file": (
        ["data.root=x"],
        "data.root is not a setting; did you mean data.path=x?",
    ),
    "a table in text": (["data.path=x.csv"], "x.csv is a table in text: data=table data.path="),
    "an absent file": (["data.path=none.npy"], "none.npy is no file: set data.path to"),
    "an absent run": (["resume=none"], "no checkpoint at none"),
    "a run folder that is a file": (["hydra.run.dir=vectors.npy/x"], "vectors.npy/x"),
    "two values": (["seed=1=2"], "'seed=1=2' cannot be read: quote"),
    "clipping in words": (["gradient_clip=abc"], "gradient_clip must be"),
    "accumulation in words": (["accumulate=abc"], "accumulate must be"),
    "a batch of a rate": (["lr_batch=0"], "lr_batch must be at least 1; got 0"),
    "more accumulation than batches": (["accumulate=100"], "accumulate"),
    "threads in words": (["threads=abc"], "threads must be"),
    "no samples": (["test_samples=0"], "test_samples must be at least 1"),
    "neither true nor false": (["test=abc"], "test must be true or false"),
    "a figure": (["monitor=val/elbow"], "val/elbo"),
    "no logging interval": (["trainer.log_every_n_steps=0"], "log_every_n_steps"),
    "no validation interval": (["trainer.check_val_every_n_epoch=0"], "check_val_every_n_epoch"),
    "epochs below 0": (["trainer.max_epochs=-5"], "max_epochs"),
    "no step": (["trainer.max_steps=0"], "max_steps"),
    "a callback": (["callbacks=[default,emma]"], "did you mean callbacks=[default,ema]?"),
    "a checkpoint of text": (["resume=text.ckpt"], "text.ckpt is damaged, or not a checkpoint"),
    "a callback's number": (["callbacks=[1]"], "callbacks=[1]: 1 is not a choice; there are def"),
    "a list of lists": (["penalty=[[mmd]]"], "['mmd'] is not a choice; there are adversarial"),
    "a penalty": (["penalty=[nosuch]"], "penalty=nosuch does not exist; choose from adversarial"),
    "a penalty, almost": (["penalty=mdm"], "penalty=mdm does not exist; did you mean penalty=mmd?"),
    "a penalty's key": (
        ["penalty=dip", "penalties.dip.diagnal=5"],
        "penalties.dip.diagnal is not a setting; did you mean penalties.dip.diagonal=5?",
    ),
    "a discriminator's rate": (
        ["penalty=factor", "penalties.factor.optimizer.lr=-1"],
        "penalties.factor.optimizer.lr must be above 0; got -1",
    ),
    "an estimator": (["estimator=nosuch"], "estimator=nosuch does not exist; choose from dreg"),
    "an estimator of free bits": (
        ["objective=free_bits", "estimator=dreg"],
        "objective FreeBits has the pathwise gradient only. Use estimator=pathwise",
    ),
    "the score of one sample": (["estimator=score"], "Use objective.num_samples=2 or more."),
    "a penalty of a flow": (
        ["posterior=nsf", "penalty=total_correlation"],
        "needs a factorised q(z|x); got ConditionalFlow. Use posterior=normal",
    ),
    "a figure of training alone": (
        ["penalty=gradient_penalty", "monitor=val/objective/gradient_penalty"],
        "monitor must be one of val/elbo",
    ),
    "a number for penalties": (["penalties=-1"], "penalties must hold parts by name; got -1"),
    "an experiment": (["experiment=bta_vae"], "did you mean experiment=beta_vae?"),
    "an unknown setting": (["+sed=1"], "sed is not a setting; did you mean"),
    "no form": (["seed"], "'seed' is not of the form setting=value"),
    "nothing": (["="], "'=' cannot be read: write setting=value"),
    "no group": (["+@model=mlp"], "'+@model=mlp' cannot be read: write setting=value"),
    "a sign too many": (["model.latent_dim==3"], "cannot be read: quote a value"),
    "another alphabet": (["data.path=ä ö.npy"], "\"data.path='ä ö.npy'\""),
    "a quote that a backslash opens": (["name='a\\'"], "'name='\"'\"'a\\\\'\"'\"''"),
    "an open quote": (["seed='"], "cannot be read"),
    "a choice of null": (["model=null"], "model=null is not a choice; choose from "),
    "a choice of 3": (["prior=3"], "prior=3 is not a choice; choose from bernoulli"),
    "no choice": (["model="], "model= does not exist; choose from "),
    "a setting added twice": (["+seed=1"], "seed is a setting already: leave the + out"),
    "a sweep by range without -m": (["seed=range(3)"], "Several values need a sweep: add -m."),
    "two mistakes": (["callbacks=[]", "modle=3"], "is not a setting"),
    "two wrong choices": (["++callbacks=0", "callbacks=0"], "callbacks is a setting already"),
    "a flag": (["--nonsense"], "unrecognized arguments: --nonsense"),
    "a flag's value": (["--cfg=jobb"], "invalid choice: 'jobb'"),
    "another config": (["--config-name=x"], "there is no config x; leave --config-name out"),
    "no model": (["~model"], "does not fit the other settings given"),
    "no latent size": (["~model.latent_dim"], "model.latent_dim is missing"),
    "a removed size of a flow": (["posterior=nsf", "~model.latent_dim"], "do not remove it"),
    "no encoder": (["~model.encoder"], "model.encoder.hidden is missing"),
    "no prior": (["~prior"], "prior is missing: every run needs it"),
    "no penalties": (["~penalties"], "penalties is missing"),
    "no seed": (["~seed"], "seed is missing, to which data.seed refers"),
    "no source": (["~data.source"], "data.source is missing"),
    "no checkpoints": (["~callbacks.checkpoint"], "callbacks needs default"),
    "a callback of null": (["callbacks.scalars=null"], "callbacks.scalars must be a part"),
    "a penalty of 1": (["+penalties.x=1"], "penalties.x must be a part, with a _target_; got 1"),
    "a target of null": (["model.encoder._target_=null"], "model.encoder must be a part"),
    "another part": (["estimator._target_=torch.nn.ReLU"], "must be Estimator or null; got ReLU()"),
    "a part of another kind": (["posterior._target_=vae.priors.StandardNormal"], "posterior"),
    "an unknown variable": (["seed=${nosuch}"], "nosuch is missing, to which seed refers"),
    "a seed beyond 64 bits": (["seed=100000000000000000000"], "seed must be at most"),
    "too many threads": (["threads=100000"], "threads must be at most 1024; got 100000"),
    "too many columns": (["callbacks.pictures.columns=1000"], "must be at most 100"),
    "a size beyond memory": (["model.latent_dim=100000000000000000000"], "model.encoder: "),
    "an infinite rate": (["optimizer.lr=inf"], "optimizer.lr must be a finite number; got inf"),
    "no rate": (["optimizer.lr=0"], "optimizer.lr must be above 0; got 0"),
    "a context": (["posterior=nsf", "posterior.context_dim=0"], "context_dim must be at least 1"),
    "transforms": (
        ["posterior=nsf", "posterior.flow.transforms=0"],
        "'transforms' cannot be",
    ),
    "no device": (["trainer.devices=0"], "must be auto or a whole number from 1 to"),
    "less than none": (["trainer.devices=-3"], "must be auto or a whole number from 1 to"),
    "too many processes": (
        ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=999"],
        "999",
    ),
    "a strategy": (["trainer.strategy=ddp_spawn"], "trainer.strategy must be auto or ddp"),
    "an adversary of sharded weights": (
        ["trainer=fsdp", "penalty=factor"],
        "factor needs whole weights in each process: use trainer=ddp",
    ),
    "an average of sharded weights": (
        ["trainer=fsdp", "callbacks=[default,ema]"],
        "ema needs whole weights in each process: use trainer=ddp",
    ),
    "a preconditioner of sharded weights": (
        ["trainer=fsdp", "optimizer=soap"],
        "optimizer needs whole weights in each process: use trainer=ddp",
    ),
    "compiled sharded nets": (["trainer=fsdp", "compile=true"], "compile=true needs whole weights"),
    "sharded half precision": (
        ["trainer=fsdp", "trainer.precision=16-mixed"],
        "trainer.precision=16-mixed needs a GPU" if NO_GPU else "fsdp goes with 32-true or bf16",
    ),
    "no machine": (["trainer.num_nodes=0"], "trainer.num_nodes must be at least 1; got 0"),
    "machines without a launcher": (
        ["trainer=ddp", "trainer.num_nodes=2"],
        "trainer.num_nodes=2 needs torchrun or Slurm to start the processes",
    ),
    "no time": (["trainer=ddp", "trainer.strategy.timeout=0"], "trainer.strategy: timeout must be"),
    "double precision": (["trainer.precision=64-true"], "must be one of 32-true, bf16-mixed"),
    "half precision alone": (["trainer.precision=16-true"], "must be one of 32-true, bf16-mixed"),
    "determinism": (["trainer.deterministic=maybe"], "must be true or false or warn or null"),
    "epochs in half": (["trainer.max_epochs=0.5"], "trainer.max_epochs must be a whole number"),
    "no steps": (["data.min_steps=0"], "data.min_steps must be a whole number of at least 1"),
    "a schedule without end": (["trainer.max_epochs=-1"], "a scheduler needs the end of training"),
    "no validation": (["trainer.check_val_every_n_epoch=5"], "nothing would be validated"),
    "steps without validation": (
        ["trainer.max_epochs=5", "trainer.check_val_every_n_epoch=2", "trainer.max_steps=8"],
        "trainer.max_steps=8 ends the run before the first epoch with a validation, which follows",
    ),
    "Lightning's clipping": (["+trainer.gradient_clip_val=1"], "use gradient_clip= instead"),
    "a plus too many": (["+trainer.fast_dev_run=true"], "is a setting already: leave the + out"),
    "patience": (
        ["callbacks=[default,early_stopping]", "callbacks.early_stopping.patience=-1"],
        "callbacks.early_stopping.patience must be at least 1; got -1",
    ),
    "what stops early": (
        ["callbacks=[default,early_stopping]", "callbacks.early_stopping.monitor=val/nothing"],
        "callbacks.early_stopping.monitor must be one of val/elbo",
    ),
    "no time between saves": (
        ["callbacks.checkpoint.minutes=0"],
        "minutes must be above 0 or null",
    ),
    "a run that is a number": (["resume=3"], "resume must be text or null; got 3"),
    "no run": (["resume="], "nothing to go on from"),
    "a start that is a number": (["init=3"], "init must be text or null; got 3"),
    "an absent start": (["init=none"], "no checkpoint at none"),
    "a start of text": (["init=text.ckpt"], "text.ckpt is damaged, or not a checkpoint"),
    "a folder for a file": (["data.path=."], "is a folder: set data.path to"),
    "a path below a file": (["data.path=vectors.npy/x"], "vectors.npy/x is no file"),
    "no such labels": (["data.labels=none.npy"], "none.npy is no file: set data.labels to"),
    "a long path": ([f"data.path={'x' * 5000}"], "File name too long"),
    "a folder that is a file": (
        ["hydra.run.dir=vectors.npy"],
        "File exists: vectors.npy. Choose another",
    ),
    "a folder in none": (
        ["hydra.run.dir=/proc/nope"],
        "nope. Choose another folder: hydra.run",
    ),
    "dimensions of a chart": (["callbacks.latents.max_dims=-1"], "max_dims must be at least 0"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_told_in_a_sentence(monkeypatch, capsys, tmp_path, name):
    for file in ("text.ckpt", "x.csv"):
        (tmp_path / file).write_text("hello")
    wrong, told = WRONG[name]
    arguments = [*TINY, array(tmp_path), *wrong]
    status, out, message = call(monkeypatch, capsys, tmp_path, *arguments)
    assert told in message
    assert status == 2
    assert message.startswith("error: ")
    assert message.count("\n") <= 2
    assert "Traceback" not in message
    assert "elbo" not in out
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("flaw", [float("nan"), float("inf")])
def test_values_that_are_not_numbers_are_found_before_training(monkeypatch, capsys, tmp_path, flaw):
    status, out, message = call(monkeypatch, capsys, tmp_path, *TINY, array(tmp_path, flaw=flaw))
    assert status == 2
    assert "(3, 2); every value must be finite" in message
    assert "elbo" not in out


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_absent(monkeypatch, capsys, tmp_path):
    arguments = [*TINY, array(tmp_path), "trainer=gpu"]
    status, _, message = call(monkeypatch, capsys, tmp_path, *arguments)
    assert status != 0
    assert "gpu" in message.lower()
    assert message.count("\n") <= 2


def test_a_stack_trace_is_shown_when_asked_for(monkeypatch, capsys, tmp_path):
    with pytest.raises(ValueError, match="latent_dim must be at least 1"):
        call(
            monkeypatch, capsys, tmp_path,
            *TINY, array(tmp_path), "model.latent_dim=-3", "debug=true",
        )  # fmt: skip


WRONG_EVALUATION = {
    "no checkpoint": ([], "checkpoint"),
    "an absent checkpoint": (["checkpoint=none.ckpt"], "no checkpoint at none.ckpt"),
    "text": (["checkpoint=text.ckpt"], "text.ckpt is damaged, or not a checkpoint"),
    "an empty file": (["checkpoint=empty.ckpt"], "empty.ckpt is damaged"),
    "a foreign file": (["checkpoint=foreign.ckpt"], "is not a checkpoint of this framework"),
    "a key": (
        ["checkpont=none.ckpt"],
        "checkpont is not a setting; did you mean checkpoint=none.ckpt?",
    ),
    "no name": (["checkpoint="], "checkpoint must be .ckpt files or run folders"),
    "a number": (["checkpoint=3"], "checkpoint must be text or a list of text; got 3"),
    "samples": (["checkpoint=text.ckpt", "test_samples=0"], "test_samples must be at least 1"),
    "rows in words": (["checkpoint=text.ckpt", "max_rows=abc"], "max_rows must be a whole number"),
    "a seed": (["checkpoint=text.ckpt", "seed=-1"], "seed must be at least 0; got -1"),
    "threads": (["checkpoint=text.ckpt", "threads=abc"], "threads must be a whole number or null"),
    "an output": (["checkpoint=text.ckpt", "output=3"], "output must be text or null; got 3"),
    "an added key": (
        ["checkpoint=text.ckpt", "+sed=1"],
        "sed is not a setting; did you mean seed=1?",
    ),
}


@pytest.mark.parametrize("name", WRONG_EVALUATION)
def test_wrong_input_of_the_evaluation(monkeypatch, capsys, tmp_path, name):
    (tmp_path / "text.ckpt").write_text("hello")
    (tmp_path / "empty.ckpt").touch()
    torch.save({"weights": torch.zeros(3)}, tmp_path / "foreign.ckpt")
    wrong, told = WRONG_EVALUATION[name]
    status, _, message = call(monkeypatch, capsys, tmp_path, *wrong, command=app.evaluate)
    assert told in message
    assert status == 2
    assert message.count("\n") <= 2
