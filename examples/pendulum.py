"""A pendulum swung up by planning in a world that was learned: PlaNet, from states.

Episodes of random actions train an `RSSM` of what is observed and of the reward, which is one more
number of x; then rounds of planning by the cross-entropy method collect further episodes.
``python examples/pendulum.py [--rounds 2] [--steps 200] [--out figures.json] [--plot curve.png]``
needs gymnasium: ``pip install -e '.[worlds]'``.

References: Learning Latent Dynamics for Planning from Pixels (Hafner et al., 2018), 1811.04551.
"""

import argparse
import shlex
import statistics
import sys
import time
from collections.abc import Callable
from math import atan2
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vae.build import build_model
from vae.cli.compose import compose_settings
from vae.models import RSSM
from vae.models.rssm_cell import RecurrentState
from vae.objectives import BalancedELBO
from vae.spec import DataSpec

REPEAT, DECISIONS, WINDOW = 2, 100, 20  # frames an action lasts; actions of an episode; T
SPEED, TORQUE, REWARD = 8.0, 2.0, 16.0  # the greatest there are, by which numbers are divided
PARTS = [
    *("model=rssm", "model.latent_dim=4", "model.state_dim=64", "model.hidden_dim=64"),
    *("model.encoder.hidden=[64]", "likelihood=normal", "likelihood.scale.sigma=0.1"),
]
Controller = Callable[[Tensor, Tensor], Tensor]  # x and the action before to an action in [−1, 1]


class Episode(NamedTuple):
    """What was seen and done: x ``(T, 4)``, cos θ, sin θ, θ̇ and reward; actions ``(T, 1)``."""

    x: Tensor
    action: Tensor

    @property
    def total(self) -> float:
        """The return: the sum of the environment's rewards."""
        return REWARD * self.x[:, 3].sum().item()


class Planner:
    """Acts by the best plan of the cross-entropy method, made anew at every step.

    Args:
        model: The world.
        horizon: Steps of a plan.
        candidates: Plans of each round of the search.
        rounds: Of the search, each around the best of the one before.
        noise: Deviation of what is added to an action, to explore.
    """

    def __init__(
        self,
        model: RSSM,
        *,
        horizon: int = 12,
        candidates: int = 100,
        rounds: int = 3,
        noise: float = 0.0,
    ) -> None:
        self.model, self.horizon, self.noise = model, horizon, noise
        self.candidates, self.rounds = candidates, rounds
        self.state: RecurrentState | None = None

    def __call__(self, x: Tensor, before: Tensor) -> Tensor:
        """Take in what was seen, ``(4,)``, after the action before, and return the next one."""
        seen = {"x": x[None, None], "action": before[None, None]}
        self.state = self.model.filtered(seen, start=self.state)
        best = plan(self.model, self.state, reward_of, self.horizon, self.candidates, self.rounds)
        return (best[0] + self.noise * torch.randn(1)).clamp(-1, 1)


def reward_of(x: Tensor) -> Tensor:
    """Return the rewards that are foreseen in x, ``(..., H, 4)``, summed over the steps."""
    return x[..., 3].sum(-1)


