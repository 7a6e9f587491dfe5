"""Several processes: one folder for each job, and an end when one of them dies."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.command import ROOT, TINY, array, call, start
from vae.cli.launch import agree_on_folder, launcher
from vae.cli.sweeps import compare_one_figure

TWO = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "test=false", "threads=1"]


def test_a_sweep_goes_on_after_a_failed_job_and_names_it_at_the_end(monkeypatch, capsys, tmp_path):
    """With the status of the first that failed; the folder of the sweep is the default one."""
    sweep = [*TINY, array(tmp_path), "test=false", "-m", "seed=-1,0", "monitor=val/elbo,val/x"]
    status, _, told = call(monkeypatch, capsys, tmp_path, *sweep)
    assert status == 2
    (folder,) = (tmp_path / "outputs" / "vectors-mlp").iterdir()
    kept = {path.parents[1].name for path in folder.rglob("best.ckpt")}
    assert kept == {"2"}
    assert "error: job 0: seed must be at least 0; got -1\n" in told
    assert "error: job 3: monitor must be one of val/elbo" in told
    table = told.partition("jobs that failed")[2].replace(" ", "")
    assert [f"│{job}│seed=" in table for job in range(4)] == [True, True, False, True]
    assert table.count("itneverbegan") == 3


def test_a_sweep_over_losses_compares_one_figure(monkeypatch, capsys, tmp_path):
    """And says which; the jobs' own would be the ELBO and the loss, minus a sign."""
    sweep = [*TINY, array(tmp_path), "test=false", "-m"]
    status, told, message = call(monkeypatch, capsys, tmp_path, *sweep, "objective.beta=1,2")
    assert status == 0, message
    assert told.startswith("the jobs are compared by val/elbo")
    assert told.count("best.ckpt by val/elbo") == 2
    arguments = ["train.py", "-m", "objective.beta=1,2"]
    for more in (["monitor=-val/loss"], ["monitor=null"]):
        compare_one_figure(given := [*arguments, *more])
        assert given == [*arguments, *more]
    compare_one_figure(given := ["train.py", "-m", "objective.beta=2", "seed=1,2"])
    assert not any(setting.startswith("monitor") for setting in given)


@pytest.mark.slow
@pytest.mark.parametrize("sweep", [[], ["-m", "seed=0,1"]])
def test_the_processes_of_a_job_share_its_folder(tmp_path, sweep):
    done = start("train.py", *TINY, array(tmp_path), *TWO, *sweep, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "outputs" / "vectors-mlp").iterdir()
    jobs = [folder / "0", folder / "1"] if sweep else [folder]
    for job in jobs:
        assert (job / "checkpoints" / "best.ckpt").is_file()
        assert len(list(job.glob("events*"))) == 1
    assert len(list((tmp_path / "outputs").rglob("best.ckpt"))) == len(jobs)


def torchrun(folder, *options):
    """Return the command by which torchrun starts two processes in all, or some of them."""
    command = [sys.executable, "-m", "torch.distributed.run", *options, str(ROOT / "train.py")]
    return [*command, *TINY, array(folder), *TWO, "logger=none"]


@pytest.mark.slow
def test_processes_of_torchrun_share_a_folder(tmp_path):
    command = torchrun(tmp_path, "--standalone", "--nproc-per-node=2")
    done = start("", *command[1:], folder=tmp_path)
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "outputs" / "vectors-mlp").iterdir()
    assert (folder / "checkpoints" / "best.ckpt").is_file()
    assert done.stdout.count("epoch   1") == 1


