"""Every table of figures agrees with its raw file, to the digits that it shows."""

import json
import re

import pytest

from tests.docs.documents import ROOT, tables

NUMBER = re.compile(r"(?<![\w.])[-−]?\d[\d,]*(?:\.\d+)?")
DOCS = ROOT / "docs"
SPEEDS = ["floor", "plain", "pythae", "ours", "fast"]
ON_GPU = ["captured", "floor", "plain", "pythae", "ours", "graph"]


def raw(name: str) -> dict:
    return json.loads((DOCS / name).read_text())


def medians(result: dict, names: list[str]) -> list[float]:
    return [
        result["images_per_second"][who]["median"]
        for who in names
        if who in result["images_per_second"]
    ]


def with_range(ratio: dict) -> list[float]:
    return [ratio["median"], *ratio["range"]]


def throughput() -> dict[str, list[float]]:
    rows = {}
    for name, result in raw("performance.json")["workloads"].items():
        ours, fast = (result["ratios"].get(who) for who in ("ours", "fast"))
        ratios = [*with_range(ours["floor"]), ours["pythae"]["median"]]
        ratios += [fast["pythae"]["median"]] if fast else []
        rows[name] = medians(result, SPEEDS) + ratios
    return rows


def beside_jax() -> dict[str, list[float]]:
    names = ["plain", "floor", "ours", "pythae", "jax"]
    return {
        name: [
            *(result["images_per_second"][who]["median"] for who in names),
            *with_range(result["ratios"]["ours"]["jax"]),
            result["ratios"]["ours"]["pythae"]["median"],
        ]
        for name, result in raw("jax.json")["workloads"].items()
    }


def starts() -> dict[str, list[float]]:
    rows = {}
    for name, result in raw("performance.json")["workloads"].items():
        rows[f"{name}, peak memory, MiB"] = [result["peak_mib"].get(who, 0) for who in SPEEDS]
        for key, what in (
            ("imported", "packages are imported"),
            ("first_step", "the first step is done"),
        ):
            seconds = [result.get("start", {}).get(who, {}).get(key) for who in SPEEDS]
            rows[f"{name}, seconds until {what}"] = seconds
    return rows


def products() -> dict[str, list[float]]:
    rows = {}
    for name, kinds in raw("products.json")["layers"].items():
        rows[name] = [
            value
            for kind in kinds.values()
            for value in (1e3 * kind["onednn"], 1e3 * kind["products"], kind["ratio"])
        ]
    return rows


def gpu() -> dict[str, list[float]]:
    return {n: medians(r, ON_GPU) for n, r in raw("gpu.json")["workloads"].items()}


def gpu_ratios() -> dict[str, list[float]]:
    rows = {}
    for name, result in raw("gpu.json")["workloads"].items():
        ours, graph = result["ratios"]["ours"], result["ratios"]["graph"]
        rows[name] = with_range(ours["floor"]) + with_range(graph["captured"])
        rows[name] += [graph["plain"]["median"], graph["pythae"]["median"]]
    return rows


def recipes() -> dict[str, list[float]]:
    found = raw("recipes.json")
    return {
        name: [one["figures"]["nll"], one["figures"]["nll_standard_error"], one["steps"]]
        for name, one in found.items()
    }


def quality() -> dict[str, list[float]]:
    return {
        name: [one["steps"], one["seconds"], one["seconds_of_start"]]
        for name, one in raw("quality.json")["arrivals"].items()
    }


def choices() -> dict[str, list[float]]:
    return {
        name: [one["elbo"], one["processor_seconds"]]
        for part in raw("choices.json").values()
        for name, one in part["runs"].items()
    }


def objectives(title: str) -> dict[str, list[float]]:
    found = raw("objectives.json")[title]
    return {name: [one["milliseconds"], one["ratio"]] for name, one in found.items()}


def likelihood() -> dict[str, list[float]]:
    found = raw("likelihood.json")["1,000 pictures"]
    rows = {n: [one["seconds"], one["ratio"], *one["ratio_range"]] for n, one in found.items()}
    return rows | {"log_weights": rows["log_weights"][:2]}


def disentanglement() -> dict[str, list[float]]:
    keys = ["elbo", "log_likelihood", "kl", "mutual_information", "total_correlation"]
    keys += ["dimension_wise_kl"]
    found = raw("disentanglement.json")["runs"]
    return {name: [one[key] for key in keys] for name, one in found.items()}


def own_pictures() -> dict[str, list[float]]:
    return {
        name: [one["elbo"], one["nll"], one["bits_per_dim"]]
        for name, one in raw("own_pictures.json")["runs"].items()
    }


def variances(problem: str, keys: tuple[str, str]) -> dict[str, list[float]]:
    found = raw("variances.json")[problem]
    return {
        name: [
            found[place][name]["1" if name == "enumerated" else "8"][key]
            for place in ("start", "optimum")
            for key in keys
        ]
        for name in found["start"]
    }


TABLES = {  # document, the beginning of the table's head: what stands in its rows
    ("performance.md", "workload | floor"): throughput,
    ("performance.md", " | floor | plain"): starts,
    ("performance.md", "contest | plain"): beside_jax,
    ("performance.md", "channels, kernel"): products,
    ("performance.md", "workload | captured"): gpu,
    ("performance.md", "ratio, median"): gpu_ratios,
    ("performance.md", "one sample"): lambda: objectives("1 sample"),
    ("performance.md", "16 samples"): lambda: objectives("16 samples"),
    ("performance.md", "run | −log p(x)"): recipes,
    ("performance.md", "contestant | steps"): quality,
    ("performance.md", "settings beside"): choices,
    ("performance.md", "way | seconds"): likelihood,
    ("disentanglement.md", "objective | ELBO"): disentanglement,
    ("own_data.md", "likelihood | ELBO"): own_pictures,
    ("inference.md", "variance of a gradient"): lambda: variances(
        "logistic regression", ("mean", "log_scale")
    ),
    ("inference.md", "by a logit"): lambda: variances("categories", ("variance", "squared_bias")),
}


def shown(cell: str) -> list[tuple[float, float]]:
    """Return the numbers of a cell with half a unit of their last digits."""
    found = []
    for text in NUMBER.findall(cell.replace("**", "")):
        digits = len(text.partition(".")[2])
        found.append((float(text.replace(",", "").replace("−", "-")), 0.5 * 10**-digits))
    return found


@pytest.mark.parametrize("place", TABLES, ids=" ".join)
def test_a_table_is_its_raw_file(place):
    document, head = place
    table = next(t for t in tables(DOCS / document) if " | ".join(t[0]).startswith(head))
    rows = TABLES[place]()
    for name, *cells in table[1:]:
        key = next((key for key in rows if key == name.strip("`") or f"({key})" in name), None)
        if key is None:
            assert name in ("uniform",), f"{name} is not in the raw file"
            continue
        numbers = [number for cell in cells for number in shown(cell)][: len(rows[key])]
        assert len(numbers) == len(rows[key]), (name, numbers)
        for (value, half), true in zip(numbers, rows[key], strict=True):
            assert abs(value - true) <= half * 1.0001, (name, value, true)