def plan(
    model: RSSM,
    state: RecurrentState,
    score: Callable[[Tensor], Tensor],
    horizon: int,
    candidates: int = 100,
    rounds: int = 3,
) -> Tensor:
    """Return the best actions from a state on, in [−1, 1], ``(H, A)``.

    Args:
        model: The world.
        state: Of one sequence, ``(1, 1, ...)``.
        score: Of what is foreseen, ``(N, H, *event)``: ``(N,)``, the higher the better.
        horizon: H.
        candidates: N of each round.
        rounds: Each draws around mean and deviation of the best tenth of the one before.
    """
    assert model.cell.action is not None
    mean = torch.zeros(horizon, model.cell.action.in_features)
    deviation = torch.ones_like(mean)
    many = RecurrentState(*(part.expand(1, candidates, *part.shape[2:]) for part in state))
    for _ in range(rounds):
        actions = (mean + deviation * torch.randn(candidates, *mean.shape)).clamp(-1, 1)
        found = score(model.imagined(many, horizon, actions=actions).mean[0])
        best = actions[found.topk(max(2, candidates // 10)).indices]
        mean, deviation = best.mean(0), best.std(0)
    return mean


def by_hand(x: Tensor, before: Tensor) -> Tensor:
    """Return the action of a controller that knows the pendulum: energy, then a spring."""
    angle, speed = atan2(x[1].item(), x[0].item()), SPEED * x[2].item()
    if abs(angle) < 0.4:
        torque = -10 * angle - 3 * speed
    else:
        missing = 15 - (speed**2 / 2 + 15 * x[0].item())
        torque = missing * (1 if speed >= 0 else -1)
    return torch.tensor([torque / TORQUE]).clamp(-1, 1)


def at_random(x: Tensor, before: Tensor) -> Tensor:
    """Return an action uniform on [−1, 1]."""
    return 2 * torch.rand(1) - 1


def played(environment: Any, controller: Controller, seed: int) -> Episode:
    """Play an episode."""
    observed, _ = environment.reset(seed=seed)
    action, reward = torch.zeros(1), 0.0
    xs, actions = [], []
    for _ in range(DECISIONS):
        scale = torch.tensor([1, 1, SPEED])
        x = torch.cat([torch.as_tensor(observed) / scale, torch.tensor([reward / REWARD])])
        xs.append(x)
        actions.append(action)
        action, reward = controller(x, action), 0.0
        for _ in range(REPEAT):
            observed, gained, *_ = environment.step((TORQUE * action).numpy())
            reward += float(gained)
    return Episode(torch.stack(xs), torch.stack(actions))


def learned(model: RSSM, optimizer: Any, episodes: list[Episode], steps: int) -> float:
    """Train on windows of episodes, and return the mean loss of the last tenth."""
    objective, losses = BalancedELBO(free_nats=0.5), []
    model.train()
    for _ in range(steps):
        chosen = torch.randint(len(episodes), (32,)).tolist()
        starts = torch.randint(DECISIONS - WINDOW, (32,)).tolist()
        batch = {
            name: torch.stack(
                [
                    getattr(episodes[i], name)[at : at + WINDOW]
                    for i, at in zip(chosen, starts, strict=True)
                ]
            )
            for name in ("x", "action")
        }
        loss = torch.stack(list(objective(model(batch)).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 100)
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    return statistics.mean(losses[-max(1, steps // 10) :])


def returns(environment: Any, make: Callable[[], Controller], count: int) -> list[float]:
    """Return those of episodes that no model was trained on."""
    return [played(environment, make(), 10_000 + i).total for i in range(count)]


def figures(rounds: int, steps: int, random: int, tests: int) -> dict[str, Any]:
    """Learn, plan and collect in turn; return the returns of all, and those of each round."""
    import gymnasium

    torch.manual_seed(0)
    environment, start = gymnasium.make("Pendulum-v1"), time.process_time()
    shape = {"shape": (WINDOW, 1), "dtype": "float32"}
    spec = DataSpec("pendulum", (WINDOW, 4), "real", fields={"action": shape})
    model = build_model(compose_settings(PARTS), spec)
    assert isinstance(model, RSSM)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3, fused=True)
    episodes = [played(environment, at_random, i) for i in range(random)]
    curve = []
    for number in range(rounds + 1):
        loss = learned(model, optimizer, episodes, steps)
        found = returns(environment, lambda: Planner(model), tests)
        frames, seconds = len(episodes) * DECISIONS * REPEAT, time.process_time() - start
        curve.append({"frames": frames, "loss": loss, "returns": found, "seconds": seconds})
        print(f"{frames} frames, loss {loss:.2f}: {statistics.mean(found):.0f}", flush=True)
        if number < rounds:
            seeds = range(len(episodes), len(episodes) + random // 4)
            episodes += [played(environment, Planner(model, noise=0.3), i) for i in seeds]
    others = {"random": at_random, "by hand": by_hand}
    beside = {
        name: returns(environment, lambda which=which: which, 20)  # type: ignore[misc]
        for name, which in others.items()
    }
    return {"curve": curve, "others": beside}


def plot(found: dict[str, Any], path: Path) -> None:
    """Draw the learning curve between the returns of the others."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    frames = [point["frames"] for point in found["curve"]]
    axes.plot(frames, [statistics.mean(p["returns"]) for p in found["curve"]], marker="o")
    for point in found["curve"]:
        axes.scatter([point["frames"]] * len(point["returns"]), point["returns"], s=8, alpha=0.5)
    for name, values in found["others"].items():
        axes.axhline(statistics.mean(values), linestyle="--", color="0.5")
        axes.annotate(name, (frames[0], statistics.mean(values)), fontsize=8, va="bottom")
    axes.set(xlabel="frames seen", ylabel="return of an episode")
    figure.savefig(path, dpi=120)


def main() -> None:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2, help="of planning and collecting")
    parser.add_argument("--steps", type=int, default=200, help="of training, each round")
    parser.add_argument("--random", type=int, default=20, help="episodes of random actions")
    parser.add_argument("--tests", type=int, default=5, help="episodes that a round is judged on")
    parser.add_argument("--out", type=Path, help="where the figures go, as JSON")
    parser.add_argument("--plot", type=Path, help="where the curve goes, as PNG")
    args = parser.parse_args()
    torch.set_num_threads(1)
    found = figures(args.rounds, args.steps, args.random, args.tests)
    if args.out is not None:
        from benchmarks.throughput.report import describe, write

        command = shlex.join(["python", *sys.argv])
        write({"command": command, "machine": describe(), **found}, args.out)
    if args.plot is not None:
        plot(found, args.plot)


if __name__ == "__main__":
    main()
