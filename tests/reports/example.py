"""A report with everything a report may hold."""

import torch

from vae.evaluation import Embedding, Figure, Picture, Report, Section

HOSTILE = "<script>alert(1)</script>"


def example(*, title: str = "a run") -> Report:
    picture = torch.zeros(3, 40, 60, dtype=torch.uint8)
    picture[0] = 255
    points = torch.arange(12.0).view(4, 3)
    bound = Section(
        "Bound",
        figures={
            "nll": Figure("−log p(x)", 97.25, "nats", 0.125),
            "unknown": Figure("what is not known", None),
            "infinite": Figure("a ratio", float("inf")),
        },
        protocol={"num_samples": [1, 10], "data": {"name": HOSTILE}},
        tables={"per class": [{"class": HOSTILE, "count": 3, "elbo": -1.5}]},
        series={"kl": [0.5, float("nan")]},
        pictures={
            "red field": Picture(picture),
            "fading": Picture(torch.stack([picture, picture // 2])),
        },
        notes=[f"A note & {HOSTILE}"],
        embeddings={
            "labelled": Embedding(points, {"label": [1, 2, 3, 4]}, torch.rand(4, 3, 8, 8)),
            "bare": Embedding(points, {}),
            "factors": Embedding(points, {"shape": list("abcd"), "scale": [1, 2, 3, 4]}),
        },
    )
    protocol = {"split": "test", "seed": 0, "data": {"data": "held"}}
    return Report(protocol, {"bound": bound}, {"quality": "there are no pictures"}, title)