@pytest.mark.slow
def test_several_machines_share_a_folder(tmp_path):
    """Two torchruns of one process each, here on one machine."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    place = ["--nnodes=2", "--nproc-per-node=1", "--master-addr=127.0.0.1", f"--master-port={port}"]
    nodes = ["trainer.devices=1", "trainer.num_nodes=2"]
    ends = [
        subprocess.Popen(
            [*torchrun(tmp_path, *place, f"--node-rank={rank}"), *nodes],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for rank in (0, 1)
    ]
    assert [end.wait(timeout=300) for end in ends] == [0, 0]
    (folder,) = (tmp_path / "outputs" / "vectors-mlp").iterdir()
    assert (folder / "checkpoints" / "best.ckpt").is_file()


@pytest.mark.parametrize(
    ("environment", "arguments", "told"),
    [
        ({"WORLD_SIZE": "4"}, TWO, "torchrun started 4 processes, but trainer.num_nodes=1 times"),
        ({"WORLD_SIZE": "2"}, ["-m", "seed=0,1"], "torchrun starts the processes of one run"),
    ],
)
def test_what_torchrun_cannot_be_asked(monkeypatch, capsys, tmp_path, environment, arguments, told):
    for name, value in {"TORCHELASTIC_RUN_ID": "none", **environment}.items():
        monkeypatch.setenv(name, value)
    status, _, message = call(monkeypatch, capsys, tmp_path, *TINY, array(tmp_path), *arguments)
    assert (status, message.count("\n")) == (2, 1)
    assert told in message


def test_the_tasks_of_a_slurm_job_share_a_folder(monkeypatch):
    given = {"SLURM_NTASKS": "2", "SLURM_PROCID": "1", "SLURM_JOB_ID": "17", "SLURM_STEP_ID": "3"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    arguments = ["train.py", "trainer=ddp"]
    agree_on_folder(arguments)
    assert arguments[2:] == ["hydra.run.dir='outputs/${name}/17.3'"]
    monkeypatch.setenv("SLURM_JOB_NAME", "bash")
    assert launcher() is None


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "status"), [("0,1", 0), ("-1,0", 2)])
def test_the_jobs_of_a_sweep_are_submitted(tmp_path, seeds, status):
    """To processes of this machine, by the launcher that hands them to Slurm elsewhere."""
    sweep = ["-m", f"seed={seeds}", "hydra/launcher=submitit_local", "test=false"]
    done = start("train.py", *TINY, array(tmp_path), *sweep, folder=tmp_path)
    assert done.returncode == status, done.stderr
    (folder,) = (tmp_path / "outputs" / "vectors-mlp").iterdir()
    kept = {path.parents[1].name for path in folder.rglob("best.ckpt")}
    assert kept == ({"1"} if status else {"0", "1"})
    assert ("seed must be at least 0; got -1" in done.stderr) == bool(status)


def children(pid):
    """Return the processes that a process has started."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in listed]


def wait_until(met, seconds=120):
    """Wait for a condition, but not for ever."""
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end
        time.sleep(0.2)


def is_running(pid):
    """Say whether a process lives and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("victim", ["first", "second"])
def test_a_killed_process_ends_the_run(tmp_path, victim):
    folder = tmp_path / "run"
    endless = ["trainer.max_epochs=100000", f"hydra.run.dir='{folder}'", "logger=none"]
    command = [sys.executable, str(ROOT / "train.py"), *TINY, array(tmp_path), *TWO, *endless]
    with (tmp_path / "told").open("w") as told:
        main = subprocess.Popen(command, cwd=tmp_path, stdout=told, stderr=told)
    try:
        wait_until((folder / "checkpoints" / "last.ckpt").exists, seconds=300)
        (other,) = (pid for pid in children(main.pid) if is_running(pid))
        os.kill(main.pid if victim == "first" else other, signal.SIGKILL)
        assert main.wait(timeout=300) != 0
        wait_until(lambda: not is_running(other))
    finally:
        main.kill()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("sweep", [[], ["-m", "seed=0,1"]])
def test_a_taken_port_ends_all_processes_with_one_message(tmp_path, sweep):
    """In a sweep, where the first process goes on, too."""
    command = [sys.executable, str(ROOT / "train.py"), *TINY, array(tmp_path), *TWO, *sweep]
    with socket.create_server(("127.0.0.1", 0)) as taken, (tmp_path / "told").open("w+") as told:
        port = str(taken.getsockname()[1])
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "PYTHONPATH": str(ROOT)}
        environment = {**os.environ, **place, "VAE_TESTED": port}
        main = subprocess.Popen(
            [*command, "logger=none"], cwd=tmp_path, env=environment, stdout=told, stderr=told
        )
        assert main.wait(timeout=300) == 1
    wait_until(lambda: not processes_with(f"VAE_TESTED={port}"))
    errors = [line for line in (tmp_path / "told").read_text().splitlines() if "error: " in line]
    assert len(errors) == (2 if sweep else 1)
    assert all(f"port {port}, at which the processes of this run were to meet" in e for e in errors)


def processes_with(variable):
    """Return the living processes that were started with a variable in their environment."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            variables = (place / "environ").read_bytes().split(b"\0")
        except OSError:  # it has ended, or is somebody else's
            continue
        if variable.encode() in variables and is_running(int(place.name)):
            found.append(int(place.name))
    return found
