"""What is compared: experiments and single parts, each as arguments of the training command."""

__all__ = ["HERE", "runs"]

from pathlib import Path

from benchmarks.losses.pictures import TRAIN, VAL

HERE = Path(__file__).parents[2]
COMMON = [
    "trainer=cpu",
    "threads=1",
    "test=false",
    "logger=none",
    "group_size=1",  # one call of `Recorder` a batch
    "~callbacks.pictures",
    "~callbacks.progress",
    "~callbacks.latents",
    "data.batch_size=16",
]
SPRITES = ["data.size=700", f"data.train_size={TRAIN}", f"data.val_size={VAL}"]
DIGITS = [f"data.train_size={TRAIN}", f"data.val_size={VAL}", "data.root={folder}"]
MLP = ["data=mnist", "model=mlp", "model.encoder.hidden=[64]", "model.latent_dim=6"]
GRAY = [*MLP, "data.binarization=none"]
ARRAY = ["data=array", "data.path={folder}/vectors.npy", f"data.val_size={VAL}", *MLP[1:]]
OFTEN = "trainer.check_val_every_n_epoch=1"
EXPERIMENTS = {
    "burda_iwae": ["compile=false", "trainer.precision=32-true", OFTEN],
    "burda_vae": [OFTEN],
}
PARTS = {
    "sprites": [],
    **{f"model={name}": [f"model={name}"] for name in ("gated", "linear", "locatello")},
    "model=resnet": ["model=resnet", "model.encoder.channels=[8,16]"],
    "data=sprites_color": ["data=sprites_color", *MLP[1:]],
    "data.flip": [*ARRAY[:1], "data.path={folder}/pictures.npy", "data.flip=true", *MLP[1:]],
    "data.binarization=static": [*MLP, "data.binarization=static"],
    "data.dequantize": [*GRAY, "data.dequantize=true", "likelihood=normal_learned"],
    "data=array": ARRAY,
    "data.standardize": [*ARRAY, "data.standardize=true"],
    "data.standardize prior=vamp": [
        *ARRAY,
        "data.standardize=true",
        "prior=vamp",
        "likelihood=normal_pixelwise",
    ],
    "mlp": MLP,
    "prior=nsf": [*MLP, "prior=nsf"],
    "prior=vamp": [*MLP, "prior=vamp", "prior.num_components=20"],
    "posterior=categorical": [*MLP, "posterior=categorical"],
    "posterior=constant": [*MLP, "posterior=constant"],
    "posterior=nsf": [*MLP, "posterior=nsf"],
    "posterior=nsf prior=vamp iwae": [*MLP, "posterior=nsf", "prior=vamp", "objective=iwae"],
    **{
        f"likelihood={name}": [*GRAY, f"likelihood={name}"]
        for name in (
            "categorical",
            "continuous_bernoulli",
            "discretized_logistic",
            "discretized_logistic_mixture",
            "laplace",
            "normal",
            "normal_learned",
            "normal_optimal",
            "normal_pixelwise",
        )
    },
    **{
        f"objective={name}": [*MLP, f"objective={name}"]
        for name in ("ciwae", "free_bits", "iwae", "miwae", "piwae", "renyi")
    },
    "objective.num_samples=5": [*MLP, "objective.num_samples=5"],
    **{
        f"estimator={name} objective={bound}": [*MLP, f"estimator={name}", f"objective={bound}"]
        for name, bound in (
            ("stl", "elbo"),
            ("dreg", "iwae"),
            ("dreg", "ciwae"),
            ("dreg", "miwae"),
            ("dreg", "renyi"),
            ("score", "iwae"),
        )
    },
    "estimator=score": [*MLP, "estimator=score", "objective.num_samples=2"],
    "estimator=score posterior=categorical": [
        *MLP,
        "objective.num_samples=2",
        "posterior=categorical",
        "posterior.temperature=null",
        "estimator=score",
    ],
    "estimator=dreg prior=vamp": [*MLP, "estimator=dreg", "objective=iwae", "prior=vamp"],
    "estimator=stl posterior=nsf": [*MLP, "estimator=stl", "posterior=nsf"],
    **{
        f"penalty={name}": [*MLP, f"penalty={name}"]
        for name in (
            "adversarial",
            "capacity",
            "decoder_norm",
            "dip",
            "factor",
            "gradient_penalty",
            "latent_norm",
            "mmd",
            "sliced_wasserstein",
            "total_correlation",
        )
    },
    "penalty=[mmd,latent_norm] posterior=nsf": [
        *MLP,
        "penalty=[mmd,latent_norm]",
        "posterior=nsf",
    ],
    "schedule=linear": [*MLP, "+schedule@objective.beta=linear", "objective.beta.steps=30"],
    "schedule=cyclical": [*MLP, "+schedule@objective.beta=cyclical", "objective.beta.period=20"],
    "schedule=stages": [
        *MLP,
        "objective=iwae",
        "+schedule@objective.num_samples=stages",
        "objective.num_samples.starts=[10,30]",
    ],
    "optimizer=sgd": [*MLP, "optimizer=sgd", "scheduler=constant"],
    "gradient_clip": [*MLP, "gradient_clip=1.0", "skip_limit=null"],
    "accumulate=2": [*MLP, "accumulate=2"],
    "accumulate=2 penalty=factor": [*MLP, "accumulate=2", "penalty=factor"],
    "group_size=20": [*MLP, "group_size=20"],
    "precision=bf16-mixed": [*MLP, "trainer.precision=bf16-mixed"],
    "callbacks=ema": [*MLP, "callbacks=[default,ema]"],
    "compile": [*MLP, "compile=true", "objective=iwae", "+schedule@objective.num_samples=stages"],
    "channels_last": ["channels_last=true", "model=conv", "model.encoder.channels=[8,8,8]"],
}


def runs(before: Path) -> dict[str, list[str]]:
    """Return the arguments of the training command of everything that is compared."""
    mine = {path.stem for path in HERE.glob("vae/conf/experiment/*.yaml")}
    theirs = {path.stem for path in before.glob("vae/conf/experiment/*.yaml")}
    theirs |= {path.stem for path in before.glob("conf/experiment/*.yaml")}  # of earlier checkouts
    experiments = {
        f"experiment={name}": [f"experiment={name}", *EXPERIMENTS.get(name, [])]
        for name in sorted(mine & theirs)
    }
    found = {}
    for name, arguments in (experiments | PARTS).items():
        found[name] = [*COMMON, *arguments, *amounts(name, arguments)]
    return found


def amounts(name: str, arguments: list[str]) -> list[str]:
    """Return the settings that make the data of a run few."""
    experiment = HERE / f"vae/conf/{name.replace('=', '/')}.yaml"
    text = experiment.read_text() if name.startswith("experiment=") else " ".join(arguments)
    if "data=mnist" in text or "/data: mnist" in text:
        return DIGITS
    return [] if "data=array" in text else SPRITES
