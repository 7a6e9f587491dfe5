"""Throughput, memory and start-up against a bare loop, a plain script and other libraries.

    python -m benchmarks.throughput [--only mlp] [--rounds 5] [--steps 200] [--threads 2] [--fast]
                                    [--device cuda] [--output docs/performance.json]
                                    [--plot docs/images/throughput.png]

These contestants train the same nets on the same pictures with the same batch size, in single
precision, with the same number of threads:

- ``floor``: the shortest loop one would write by hand. The data in memory, batches by index, fused
  Adam, the bound inline, glibc kept from giving memory back. It computes the very loss of ``ours``.
- ``plain``: a script in the manner of pytorch/examples. A PIL picture and ``ToTensor`` at each
  access, ``DataLoader``, Adam as it comes, a sigmoid before the cross entropy, ``loss.item()``.
- ``pythae``: its `TrainingPipeline` on a tensor in memory, with its defaults; no evaluation data,
  no checkpoints, no progress bar, which is generous to it.
- ``jax``, of nets without normalisation, where it is installed: a jitted loop, twenty steps a call.
- ``ours``: what ``train.py`` builds: Lightning's Trainer, TensorBoard, callbacks, checkpoints, and
  the progress bar as a terminal gets it.
- ``fast``, with ``--fast``: ``ours`` with channels-last, `torch.compile` and, where the processor
  has instructions for it, bf16. Compilation belongs to the start, not to the throughput.

On a GPU the data lie there too, ``fast`` also replays CUDA graphs, and two more take part in
training: ``captured``, a whole step of ``floor`` as one CUDA graph captured by hand, and ``graph``,
``ours`` with ``cuda_graph=true`` alone; `benchmarks.roofline` compares them with what the device
could do. There a turn is half a second.

They take turns every few steps, each in a process of its own that waits meanwhile, so that all
meet the same state of the machine; the order turns round each time. Warm-up is left out, and so is
what happens at the end of an epoch: validation, its pictures, and the two saves, whose time is
given apart as ``save_seconds``. Figures are medians over rounds, of ratios within a round.

All pictures are Bernoulli. ``floor`` and ``ours`` draw them anew at each reading where they are
grey; the others, which cannot, read pictures that were drawn once. ``likelihood`` is log p(x) by
importance sampling with 1,000 samples a picture, ``sampling`` the decoding of 10,000 draws from the
prior; both run without gradient.

A file that is there already keeps the workloads that are not chosen.

Peak memory is that of these processes. Start-up is measured in fresh ones, of the mlp and of the
conv net for 64×64: until the packages are imported, and until the first step is done. All take
their nets from this project, so that its packages weigh on the memory of each; the time of
importing them counts for ``ours`` only. `benchmarks.growth` shows how cost and memory grow.
"""
