"""Run a training in several processes, one for each device, here or on the nodes of a Slurm job.

Lightning would start them by running the program again: under Snakemake the whole job, once for
each process. Here each process runs one function, and the program that starts them waits, passes on
what they log, and ends all of them as soon as one fails. On one machine they are its children; on
several nodes ``srun`` starts them inside the job.
"""

import functools
import inspect
import json
import logging
import math
import os
import pickle
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import IO, Any, ParamSpec

from soundmill.errors import InputError
from soundmill.files import write_json
from soundmill.heartbeat import HEARTBEAT_SECONDS, Heartbeat
from soundmill.log import logger
from soundmill.shares import Share

CALL = "call.pickle"
EXPECTED = "find_unused_parameters=True was specified"
"""In a warning of DDP, which it gives to whoever wants what `Share.trainer` wants."""
GRACE_SECONDS = 30.0
"""After which processes on other nodes that should have ended are given up."""
MOST_WORDS = 20
"""Lines that are not log records which are kept to explain a failure; the first say most."""
TASK_ENDED = re.compile(r"srun: error: (\S+): tasks? ([-\d,]+): (.+)")
"""What srun says of each process that fails, from the first on."""

P = ParamSpec("P")


def in_processes(options: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Let a training run in as many processes as its options ask for.

    Called in the program that trains, the function then is called again with the same arguments
    in each process, where `soundmill.shares.Share.present` tells which one it is and collective
    operations of `torch.distributed` work; what the first one logs is logged here. One process is
    this one.

    Parameters
    ----------
    options : name of the function's argument with ``devices``, ``nodes`` and ``accelerator``. It
        also has ``state``, a path that all nodes see, beside which the call is written, and
        ``threads`` of each node, which its processes divide. All can be pickled.

    Raises
    ------
    InputError
        (the function) when several nodes are asked for outside a Slurm job.
    RuntimeError
        (the function) when a process failed or was killed. An `InputError` stays what it is.
    """

    def decorate(function: Callable[P, None]) -> Callable[P, None]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> None:
            bound = inspect.signature(function).bind(*args, **kwargs)
            bound.apply_defaults()
            wanted = bound.arguments[options]
            if wanted.devices * wanted.nodes == 1 or Share.present().of > 1:
                function(*args, **kwargs)
                return
            if bound.arguments["threads"] is not None:
                bound.arguments["threads"] = max(bound.arguments["threads"] // wanted.devices, 1)
            _run(call, wanted, bound.arguments)

        return call

    return decorate


def _run(function: Callable[..., None], options: Any, arguments: dict[str, Any]) -> None:
    """Call a function in several processes."""
    state: Path = arguments["state"]
    folder = state.with_name(f"{state.name}.processes")
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
    folder.mkdir(parents=True)
    call = {"function": function, "arguments": arguments, "accelerator": options.accelerator}
    (folder / CALL).write_bytes(pickle.dumps(call))
    command = [sys.executable, "-m", "soundmill.distributed", os.fspath(folder)]
    world = options.devices * options.nodes
    shared = {"WORLD_SIZE": world, "MASTER_PORT": _free_port()}
    try:
        if options.nodes == 1:
            shared["MASTER_ADDR"] = "127.0.0.1"
            each = [shared | {"RANK": rank, "LOCAL_RANK": rank} for rank in range(world)]
            _supervise([command] * world, each, folder)
        else:
            shared["MASTER_ADDR"] = socket.gethostname()  # where srun starts the first process
            shared |= {"RANK": "", "LOCAL_RANK": ""}  # it tells each
            step = _srun(options, arguments["threads"] or 1)
            _supervise([[*step, *command]], [shared], folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _srun(options: Any, threads: int) -> list[str]:
    """Return the command that starts processes on the nodes of this job."""
    if not (os.environ.get("SLURM_JOB_ID") and shutil.which("srun")):
        raise InputError(
            f"a training on {options.nodes} nodes needs a Slurm job that has them, and this is "
            "none: run Snakemake with profiles/slurm, or set nodes: 1"
        )
    return [
        "srun", f"--nodes={options.nodes}", f"--ntasks={options.nodes * options.devices}",
        f"--ntasks-per-node={options.devices}", f"--cpus-per-task={threads}",
        "--overlap", "--kill-on-bad-exit=1", "--input=all",
    ]  # fmt: skip


def _free_port() -> int:
    """Return a port that is free now, for the processes to meet at."""
    with socket.socket() as found:
        found.bind(("", 0))
        port: int = found.getsockname()[1]
        return port


def _supervise(commands: list[list[str]], variables: list[dict[str, Any]], folder: Path) -> None:
    """Start all, log what they say until they end; end all when one fails."""
    words: list[str] = []
    said, saying = os.pipe()
    processes: list[subprocess.Popen[bytes]] = []
    # each process ends itself when the other end of its standard input is closed: also when
    # this process is killed
    alive, lifeline = os.pipe()
    try:
        for command, own in zip(commands, variables, strict=True):
            environment = {**os.environ, **{name: str(value) for name, value in own.items()}}
            processes.append(
                subprocess.Popen(
                    command, stdin=alive, stdout=saying, stderr=saying, env=environment
                )
            )
        os.close(saying)
        stream = open(said, encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
        relay = threading.Thread(target=_relay, args=(stream, words), daemon=True)
        relay.start()
        until = math.inf
        while not any(p.poll() for p in processes) and any(p.poll() is None for p in processes):
            time.sleep(0.1)
            if any(map(TASK_ENDED.search, words)):
                # srun should end now, but waits for ever for a node that is gone
                until = min(until, time.monotonic() + GRACE_SECONDS)
                if time.monotonic() > until:
                    processes[0].kill()
                    processes[0].wait()
        failed = {number: p.returncode for number, p in enumerate(processes) if p.poll()}
    finally:
        os.close(alive)
        os.close(lifeline)
        _end(processes)
    relay.join(GRACE_SECONDS)
    if failed:
        _raise_failure(folder, failed, words)


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    """Wait for processes that were told to end; kill those that do not."""
    until = time.monotonic() + GRACE_SECONDS
    for process in processes:
        try:
            process.wait(max(until - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _relay(stream: IO[str], words: list[str]) -> None:
    """Log the records that processes print; log and keep what else they print."""
    for line in stream:
        try:
            record = json.loads(line)
            logging.getLogger(record["name"]).log(record["level"], "%s", record["message"])
        except (ValueError, TypeError, KeyError):
            if line.strip() and EXPECTED not in line:
                logger.info("a process of the training: %s", line.rstrip())
                words.append(line.strip())
                del words[MOST_WORDS:]


def _raise_failure(folder: Path, failed: Mapping[int, int], words: list[str]) -> None:
    """Raise what made the first of all processes fail."""
    reports = [json.loads(path.read_text()) for path in sorted(folder.glob("failure-*.json"))]
    # one that was killed reports nothing; the others report that they lost it
    killed = [
        f"process {number} was ended by {signal.Signals(-status).name}"
        for number, status in failed.items()
        if status < 0
    ]
    first_words = next(filter(None, map(TASK_ENDED.search, words)), None)
    if first_words:
        killed = []
    if first_words and not first_words[3].startswith("Exited"):
        killed = [f"process {first_words[2]} on {first_words[1]} was ended: {first_words[3]}"]
    if killed:
        raise RuntimeError(f"{killed[0]}; when nobody did that, memory ran out")
    if not reports:
        status = next(iter(failed.values()))
        told = "\n".join(["", *words])
        raise RuntimeError(f"the processes of the training ended with status {status}{told}")
    first = min(reports, key=lambda report: float(report["time"]))
    if first["for_people"]:
        raise InputError(first["message"])
    where = f"process {first['rank']} of {first['processes']} on {first['node']}"
    logger.error("%s failed:\n%s", where, first["trace"])
    raise RuntimeError(f"{where} failed: {first['message']}")


class _AsJson(logging.Formatter):
    """A record as one line, for `_relay`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return level, name and message, with the traceback where there is one."""
        message = super().format(record)
        return json.dumps({"level": record.levelno, "name": record.name, "message": message})


def main(folder: Path) -> None:
    """Be one of the processes: make the call that was written to ``folder``."""
    for name, given in (("RANK", "SLURM_PROCID"), ("LOCAL_RANK", "SLURM_LOCALID")):
        os.environ[name] = os.environ[name] or os.environ[given]
    rank = int(os.environ["RANK"])
    threading.Thread(target=_end_with_starter, daemon=True).start()
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_AsJson())
    # others would say the same again; what makes one fail is reported in a file
    logging.basicConfig(level=logging.INFO if rank == 0 else logging.CRITICAL, handlers=[handler])
    logging.captureWarnings(True)
    try:
        call = pickle.loads((folder / CALL).read_bytes())
        _meet(call["accelerator"])
        # it speaks before that of the program that waits, which knows nothing of this one's work
        with Heartbeat(handler, HEARTBEAT_SECONDS / 2) if rank == 0 else nullcontext():
            call["function"](**call["arguments"])
        _part()
    except BaseException as error:
        report = {
            "rank": rank, "processes": int(os.environ["WORLD_SIZE"]), "time": time.time(),
            "node": socket.gethostname(), "for_people": isinstance(error, InputError),
            "message": str(error) if isinstance(error, InputError) else _in_a_line(error),
            "trace": traceback.format_exc(),
        }  # fmt: skip
        write_json(folder / f"failure-{rank}.json", report)
        sys.stdout.flush()
        os._exit(1)  # an orderly end would wait for the other processes


def _end_with_starter() -> None:
    """End this process when the one that started it has ended."""
    while os.read(0, 1024):
        pass
    os._exit(1)


def _meet(accelerator: str) -> None:
    """Connect the processes: by NCCL on GPUs, else by gloo."""
    import torch

    gpu = accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available()
    number, seen = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
    if gpu and number >= seen:
        raise InputError(
            f"devices: {socket.gethostname()} has {seen} GPUs for this training, fewer than "
            "processes; lower devices, or ask for as many GPUs on each node"
        )
    here = torch.device("cuda", number) if gpu else None
    if here is not None:
        torch.cuda.set_device(here)
    torch.distributed.init_process_group(
        "nccl" if gpu else "gloo", timeout=timedelta(minutes=30), device_id=here
    )
    hosts: list[str] = [""] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(hosts, socket.gethostname())
    places = ", ".join(f"{number} on {host}" for host, number in Counter(hosts).items())
    logger.info("%d processes share each batch: %s", len(hosts), places)


def _part() -> None:
    """Disconnect the processes."""
    import torch

    torch.distributed.destroy_process_group()


def _in_a_line(error: BaseException) -> str:
    return traceback.format_exception_only(error)[-1].strip()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
