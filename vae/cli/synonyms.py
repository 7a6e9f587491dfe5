"""What other libraries call a setting or a choice, and what it is here.

Only true synonyms stand here: a setting's name without its group, in other letters or almost, and
the choice of another group are found without a table. Names may be written with or without
underscores; ``{}`` is the value that was given.
"""

__all__ = ["ADVICE", "CHOICES", "EVALUATION", "PACKAGES", "SETTINGS", "VALUES"]

EARLY = "callbacks=[default,early_stopping]"
WARM_UP = "+schedule@objective.beta=linear objective.beta.steps={}"

SETTINGS = {  # here: elsewhere
    "optimizer": "optim opt",
    "optimizer.lr": "learning_rate lrate base_lr init_lr max_lr",
    "optimizer.weight_decay": "wd l2 decay",
    "scheduler": "lr_scheduler schedule sched",
    "trainer": "device gpu cuda use_cuda",
    "trainer=ddp trainer.devices={}": "gpus num_gpus n_gpus ngpu",
    "trainer.num_nodes": "nodes nnodes",
    "trainer.max_epochs": "epoch epochs num_epochs n_epochs num_train_epochs",
    "trainer.max_steps": "steps num_steps train_steps iterations num_iterations max_iter",
    "trainer.log_every_n_steps": "log_interval log_every logging_steps",
    "trainer.check_val_every_n_epoch": "val_every eval_every",
    "trainer.precision": "amp fp16 mixed_precision",
    "data": "dataset dataset_name datamodule",
    "data=images data.root={}": "data_dir data_root train_dir image_dir image_folder",
    "data=array data.path={}": "data_path data_file",
    "data.batch_size": "bs train_batch_size per_device_train_batch_size",
    "data.eval_batch_size": "val_batch_size test_batch_size per_device_eval_batch_size",
    "data.val_size": "val_split validation_split",
    "data.test_size": "test_split",
    "model": "arch architecture backbone model_name net network",
    "model.latent_dim": "latent_size latent_dims latents n_latents z_dim z_size nz code_size",
    "model.condition=[label]": "class_conditional cond conditioning",
    "model.encoder.hidden=[{}]": "hidden_dim hidden_size hidden_dims layers",
    "likelihood": "loss recon_loss reconstruction_loss criterion decoder_dist output_dist",
    "objective.beta": "kl_weight kld_weight kl_coeff kl_coefficient kl_beta",
    WARM_UP: "warmup warmup_steps kl_warmup kl_annealing anneal_steps beta_warmup",
    "objective.num_samples": "num_importance_samples n_samples mc_samples",
    "objective=free_bits objective.nats={}": "free_bits",
    "gradient_clip": "gradient_clip_val grad_clip clip_grad_norm max_grad_norm clipnorm",
    "accumulate": "accumulate_grad_batches gradient_accumulation_steps grad_accum",
    "seed": "seed_everything random_seed random_state manual_seed",
    "compile": "torch_compile",
    "resume": "ckpt_path checkpoint_path ckpt resume_from resume_from_checkpoint",
    "init": "pretrained weights init_from load_from_checkpoint",
    "name": "run_name experiment_name exp_name project",
    "hydra.run.dir": (
        "output output_dir out out_dir outdir dir save_dir save_path log_dir logdir run_dir "
        "results_dir default_root_dir"
    ),
    EARLY: "early_stopping",
    EARLY + " callbacks.early_stopping.patience={}": "patience",
    "callbacks=[default,ema]": "ema",
    "callbacks=[default,ema] callbacks.ema.decay={}": "ema_decay",
}

EVALUATION = {
    "checkpoint": "ckpt_path ckpt checkpoint_path path run resume weights init",
    "output": "output_dir out_dir save_dir",
    "test_samples": "num_samples n_samples mc_samples",
    "device": "accelerator gpu cuda gpus trainer",
    "+data.eval_batch_size": "batch_size eval_batch_size",
    "seed": "seed_everything random_seed",
    "max_examples": "limit num_examples n_examples",
    "report": "metrics figures evaluations",
}

