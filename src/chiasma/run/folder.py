"""The run folder: work goes on in RUN.partial, renamed when complete, so that a RUN is never half valid."""

from __future__ import annotations

import json
import os
import shutil
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chiasma.core.errors import InputError, RunError, UsageError
from chiasma.core.files import read_json, write_json

_STATE = "run.json"


class RunFolder:
    """One unit of work on disk.

    `state` is "new", "resumed" (a .partial of the same work was found) or "complete" (nothing to do). Stages are
    named steps whose results are on disk; a resumed run leaves out those already marked.
    """

    def __init__(self, path: Path, *, state: str, record: dict[str, Any], lock: int | None) -> None:
        self.path, self.state, self._record = path, state, record
        self._unlock = None if lock is None else weakref.finalize(self, os.close, lock)

    @classmethod
    def open(cls, path: Path | str, *, identity: Mapping[str, Any], overwrite: bool = False) -> RunFolder:
        """Begin, resume or recognise a run.

        Args:
            path: the final folder.
            identity: what makes this run this run: method, configuration, hashes of the inputs. JSON-ready.
            overwrite: replace a complete run of another identity, and drop a partial one.

        Raises:
            UsageError: the folder holds another run, or is not a run.
            RunError: the folder cannot be written, or another process is at work in it.
        """
        path = Path(path)
        identity = json.loads(json.dumps(identity, default=str))
        _require_ours(path)
        if (path / _STATE).exists() and not overwrite:
            return cls._complete(path, identity)
        work = _partial(path)
        try:
            work.mkdir(parents=True, exist_ok=True)
            lock = _take_lock(work)
        except OSError as error:
            raise RunError(
                f"cannot make the run folder: {error.strerror}", where=path, do="choose a writable folder with -o"
            ) from error
        if (path / _STATE).exists() and not overwrite:  # finished by another process while this one waited
            os.close(lock)
            shutil.rmtree(work, ignore_errors=True)
            return cls._complete(path, identity)
        record, state = {"identity": identity, "stages": {}}, "new"
        if (work / _STATE).exists():
            found = read_json(work / _STATE)
            if found["identity"] == identity:
                record, state = found, "resumed"
            elif overwrite:
                _empty(work)
            else:
                raise _other(work, found["identity"], identity)
        run = cls(path, state=state, record=record, lock=lock)
        run._save()
        return run

    @classmethod
    def _complete(cls, path: Path, identity: Mapping[str, Any]) -> RunFolder:
        record = read_json(path / _STATE)
        if record["identity"] != identity:
            raise _other(path, record["identity"], identity)
        return cls(path, state="complete", record=record, lock=None)

    @property
    def work(self) -> Path:
        """Where files are written now: RUN.partial, or RUN once complete."""
        return self.path if self.state == "complete" else _partial(self.path)

    @property
    def stages(self) -> dict[str, float]:
        """Seconds that each finished stage took."""
        return dict(self._record["stages"])

    def done(self, stage: str) -> bool:
        """Whether a stage was finished, now or before a kill."""
        return stage in self._record["stages"]

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage and mark it finished when it ends without an error."""
        start = time.perf_counter()
        yield
        self._record["stages"][name] = round(time.perf_counter() - start, 3)
        self._save()

    def finish(self) -> Path:
        """Rename RUN.partial to RUN; an older RUN is removed only once the new one stands."""
        if self.state == "complete":
            return self.path
        aside = self.path.with_name(f".{self.path.name}.replaced")
        try:
            if self.path.exists():
                shutil.rmtree(aside, ignore_errors=True)
                os.replace(self.path, aside)
            os.replace(_partial(self.path), self.path)
        except OSError as error:
            if aside.exists() and not self.path.exists():
                os.replace(aside, self.path)
            raise RunError(
                f"cannot complete the run: {error.strerror}",
                where=self.path,
                do=f"all work is in {_partial(self.path)}; mend the cause and run the same command again",
            ) from error
        shutil.rmtree(aside, ignore_errors=True)
        self.state = "complete"
        self.release()
        (self.path / ".lock").unlink(missing_ok=True)
        return self.path

    def discard(self) -> None:
        """Remove a run in which no stage was finished; one with finished stages stays, to be resumed."""
        if self.state != "complete" and not self.stages:
            shutil.rmtree(self.work, ignore_errors=True)

    def release(self) -> None:
        """Let another process work here; what is done stays."""
        if self._unlock is not None:
            self._unlock()

    def _save(self) -> None:
        write_json(self.work / _STATE, self._record)


def require_run(path: Path | str) -> Path:
    """The path of a complete run folder, or an error that says what it is instead."""
    path = Path(path)
    if (path / _STATE).exists():
        return path
    if _partial(path).exists():
        raise InputError("the run is not complete", where=path, do="run the same fit command again: it resumes")
    raise InputError("not a run folder", where=path, expected="a folder made by chiasma fit")


def _require_ours(path: Path) -> None:
    """Refuse to work over anything that is not a run: nothing of the user's is ever replaced."""
    if not path.exists() or (path / _STATE).exists() or (path.is_dir() and not any(path.iterdir())):
        return
    raise UsageError("exists and is not a run folder", where=path, do="choose another folder with -o")


def _partial(path: Path) -> Path:
    return path.with_name(path.name + ".partial")


def _empty(folder: Path) -> None:
    for item in folder.iterdir():
        if item.name != ".lock":
            shutil.rmtree(item) if item.is_dir() else item.unlink()


def _take_lock(work: Path) -> int:
    """Hold an exclusive lock for as long as this process lives; a killed process lets go of it.

    Where the system has no such locks (Windows), nothing keeps two processes out of one folder.
    """
    descriptor = os.open(work / ".lock", os.O_CREAT | os.O_RDWR)
    try:
        import fcntl
    except ImportError:
        return descriptor
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise RunError(
            "another process is at work in this run folder", where=work, do="wait for it, or choose another -o"
        ) from error
    return descriptor


def _other(path: Path, found: Mapping[str, Any], asked: Mapping[str, Any]) -> UsageError:
    keys = [key for key in {**found, **asked} if found.get(key) != asked.get(key)]
    return UsageError(
        "this folder holds another run",
        where=path,
        got="different " + ", ".join(sorted(keys)),
        expected="the same method, configuration and inputs",
        do="choose another folder with -o, or replace it with --overwrite",
    )
