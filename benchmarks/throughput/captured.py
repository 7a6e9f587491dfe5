"""The floor on a GPU: a whole step, captured by hand as one CUDA graph."""

__all__ = ["train"]

import torch
from torch import Tensor

from benchmarks.throughput.floor import negative_bound
from benchmarks.throughput.turns import Run, Turn
from benchmarks.throughput.workloads import BATCH_SIZE, Case

WARM_UP = 3  # steps before the capture


def train(case: Case) -> Run:
    """Return the loop that copies indices and replays the graph."""

    def run(turn: Turn) -> None:
        model, num_samples = case.model(), case.num_samples
        encoder, decoder = model.encoder.net, model.decoder.net
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True, capturable=True)
        loader = case.data.train_dataloader()
        pictures = loader.examples.to(case.device).take(
            torch.arange(len(loader.examples), device=case.device)
        )
        chosen = torch.zeros(BATCH_SIZE, dtype=torch.int64, device=case.device)

        def step() -> Tensor:
            raw = pictures.index_select(0, chosen)
            if not case.workload.binary:
                levels = torch.randint(255, raw.shape, dtype=torch.uint8, device=case.device)
                raw = levels < raw
            loss = negative_bound(encoder, decoder, raw.float(), num_samples)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            return loss.detach()

        stream = torch.cuda.Stream()
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                step()
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            loss = step()
        turn.notes["loss"] = loss
        while True:
            order = torch.randperm(len(pictures), device=case.device)
            for part in order[: len(order) // BATCH_SIZE * BATCH_SIZE].split(BATCH_SIZE):
                chosen.copy_(part)
                graph.replay()
                turn.done()

    return run