VALUES = {  # of a setting, here or as it was called: a value here: values elsewhere
    "trainer.precision": {
        "trainer.precision=16-mixed": "16 fp16 float16 half true",
        "trainer.precision=bf16-mixed": "bf16 bfloat16",
        "trainer.precision=32-true": "32 fp32 float32 full false",
    },
    "trainer=ddp trainer.devices={}": {
        "trainer=cpu": "0",
        "trainer=gpu": "1",
        "trainer=ddp": "-1 auto all",
    },
    "seed": {"seed=0": "true"},
    "device": {"device=cuda": "gpu true 1", "device=cpu": "false 0"},
}

CHOICES = {
    "data": {
        "data=images": "folder pictures custom",
        "data=array": "numpy npy npz",
        "data=sequences": "timeseries time_series jsonl mat",
        "data=table": "csv tsv tabular dataframe",
        "data=shards": "webdataset tar tars",
    },
    "model": {
        "model=conv": "cnn vae autoencoder",
        "model=mlp": "fc dense feedforward",
        "model=conv model.condition=[label]": "cvae conditional conditional_vae",
    },
    "posterior": {
        "posterior=normal": "gaussian diagonal diagonal_gaussian mean_field",
        "posterior=nsf": "flow spline",
        "posterior=categorical": "gumbel gumbel_softmax discrete",
        "posterior=constant": "delta deterministic",
        "posterior=bernoulli": "binary bits binary_concrete",
        "posterior=von_mises_fisher": "vmf hyperspherical svae sphere",
    },
    "prior": {
        "prior=standard_normal": "gaussian n01",
        "prior=nsf": "flow iaf realnvp spline",
        "posterior=categorical prior=uniform_categorical": "uniform categorical",
    },
    "likelihood": {
        "likelihood=normal": "gaussian mse l2",
        "likelihood=bernoulli": "bce binary binary_crossentropy",
        "likelihood=laplace": "l1 mae",
        "likelihood=categorical": "ce crossentropy softmax",
    },
    "objective": {
        "objective=elbo": "vae kl",
        "experiment=beta_vae or objective.beta=4": "beta_vae beta",
    },
    "estimator": {
        "estimator=pathwise": "reparameterization reparam rsample",
        "estimator=score objective.num_samples=2": "reinforce rloo",
    },
    "penalty": {"penalty=total_correlation": "tc"},
    "experiment": {"objective=elbo": "vae"},
    "logger": {"logger=none": "false null"},
    "report": {
        "report=sample_quality": "fid kid inception",
        "report=disentanglement": "mig dci sap",
        "report=latent_space": "collapse",
    },
    "scheduler": {
        "scheduler=constant": "none null fixed",
        "scheduler=steps": "step_lr multistep multistep_lr",
        "scheduler=cosine": "cos",
    },
    "trainer": {
        "trainer=gpu": "cuda cuda:0 true",
        "trainer=cpu": "false",
        "trainer.accelerator=mps": "mps",
        "trainer=ddp": "distributed multi_gpu dp",
        "trainer=fsdp": "deepspeed",
    },
}

ADVICE = {  # what has no setting here, and why
    "batches are made without worker processes: leave it out": (
        "num_workers workers pin_memory persistent_workers prefetch_factor"
    ),
    "training data are shuffled, and no others: leave it out": "shuffle",
    "runs are logged for TensorBoard: tensorboard --logdir outputs": "wandb mlflow tensorboard",
    "the nets have none; optimizer.weight_decay= acts against overfitting": "dropout",
}

PACKAGES = {  # what brings Hydra's own choices: tried with Hydra 1.3.8
    "hydra-optuna-sweeper": "hydra/sweeper=optuna",
    "hydra-joblib-launcher": "hydra/launcher=joblib",
    "hydra-submitit-launcher": "hydra/launcher=submitit_slurm hydra/launcher=submitit_local",
}
