"""A small real Slurm on this machine: a controller and nodes on loopback, ended without a trace.

Needs root and Debian's packages slurm-wlm and munge (no service is used, nothing is written
outside the folder). By hand:

    python tests/cluster/slurm_cluster.py up --lab /tmp/lab     # prints the variables to set
    python tests/cluster/slurm_cluster.py crash node2 --lab /tmp/lab
    python tests/cluster/slurm_cluster.py boot node2 --lab /tmp/lab
    python tests/cluster/slurm_cluster.py down --lab /tmp/lab

Controller and nodes each have a mount and a UTS namespace of their own, and with them a host name
and an /etc/hosts. Whatever runs on a node runs in its namespace, so all of it can be found and
killed, and nothing else.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol", "unshare")

# OverMemoryKill is the only limit on memory without control groups. SlurmdTimeout and cred_expire
# (also how long a requeued job is held) are short so that a lost node costs a test a minute.
# MinJobAge: finished jobs stay visible to squeue. EnforcePartLimits: what no node can run is
# refused instead of waiting for ever.
CONFIGURATION = """\
ClusterName=lab
SlurmctldHost=controller(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={lab}/munge/munge.socket,cred_expire=15
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
MailProg=/bin/true
MpiDefault=none
SlurmctldPidFile={lab}/run/slurmctld.pid
SlurmctldLogFile={lab}/log/slurmctld.log
StateSaveLocation={lab}/state
SlurmdPidFile={lab}/run/slurmd.%n.pid
SlurmdLogFile={lab}/log/slurmd.%n.log
SlurmdSpoolDir={lab}/spool/%n
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=500
GresTypes=gpu
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=5,bf_interval=5
EnforcePartLimits=ALL
PropagateResourceLimits=NONE
ReturnToService=2
SlurmdTimeout=20
KillWait=5
MinJobAge=3600
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc={lab}/log/jobcomp.log
{nodes}
PartitionName=main Nodes={names} Default=YES DefaultTime=10 MaxTime=INFINITE State=UP
PartitionName=gpu Nodes={last} DefaultTime=10 MaxTime=INFINITE State=UP
"""


class ClusterError(Exception):
    """A cluster that cannot be started, or does not do what it was told."""


def why_not():
    """Return why no cluster can be started on this machine, or None."""
    if os.geteuid() != 0:
        return "a Slurm cluster for tests needs root"
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    if missing:
        return f"not installed: {', '.join(missing)} (Debian's packages slurm-wlm and munge)"
    tried = subprocess.run(["unshare", "--uts", "--mount", "true"], capture_output=True, text=True)
    return f"unshare is not allowed: {tried.stderr.strip()}" if tried.returncode else None


def free_ports(count):
    """Return ``count`` different ports that nothing listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def command_line(pid):
    """Return the command line of a process, or an empty one where there is none."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def namespace(pid):
    """Return the mount namespace of a process, or None where there is no such process."""
    try:
        return str(Path(f"/proc/{pid}/ns/mnt").readlink())
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None


def wait_until(condition, seconds, what):
    """Wait until ``condition()`` is true; its value is returned."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise ClusterError(f"waited {seconds} s in vain for: {what}")
        time.sleep(0.2)


class SlurmCluster:
    """A cluster that lives in the folder ``lab``: a short absolute path (for its sockets)."""

    def __init__(self, lab, nodes=2, cpus=2, memory=24000):
        self.lab = Path(lab)
        self.names = [f"node{number + 1}" for number in range(nodes)]
        self.cpus, self.memory = cpus, memory

    @classmethod
    def running(cls, lab):
        """Return the cluster that was started in this folder, maybe by another process."""
        return cls(lab, **json.loads((Path(lab) / "cluster.json").read_text()))

    @property
    def environment(self):
        """Return the variables with which Slurm's commands, and Snakemake, find this cluster."""
        path = f"{self.lab}/bin{os.pathsep}{os.environ['PATH']}"
        return {"SLURM_CONF": str(self.lab / "etc/slurm.conf"), "PATH": path}

    def command(self, *arguments, check=True):
        """Run one of Slurm's commands and return what it prints."""
        environment = {**os.environ, **self.environment}
        done = subprocess.run(arguments, capture_output=True, text=True, env=environment)
        if check and done.returncode:
            raise ClusterError(f"{' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout.strip()

    def up(self):
        """Start all daemons and wait until every node is idle."""
        if len(str(self.lab)) > 60:
            raise ClusterError(f"too long for a socket's path: {self.lab}")
        self._write()
        lab = self.lab
        subprocess.run(
            ["munged", f"--key-file={lab}/munge/munge.key", f"--socket={lab}/munge/munge.socket",
             f"--pid-file={lab}/run/munged.pid", f"--log-file={lab}/log/munged.log",
             f"--seed-file={lab}/munge/munged.seed"],
            check=True,
        )  # fmt: skip
        self._start("controller", f"slurmctld -f {lab}/etc/slurm.conf")
        for name in self.names:
            self.boot(name)
        try:
            wait_until(
                lambda: all(self.state(name) == "IDLE" for name in self.names), 60, "idle nodes"
            )
        except ClusterError:
            self.down()
            raise

    def boot(self, name):
        """Start a node, or start it again after a crash."""
        self._start(name, f"slurmd -N {name} -f {self.lab}/etc/slurm.conf")

    def crash(self, name):
        """Kill everything that runs on a node, as if its power had failed."""
        own = self._namespace(name)
        while own and (pids := [pid for pid in self._processes() if namespace(pid) == own]):
            for pid in pids:
                self._kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        (self.lab / f"run/slurmd.{name}.pid").unlink(missing_ok=True)

    def kill_daemon(self, name):
        """Kill slurmd on a node; the jobs there run on."""
        path = self.lab / f"run/slurmd.{name}.pid"
        self._kill(int(path.read_text()), signal.SIGKILL)
        path.unlink()

    def alive(self, name):
        """Whether slurmd runs on a node."""
        path = self.lab / f"run/slurmd.{name}.pid"
        return path.exists() and "slurmd" in command_line(path.read_text().strip())

    def state(self, name):
        """Return the state of a node, such as IDLE, MIXED, DOWN*."""
        shown = self.command("scontrol", "--oneliner", "show", "node", name, check=False)
        return shown.partition(" State=")[2].split(" ")[0].partition("+")[0]

    def jobs(self):
        """Return (id, state, node, comment) of every job that has not ended."""
        states = "PENDING,CONFIGURING,RUNNING,SUSPENDED,COMPLETING"
        shown = self.command("squeue", "-h", "-t", states, "-o", "%A|%T|%N|%k")
        return [tuple(line.split("|")) for line in shown.splitlines()]

    def job(self, number):
        """Return all that scontrol knows of a job."""
        shown = self.command("scontrol", "--oneliner", "show", "job", str(number))
        return dict(part.partition("=")[::2] for part in shown.split(" ") if "=" in part)

    def down(self):
        """End the cluster and whatever runs on it; only processes of this cluster."""
        for name in self.names:
            self.crash(name)
        self.crash("controller")
        pid = self.lab / "run/munged.pid"
        if pid.exists() and str(self.lab) in command_line(pid.read_text().strip()):
            self._kill(int(pid.read_text()), signal.SIGTERM)
            wait_until(lambda: not pid.exists(), 10, "the end of munged")

    def _write(self):
        lab = self.lab
        for part in ("bin", "etc", "munge", "log", "run", "state", "spool"):
            (lab / part).mkdir(parents=True, exist_ok=True)
        for name in self.names:
            (lab / "spool" / name).mkdir(exist_ok=True)
        for folder in (lab, lab / "munge"):
            folder.chmod(0o711)  # munged insists
        key = lab / "munge/munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        hosts = ["127.0.0.1 localhost", *(f"127.0.0.1 {n}" for n in ["controller", *self.names])]
        (lab / "etc/hosts").write_text("\n".join(hosts) + "\n")
        controller, *ports = free_ports(1 + len(self.names))
        # the last node pretends to have two GPUs: requests for them are placed, nothing computes
        gres = {self.names[-1]: " Gres=gpu:2"}
        nodes = [
            f"NodeName={name} NodeAddr=127.0.0.1 Port={port} CPUs={self.cpus}"
            f" RealMemory={self.memory}{gres.get(name, '')}"
            for name, port in zip(self.names, ports, strict=True)
        ]
        text = CONFIGURATION.format(
            lab=lab, controller_port=controller, nodes="\n".join(nodes),
            names=",".join(self.names), last=self.names[-1],
        )  # fmt: skip
        (lab / "etc/slurm.conf").write_text(text)
        for number in range(2):
            (lab / f"gpu{number}").touch()
        gpus = f"NodeName={self.names[-1]} Name=gpu File={lab}/gpu[0-1]\n"
        (lab / "etc/gres.conf").write_text(gpus)
        # Snakemake's jobs take SLURM_CONF out of the environment of their srun: here it is again
        srun = lab / "bin/srun"
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={lab}/etc/slurm.conf exec /usr/bin/srun "$@"\n')
        srun.chmod(0o755)
        how = {"nodes": len(self.names), "cpus": self.cpus, "memory": self.memory}
        (lab / "cluster.json").write_text(json.dumps(how))

    def _start(self, name, daemon):
        """Start a daemon in namespaces of its own, which a process holds as long as they live."""
        holder = self.lab / f"run/{name}.holder"
        sign = f"{self.lab}/run/{name}.on"
        Path(sign).touch()
        script = (
            f"mount --bind {self.lab}/etc/hosts /etc/hosts && hostname {name} && {daemon}"
            f" && exec tail -f {sign}"
        )
        with (self.lab / f"log/{name}.out").open("ab") as out:
            process = subprocess.Popen(
                ["unshare", "--uts", "--mount", "sh", "-c", script],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip
        holder.write_text(str(process.pid))
        wait_until(
            lambda: "tail" in command_line(process.pid) or process.poll() is not None,
            20,
            f"{daemon.split()[0]} of {name}",
        )
        if process.poll() is not None:
            raise ClusterError(f"{daemon} failed: {(self.lab / f'log/{name}.out').read_text()}")

    def _namespace(self, name):
        """Return the namespace of a node while its holder lives, else None."""
        holder = self.lab / f"run/{name}.holder"
        if not holder.exists():
            return None
        pid = holder.read_text()
        return namespace(pid) if f"{self.lab}/run/{name}.on" in command_line(pid) else None

    @staticmethod
    def _processes():
        return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]

    @staticmethod
    def _kill(pid, number):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return  # it ended by itself


def main():
    """Start, hurt and end a cluster from the command line."""
    parser = argparse.ArgumentParser(description="a small Slurm cluster on this machine")
    parser.add_argument("action", choices=["up", "down", "crash", "boot"])
    parser.add_argument("node", nargs="?", help="for crash and boot: node1, node2, ...")
    parser.add_argument("--lab", type=Path, required=True, help="folder; a short absolute path")
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--cpus", type=int, default=2, help="CPUs of a node (default 2)")
    parser.add_argument("--memory", type=int, default=24000, help="MB of a node (default 24000)")
    given = parser.parse_args()
    if given.action == "up":
        if reason := why_not():
            sys.exit(reason)
        cluster = SlurmCluster(given.lab, given.nodes, given.cpus, given.memory)
        cluster.up()
        print(f"export SLURM_CONF={given.lab}/etc/slurm.conf PATH={given.lab}/bin:$PATH")
        return
    cluster = SlurmCluster.running(given.lab)
    if given.action == "down":
        cluster.down()
    elif given.node in cluster.names:
        getattr(cluster, given.action)(given.node)
    else:
        sys.exit(f"say which node: {', '.join(cluster.names)}")


if __name__ == "__main__":
    main()
