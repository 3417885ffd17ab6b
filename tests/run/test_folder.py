"""The run folder is whole or absent, resumes, and refuses what is not its own."""

import sys

import pytest

from chiasma.core.errors import InputError, RunError, UsageError
from chiasma.run.folder import RunFolder, require_run

SAME = {"method": "cnn", "config": {"width": 3}}


def test_work_goes_on_in_partial_and_is_renamed_when_complete(tmp_path):
    run = RunFolder.open(tmp_path / "run", identity=SAME)
    with run.stage("fit"):
        (run.work / "model.json").write_text("{}")
    assert not (tmp_path / "run").exists()
    with pytest.raises(InputError, match="not complete"):
        require_run(tmp_path / "run")
    run.finish()
    assert (tmp_path / "run" / "model.json").exists() and not (tmp_path / "run.partial").exists()
    assert require_run(tmp_path / "run") == tmp_path / "run"


def test_a_failed_stage_is_not_marked_and_a_second_process_is_refused(tmp_path):
    run = RunFolder.open(tmp_path / "run", identity=SAME)
    with pytest.raises(ValueError), run.stage("fit"):
        raise ValueError
    assert not run.done("fit")
    with pytest.raises(RunError, match="another process"):
        RunFolder.open(tmp_path / "run", identity=SAME)


def test_a_killed_run_resumes_with_its_stages(tmp_path):
    run = RunFolder.open(tmp_path / "run", identity=SAME)
    with run.stage("load"):
        pass
    run.release()  # what a kill does
    again = RunFolder.open(tmp_path / "run", identity=SAME)
    assert again.state == "resumed" and again.done("load") and not again.done("fit")
    again.release()


def test_a_complete_run_is_recognised_and_another_is_refused(tmp_path):
    RunFolder.open(tmp_path / "run", identity=SAME).finish()
    assert RunFolder.open(tmp_path / "run", identity=SAME).state == "complete"
    with pytest.raises(UsageError, match="different config"):
        RunFolder.open(tmp_path / "run", identity={"method": "cnn", "config": {"width": 4}})
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter").write_text("years of work")
    with pytest.raises(UsageError, match="not a run folder"):
        RunFolder.open(tmp_path / "thesis", identity=SAME, overwrite=True)
    assert (tmp_path / "thesis" / "chapter").exists()
    new = RunFolder.open(tmp_path / "run", identity={"method": "lstm"}, overwrite=True)
    (new.work / "x").write_text("new")
    new.finish()
    assert (tmp_path / "run" / "x").read_text() == "new"
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    with pytest.raises(UsageError, match="not a run folder"):
        RunFolder.open(tmp_path / "photos", identity=SAME)


def test_a_path_that_cannot_be_made_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot make the run folder"):
        RunFolder.open(tmp_path / "file" / "run", identity=SAME)


def test_an_empty_folder_may_become_a_run_and_an_untouched_run_is_discarded(tmp_path):
    (tmp_path / "run").mkdir()
    run = RunFolder.open(tmp_path / "run", identity=SAME)
    run.discard()
    assert not (tmp_path / "run.partial").exists()
    run.release()
    run = RunFolder.open(tmp_path / "run", identity=SAME)
    with run.stage("fit"):
        pass
    run.discard()
    run.finish()
    assert RunFolder.open(tmp_path / "run", identity=SAME).stages.keys() == {"fit"}


def test_a_failed_rename_leaves_the_old_run_and_the_new_work(tmp_path, monkeypatch):
    RunFolder.open(tmp_path / "run", identity=SAME).finish()
    new = RunFolder.open(tmp_path / "run", identity={"method": "lstm"}, overwrite=True)
    import os

    real = os.replace

    def broken(source, target):
        if str(source).endswith(".partial"):
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(RunError, match="cannot complete"):
        new.finish()
    monkeypatch.undo()
    new.release()
    assert require_run(tmp_path / "run") and (tmp_path / "run.partial").exists()


def test_a_system_without_locks_works_unlocked(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fcntl", None)
    run = RunFolder.open(tmp_path / "run", identity={"a": 1})
    with run.stage("fit"):
        pass
    assert run.finish() == tmp_path / "run" and RunFolder.open(tmp_path / "run", identity={"a": 1}).state == "complete"
