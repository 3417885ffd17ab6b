from concurrent.futures import Future
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

import chiasma.run.executor as executor_module
from chiasma.core.errors import RunError, UsageError
from chiasma.run.executor import stream
from executor_tasks import always_die, die_once, fail, square


def test_local_equals_serial_in_order():
    serial = [value for value, _ in stream(square, range(40))]
    local = list(stream(square, range(40), executor="local", workers=2, chunk=3))
    assert [value for value, _ in local] == serial
    assert {threads for _, threads in local} == {"1"}


def test_a_killed_worker_is_replaced(tmp_path):
    tasks = [(i, str(tmp_path / "died")) for i in range(8)]
    assert list(stream(die_once, tasks, executor="local", workers=1, chunk=2)) == list(range(8))
    assert (tmp_path / "died").exists()


def test_gives_up_and_passes_errors_on():
    with pytest.raises(RunError, match="died 3 times"):
        list(stream(always_die, [1], executor="local", workers=1))
    with pytest.raises(KeyError):
        list(stream(fail, [1], executor="local", workers=1))
    with pytest.raises(UsageError, match="unknown executor"):
        list(stream(square, [1], executor="ray"))


class KilledWorker(Exception):  # noqa: N818 - Dask calls it so
    """Dask's, by its name and module."""

    __module__ = "distributed.scheduler"


def test_a_cluster_that_loses_work_is_a_run_error(monkeypatch):
    class Lost:
        width = 1

        def submit(self, fn, tasks):
            future = Future()
            future.set_exception(KilledWorker("task died on four workers") if tasks[0] else KeyError("own"))
            return future

    monkeypatch.setattr(executor_module, "_backend", lambda executor, workers: nullcontext(Lost()))
    with pytest.raises(RunError, match="lost this work") as caught:
        list(stream(square, [1], executor="dask://host:1"))
    assert "KilledWorker" in str(caught.value) and "tasks from 1" in str(caught.value)
    with pytest.raises(KeyError):
        list(stream(square, [0], executor="dask://host:1"))


def test_a_scheduler_that_does_not_answer_is_a_run_error(monkeypatch):
    def client(address):
        raise OSError(f"Timed out trying to connect to {address}")

    monkeypatch.setattr(executor_module, "require_module", lambda name, extra: SimpleNamespace(Client=client))
    with pytest.raises(RunError, match="no Dask scheduler answers") as caught:
        list(stream(square, [1], executor="dask://nowhere:8786"))
    assert "tcp://nowhere:8786" in str(caught.value) and "dask scheduler" in str(caught.value)


def test_looks_ahead_only_so_far():
    taken = []

    def tasks():
        for i in range(100):
            taken.append(i)
            yield i

    results = stream(square, tasks(), executor="local", workers=1, chunk=1, look_ahead=2)
    next(results)
    assert len(taken) <= 3
    results.close()
