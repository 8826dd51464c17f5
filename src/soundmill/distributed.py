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
import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import IO, Any, ParamSpec

from soundmill.errors import InputError
from soundmill.files import write_json
from soundmill.log import logger
from soundmill.shares import Share

CALL = "call.pickle"
EXPECTED = "find_unused_parameters=True was specified"
"""In a warning of DDP, which it gives to whoever wants what `Share.trainer` wants."""
GRACE_SECONDS = 30.0
"""After which processes on other nodes that should have ended are given up."""
LAST_WORDS = 5
"""Lines that are not log records, of which a failure without a traceback shows the last."""


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
    words: deque[str] = deque(maxlen=LAST_WORDS)
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
        while not any(p.poll() for p in processes) and any(p.poll() is None for p in processes):
            time.sleep(0.1)
        failed = {number: p.returncode for number, p in enumerate(processes) if p.poll()}
    finally:
        os.close(alive)
        os.close(lifeline)
        _end(processes)
    relay.join(GRACE_SECONDS)
    if failed:
        _raise_failure(folder, failed, list(words), len(processes))


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    """Wait for processes that were told to end; kill those that do not."""
    until = time.monotonic() + GRACE_SECONDS
    for process in processes:
        try:
            process.wait(max(until - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _relay(stream: IO[str], words: deque[str]) -> None:
    """Log the records that processes print; keep the last of what else they print."""
    for line in stream:
        try:
            record = json.loads(line)
            logging.getLogger(record["name"]).log(record["level"], "%s", record["message"])
        except (ValueError, TypeError, KeyError):
            if line.strip() and EXPECTED not in line:
                logger.info("a process of the training: %s", line.rstrip())
                words.append(line.strip())


def _raise_failure(folder: Path, failed: Mapping[int, int], words: list[str], started: int) -> None:
    """Raise what made the first of all processes fail."""
    reports = [json.loads(path.read_text()) for path in sorted(folder.glob("failure-*.json"))]
    told = {report["rank"] for report in reports}
    for number, status in failed.items():
        # its end broke the connections of the others, whose reports tell only that
        if status < 0 and (started > 1 and number not in told):
            raise RuntimeError(
                f"process {number + 1} of {started} was ended by "
                f"{signal.Signals(-status).name}; when nobody did that, memory ran out"
            )
    if not reports:
        (status,) = list(failed.values())[:1]
        raise RuntimeError(
            f"the training's processes ended with status {status}. Their last words:\n"
            + "\n".join(words)
        )
    first = min(reports, key=lambda report: report["time"])
    if first["for_people"]:
        raise InputError(first["message"])
    where = f"process {first['rank'] + 1} of {first['processes']} on {first['node']}"
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
    here = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if gpu else None
    if here is not None:
        torch.cuda.set_device(here)
    torch.distributed.init_process_group(
        "nccl" if gpu else "gloo", timeout=timedelta(minutes=30), device_id=here
    )


def _part() -> None:
    """Disconnect the processes."""
    import torch

    torch.distributed.destroy_process_group()


def _in_a_line(error: BaseException) -> str:
    return traceback.format_exception_only(error)[-1].strip()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
