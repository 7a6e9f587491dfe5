"""Lightning's count of an epoch's groups, put right where a run goes on in the midst of one."""

__all__ = ["recount"]

from typing import Any

from vae.data import TrainBatches


def recount(loop: dict[str, Any], loader: TrainBatches) -> None:
    """Count the groups that are done by the batches that were read.

    Lightning counts a group as done in which the last step of a run came before its last batch, and
    a resumed run of groups of another size would count those of before among its own. Either would
    leave out batches at the end of the epoch.

    Args:
        loop: The state of Lightning's loop over epochs in a checkpoint, which is changed.
        loader: Of the run that goes on.
    """
    progress, states = loop["epoch_loop.batch_progress"], loop["state_dict"].get("combined_loader")
    total, current = progress["total"], progress["current"]
    # Saved while a group was at its end: at an epoch's end the epoch counts, not its groups.
    if not states or current["completed"] == current["ready"]:
        return
    position = states[0]["position"]
    if position >= loader.num_batches:
        return
    surplus = current["ready"] - position // loader.group_size
    for counts in (total, current):
        for name in counts:
            counts[name] -= surplus
    loop["epoch_loop.state_dict"]["_batches_that_stepped"] -= surplus
    progress["is_last_batch"] = False
