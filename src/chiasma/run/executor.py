"""Where work runs: here, in spawned processes, on a Dask cluster. Results come in order and do not depend on it."""

from __future__ import annotations

import itertools
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from chiasma.core.checks import require_module
from chiasma.core.config import read_toml
from chiasma.core.errors import RunError, UsageError

T = TypeVar("T")
R = TypeVar("R")

TARGET_CHUNK_S = 1.0
"""Seconds of work in a chunk: long beside the cost of sending one (0.3 ms locally, 3 ms with Dask)."""
MOST_ATTEMPTS = 3
_ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}


def stream(
    fn: Callable[[T], R],
    tasks: Iterable[T],
    *,
    executor: str = "serial",
    workers: int = 1,
    chunk: int | None = None,
    look_ahead: int = 3,
) -> Iterator[R]:
    """Apply a function to every task and give the results in the order of the tasks.

    Args:
        fn: picklable by name where the executor is not serial; the same task must give the same result anywhere.
        tasks: arguments, one each.
        executor: serial, local (spawned processes), dask://HOST:PORT, or a TOML file that describes a batch system.
        workers: processes, for local.
        chunk: tasks sent together; left out, as many as take about a second.
        look_ahead: chunks under way for each worker, which bounds the memory.

    Raises:
        UsageError: unknown executor. RunError: workers died three times over the same chunk.
        Whatever `fn` raises is raised here.
    """
    if executor == "serial":
        yield from map(fn, tasks)
        return
    with _backend(executor, workers) as backend:
        yield from _ordered(fn, tasks, backend=backend, chunk=chunk, ahead=look_ahead)


class _Backend(Protocol):
    width: int

    def submit(self, fn: Callable[..., Any], tasks: list[Any]) -> Future: ...

    def revive(self) -> None: ...


def _run_chunk(fn: Callable[[T], R], tasks: list[T]) -> tuple[list[R], float]:
    began = time.perf_counter()
    return [fn(task) for task in tasks], time.perf_counter() - began


def _ordered(
    fn: Callable[[T], R], tasks: Iterable[T], *, backend: _Backend, chunk: int | None, ahead: int
) -> Iterator[R]:
    rest = iter(tasks)
    size = chunk or 1
    under_way: deque[tuple[list[T], Future]] = deque()
    attempts = 0
    while True:
        while len(under_way) < backend.width * ahead and (part := list(itertools.islice(rest, size))):
            under_way.append((part, _submit(backend, fn, part)))
        if not under_way:
            return
        part, future = under_way[0]
        try:
            results, seconds = future.result()
        except BrokenProcessPool as error:
            attempts += 1
            if attempts >= MOST_ATTEMPTS:
                raise RunError(
                    f"worker processes died {attempts} times",
                    where=f"tasks from {part[0]!r}",
                    do="give them more memory or fewer workers; in a script, call from under "
                    "if __name__ == '__main__'; --executor serial shows the cause",
                ) from error
            backend.revive()
            under_way = deque((old, _submit(backend, fn, old)) for old, _ in under_way)
            continue
        except Exception as error:
            found = _cluster_failure(error, part)
            if found is None:
                raise
            raise found from error
        attempts = 0
        under_way.popleft()
        if chunk is None:
            size = max(1, min(4 * size, int(TARGET_CHUNK_S * len(part) / max(seconds, 1e-6))))
        yield from results


def _cluster_failure(error: Exception, part: list[Any]) -> RunError | None:
    """An error of Dask itself in words; None for what the function raised."""
    kind = type(error)
    if kind.__module__.partition(".")[0] not in ("distributed", "dask") and kind.__name__ != "CancelledError":
        return None
    return RunError(
        "the cluster lost this work",
        where=f"tasks from {part[0]!r}",
        got=f"{kind.__name__}: {error}",
        expected="workers that stay up, with the same chiasma installed",
        do="look at the scheduler's log for workers killed for memory or time; then run the same command again",
    )


def _submit(backend: _Backend, fn: Callable[..., Any], part: list[Any]) -> Future:
    try:
        return backend.submit(fn, part)
    except BrokenProcessPool as error:
        failed: Future = Future()
        failed.set_exception(error)
        return failed


class _Local:
    """Spawned processes; a pool that broke is made anew."""

    def __init__(self, workers: int) -> None:
        self.width = workers
        self._start()

    def _start(self) -> None:
        import multiprocessing

        self.pool = ProcessPoolExecutor(self.width, mp_context=multiprocessing.get_context("spawn"))

    def submit(self, fn: Callable[..., Any], tasks: list[Any]) -> Future:
        with _one_thread():
            return self.pool.submit(_run_chunk, fn, tasks)

    def revive(self) -> None:
        self.pool.shutdown(wait=False, cancel_futures=True)
        self._start()

    def close(self) -> None:
        self.pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _one_thread() -> Iterator[None]:
    """One BLAS thread in processes started meanwhile: they inherit the environment as it is at their start."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(_ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class _Dask:
    """A Dask client; Dask itself retries what a lost worker had."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.width = max(2, sum(client.nthreads().values()))

    def submit(self, fn: Callable[..., Any], tasks: list[Any]) -> Future:
        return self.client.submit(_run_chunk, fn, tasks, pure=False, retries=MOST_ATTEMPTS)

    def revive(self) -> None:
        self.client.restart()


@contextmanager
def _backend(executor: str, workers: int) -> Iterator[_Backend]:
    if executor == "local":
        if workers < 1:
            raise UsageError("too few workers", got=workers, expected="1 or more")
        local = _Local(workers)
        try:
            yield local
        finally:
            local.close()
    elif executor.startswith("dask://"):
        distributed = require_module("distributed", extra="cluster")
        address = "tcp://" + executor.removeprefix("dask://")
        try:
            client = distributed.Client(address)
        except (OSError, ValueError) as error:
            raise RunError(
                "no Dask scheduler answers",
                where=executor,
                got=error,
                expected="dask://HOST:PORT of a running scheduler",
                do="start one with 'dask scheduler' and its workers with 'dask worker', or use --executor local",
            ) from error
        with client:
            yield _Dask(client)
    elif executor.endswith(".toml"):
        with _batch_system(executor) as client:
            yield _Dask(client)
    else:
        raise UsageError("unknown executor", got=executor, expected="serial, local, dask://HOST:PORT or FILE.toml")


@contextmanager
def _batch_system(path: str) -> Iterator[Any]:
    """A dask-jobqueue cluster from a TOML file: `system = "SLURM"`, `jobs = 4`, a table `options` for its class."""
    settings = read_toml(Path(path))
    unknown = set(settings) - {"system", "jobs", "options"}
    name = f"{settings.get('system', '')}Cluster"
    if unknown or "system" not in settings:
        raise UsageError("not a batch system", where=path, got=sorted(settings), expected="system, jobs, options")
    jobqueue = require_module("dask_jobqueue", extra="cluster")
    if not hasattr(jobqueue, name):
        raise UsageError("unknown batch system", where=path, got=settings["system"], expected="SLURM, PBS, LSF, SGE")
    distributed = require_module("distributed", extra="cluster")
    with getattr(jobqueue, name)(**settings.get("options", {})) as cluster:
        cluster.scale(jobs=int(settings.get("jobs", 1)))
        with distributed.Client(cluster) as client:
            client.wait_for_workers(1)
            yield client
