"""Options of a task: what is learnt, and which examples train, validate and test."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from soundmill.options import Options

FOLDS = 5
"""Default number of folds of the method `folds`."""


class SplitFiles(Options):
    """Text files with one recording name a line, as some data sets give them."""

    train: str
    """Recordings to learn from."""
    test: str
    """Recordings to test."""
    valid: str | None = None
    """Recordings to stop and choose by; default the share `valid` of the training part."""


class SplitOptions(Options):
    """Which examples train, validate and test in each fold."""

    method: Literal["holdout", "folds", "column", "files", "leave_one_group_out"] = "holdout"
    """`holdout` and `folds` are drawn at random, stratified, and by group where the task has
    one; `column` and `files` are given with the data; `leave_one_group_out` tests each group."""
    test: float = Field(0.25, gt=0, lt=1)
    """Share of the recordings that a holdout tests."""
    folds: int | None = Field(None, ge=1, le=100)
    """Number of folds: what the method `folds` makes (default 5). For `column` and
    `leave_one_group_out` how many the data hold, which is checked; networks need to know."""
    column: str | None = None
    """Label column of the method `column`. When all its values are train, valid or test, they
    make one fold; else each value names the fold in which its recordings are tested."""
    test_values: list[str] = Field(default_factory=list)
    """Values of the column that mean test, all others train; default as `column` says."""
    files: SplitFiles | None = None
    """Lists of the method `files`; recordings in none of them are used by no honest fold."""
    valid: float = Field(0.15, ge=0, lt=0.9)
    """Share of each training part (of its groups, if any) kept for validation; 0 keeps none."""
    compare_random: bool = False
    """Also make folds `random-0`, ... that ignore groups, to show how much they flatter."""
    random_folds: int | None = Field(None, ge=1, le=100)
    """Number of those; 1 is a holdout; default as many as there are honest folds."""

    @model_validator(mode="before")
    @classmethod
    def _count(cls, raw: Any) -> Any:
        """Say the number of folds wherever the options alone decide it."""
        if isinstance(raw, Mapping) and raw.get("folds") is None:
            if raw.get("method") == "folds":
                return {**raw, "folds": FOLDS}
            if raw.get("method") == "column" and not raw.get("test_values"):
                return raw
            if raw.get("method") != "leave_one_group_out":
                return {**raw, "folds": 1}
        return raw

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.method == "folds" and self.folds == 1:
            raise ValueError("folds: two or more, or take method: holdout")
        if self.folds != 1 and (self.method in ("holdout", "files") or self.test_values):
            raise ValueError(f"folds: this split makes one fold, not {self.folds}; leave it out")
        if self.method == "column" and self.column is None:
            raise ValueError("method: column needs column: the label column that holds the folds")
        if self.method == "files" and self.files is None:
            raise ValueError("method: files needs files: {train: ..., test: ...}")
        return self


class TaskOptions(Options):
    """What a task learns from the labels of its recordings."""

    target: str | list[str] = Field(min_length=1)
    """Label column to predict. Several: the columns of a regression, or the tags of a
    multi-label task, 0 or 1 each."""
    kind: Literal["single", "multi", "regression"] = "single"
    """`single` one class a recording, `multi` any number of tags, `regression` numbers."""
    separator: str = Field(";", min_length=1)
    """Between the tags in one column of a multi-label task."""
    group: str | list[str] | None = None
    """Label column whose recordings stay together: artist, album, speaker, site. Of several,
    recordings that share a value in any of them. `title` is the file name if no label has that
    name. A recording without a value is a group of its own. Default none."""
    duplicates: Literal["together", "leave_out"] = "together"
    """Recordings with the same content count as one group, or only the first of them stays."""
    merge_spellings: bool = True
    """Labels that differ in case, spaces and hyphens only are one class, under its commonest
    spelling. One-letter labels and numbers are never merged."""
    aliases: dict[str, str] = Field(default_factory=dict)
    """Spelling to class, for variants that `merge_spellings` cannot know."""
    missing: Literal["leave_out", "negative", "error"] = "leave_out"
    """Recordings without label: in no part, but counted and listed; in a multi-label task
    `negative` takes them for recordings without any tag; or stop."""
    minimum_class_size: int = Field(2, ge=1)
    """Recordings that a class or tag needs; 2 is the least that can be trained and tested."""
    small_classes: Literal["leave_out", "error"] = "leave_out"
    """Smaller classes are left out with a remark, or stop."""
    single_group_classes: Literal["error", "leave_out"] = "error"
    """Classes all of whose recordings are of one group, in a split by group: they would be
    tested without having been trained."""
    split: SplitOptions = SplitOptions()
    """Which examples train, validate and test."""

    @field_validator("target", "group")
    @classmethod
    def _unlike(cls, names: str | list[str] | None) -> str | list[str] | None:
        if isinstance(names, list) and (not names or len(set(names)) < len(names)):
            raise ValueError(f"{names} is empty or names a column twice")
        return names

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.kind == "single" and len(self.targets) > 1:
            raise ValueError("target: several columns are for kind: multi or kind: regression")
        if self.missing == "negative" and self.kind != "multi":
            raise ValueError("missing: negative is for kind: multi")
        if self.split.method == "leave_one_group_out" and not self.groups:
            raise ValueError("split.method: leave_one_group_out needs group")
        both = sorted(set(self.targets) & (set(self.groups) | {self.split.column}))
        if both:
            raise ValueError(f"target: {both[0]!r} cannot also decide the split")
        return self

    @property
    def targets(self) -> list[str]:
        """Target columns as a list."""
        return [self.target] if isinstance(self.target, str) else list(self.target)

    @property
    def groups(self) -> list[str]:
        """Group columns as a list."""
        if self.group is None:
            return []
        return [self.group] if isinstance(self.group, str) else list(self.group)


class TableOptions(Options):
    """A ready table of features that takes the place of a corpus."""

    path: str
    """CSV with a header and one row an example; every column that is not the key, a target, a
    group, a fold or dropped is a feature."""
    key: str = "file"
    """Column that names the example."""
    drop: list[str] = Field(default_factory=list)
    """Columns that are no features."""
