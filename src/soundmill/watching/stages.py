"""Jobs added up by rule: how far each stage is, how fast it goes, how long it will take."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from soundmill.watching.sound import Sound
from soundmill.watching.states import Seen, State


@dataclass
class Stage:
    """The jobs of one rule."""

    rule: str
    done: int = 0
    running: int = 0
    waiting: int = 0
    failed: int = 0
    queued: int = 0
    """Of those that wait, how many Slurm has."""
    recordings: int = 0
    """Recordings (or images) that jobs which are done went through and accepted."""
    rejected: int = 0
    sound_seconds: float = 0.0
    """Of sound, in jobs that are done."""
    work_seconds: float = 0.0
    """How long the jobs took that are done, added up."""
    realtime_factor: float | None = None
    """Seconds of sound for a second of work; None where there is no sound."""
    work_left_seconds: float | None = None
    """Of jobs that run or wait, added up; None: nothing is known to go by."""
    left_seconds: float | None = None
    """Until this stage alone would be over, with as many jobs side by side as run now; None as
    long as nothing runs, or where nothing is known to go by."""

    @property
    def jobs(self) -> int:
        """All jobs."""
        return self.done + self.running + self.waiting + self.failed

    def count(self, state: State) -> None:
        """Count a job."""
        setattr(self, state, getattr(self, state) + 1)


@dataclass(frozen=True)
class Progress:
    """All stages in the order of the rules, and what they come to."""

    stages: Sequence[Stage]
    all: Stage
    unknown: Sequence[str] = field(default_factory=tuple)
    """Stages with work left whose time cannot be told: the times of ``all`` are without them."""


def add_up(seen: Iterable[Seen], sound: Sound) -> Progress:
    """Add up jobs by rule.

    The time left is an estimate: of a job that runs by its own progress where its log tells it,
    else by the sound it has to go through and the pace of its stage, else by the mean of its
    stage's jobs. Jobs that failed are not in it.
    """
    by_rule: dict[str, list[Seen]] = {}
    for one in seen:
        by_rule.setdefault(one.job.rule, []).append(one)
    beside = sum(one.state == State.RUNNING for jobs in by_rule.values() for one in jobs)
    stages = [_stage(jobs, sound, beside) for jobs in by_rule.values()]
    total = Stage("all")
    for stage in stages:
        for name in ("done", "running", "waiting", "failed", "queued", "work_seconds"):
            setattr(total, name, getattr(total, name) + getattr(stage, name))
    known = [stage for stage in stages if stage.work_left_seconds is not None]
    total.work_left_seconds = sum(stage.work_left_seconds or 0 for stage in known)
    if beside:
        longest = max((stage.left_seconds or 0 for stage in known), default=0)
        total.left_seconds = max(longest, total.work_left_seconds / beside)
    return Progress(stages, total, [stage.rule for stage in stages if stage not in known])


def _stage(jobs: Sequence[Seen], sound: Sound, beside: int) -> Stage:
    """Add up the jobs of one rule."""
    stage = Stage(jobs[0].job.rule)
    heard = timed = 0.0
    lengths = []
    for one in jobs:
        stage.count(one.state)
        stage.queued += one.queued
        if one.state != State.DONE:
            continue
        if one.seconds is not None:
            lengths.append(one.seconds)
        tally = sound.results(one.job)
        if tally is not None:
            stage.recordings += tally.ok
            stage.rejected += tally.rejected
        seconds = sound.seconds(one.job)
        if seconds:
            stage.sound_seconds += seconds
            if one.seconds:
                heard, timed = heard + seconds, timed + one.seconds
    stage.work_seconds = sum(lengths)
    stage.realtime_factor = heard / timed if timed else None
    mean = sum(lengths) / len(lengths) if lengths else None
    left = [
        _left(one, sound, stage.realtime_factor, mean)
        for one in jobs
        if one.state in (State.RUNNING, State.WAITING)
    ]
    known = [value for value in left if value is not None]
    if len(known) == len(left):
        stage.work_left_seconds = sum(known)
        if beside:
            stage.left_seconds = max([sum(known) / beside, *known])
    return stage


def _left(one: Seen, sound: Sound, pace: float | None, mean: float | None) -> float | None:
    """Return the seconds a job still needs, None where nothing is known to go by."""
    spent = one.seconds or 0.0
    if one.state == State.RUNNING and one.log and one.log.left is not None:
        return max(0.0, one.log.left - one.log.silent())
    heard = sound.seconds(one.job) if pace and "bucket" in one.job.wildcards else None
    whole = heard / pace if heard and pace else mean
    return None if whole is None else max(0.0, whole - spent)
