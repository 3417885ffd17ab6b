"""Readers that read a file again once it has changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chiasma.core.files import until_changed


def test_a_file_is_read_again_once_it_has_changed(tmp_path):
    seen = []

    @until_changed
    def read(path, times):
        """Its text, so many times."""
        seen.append(path)
        return Path(path).read_text() * times

    file = tmp_path / "a.txt"
    file.write_text("one")
    assert read(str(file), 1) == "one" and read(str(file), 1) == "one"
    assert len(seen) == 1
    assert read(str(file), 2) == "oneone"
    assert len(seen) == 2
    file.write_text("two")
    os.utime(file, ns=(0, 12345))
    assert read(str(file), 1) == "two"
    file.unlink()
    with pytest.raises(FileNotFoundError):
        read(str(file), 1)
    assert read.__doc__ == "Its text, so many times."
