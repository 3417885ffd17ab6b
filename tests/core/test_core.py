"""The ground floor: configuration, errors, files, randomness."""

import math
import os

import numpy as np
import pytest
from hypothesis import given, strategies as st
from pydantic import Field, model_validator

from chiasma.core.checks import require_unique
from chiasma.core.config import Config, dump_toml, parse_settings, read_toml
from chiasma.core.errors import ChiasmaError, InputError, RunError, UsageError, unknown_name
from chiasma.core.files import atomic_write, content_hash, plain, write_json
from chiasma.core.provenance import describe_inputs
from chiasma.core.rng import derive_seed, generator


class Inner(Config):
    rate: float = Field(default=0.1, gt=0)


class Outer(Config):
    filters: int = 8
    inner: Inner = Inner()

    @model_validator(mode="after")
    def _few(self):
        if self.filters * self.inner.rate > 100:
            raise ValueError("filters times rate is more than 100")
        return self


def test_unknown_keys_are_refused_with_the_nearest_name_and_all_problems_at_once():
    with pytest.raises(UsageError) as caught:
        Outer.parse({"filtres": 3, "inner": {"rate": -1}}, source="a.toml")
    text = str(caught.value)
    assert "did you mean 'filters'?" in text and "inner.rate" in text and "(got -1)" in text and "a.toml" in text


def test_a_problem_of_several_fields_does_not_print_the_configuration():
    with pytest.raises(UsageError) as caught:
        Outer.parse({"filters": 8, "inner": {"rate": 1e3}}, source="a.toml")
    assert str(caught.value) == "a.toml: Outer: Value error, filters times rate is more than 100"


def test_settings_are_read_as_toml_and_nest():
    assert parse_settings(["filters=3", "inner.rate=1e-3", "name=chr8"]) == {
        "filters": 3,
        "inner": {"rate": 1e-3},
        "name": "chr8",
    }
    with pytest.raises(UsageError, match="key=value"):
        parse_settings(["filters"])
    for settings in (["a=1", "a.b=2"], ["a.b=2", "a=1"]):
        with pytest.raises(UsageError, match="both a value and fields"):
            parse_settings(settings)


def test_configuration_round_trips_through_toml(tmp_path):
    config = Outer(filters=5, inner=Inner(rate=0.25))
    (tmp_path / "c.toml").write_text(dump_toml(config.model_dump()))
    assert Outer.parse(read_toml(tmp_path / "c.toml")) == config
    assert config.digest() == Outer(filters=5, inner=Inner(rate=0.25)).digest() != config.replace(filters=6).digest()
    (tmp_path / "bad.toml").write_text("filters = = 3")
    with pytest.raises(UsageError, match="not valid TOML"):
        read_toml(tmp_path / "bad.toml")


def test_exit_codes_follow_the_tree():
    assert (UsageError("x").exit_code, InputError("x").exit_code, RunError("x").exit_code) == (2, 3, 4)
    error = InputError("bad", where="f.fa", got=1, expected=2, do="mend it")
    assert str(error).splitlines() == ["f.fa: bad", "  got:      1", "  expected: 2", "  do:       mend it"]
    assert error.to_dict()["expected"] == "2"
    assert "did you mean 'lstm'" in str(unknown_name("method", "lstn", ["cnn", "lstm"]))
    assert unknown_name("method", "x", ["cnn", "lstm"]).do == "give one of these"
    assert unknown_name("method", "x", []).do is None


def test_of_many_names_the_nearest_are_told() -> None:
    known = [f"track{number}" for number in range(1000)]
    error = unknown_name("track", "trak77", known, see="chiasma show")
    assert error.do == "did you mean 'track77'? (all: chiasma show)"
    assert str(error.expected).startswith("track77, ") and str(error.expected).endswith("and 988 more")
    assert isinstance(error, ChiasmaError)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "a.json"
    write_json(target, {"x": np.float64("nan"), "y": np.arange(2)})
    assert target.read_text() == '{\n  "x": null,\n  "y": [\n    0,\n    1\n  ]\n}\n'
    with pytest.raises(ValueError), atomic_write(target) as handle:
        handle.write("half")
        raise ValueError
    assert target.read_text().startswith("{") and os.listdir(tmp_path) == ["a.json"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full to stand for a full disk")
def test_a_full_disk_is_a_clear_error(tmp_path, monkeypatch):
    def full(number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match="No space left") as caught:
        write_json(tmp_path / "a.json", {})
    assert "free some space" in str(caught.value) and os.listdir(tmp_path) == []


def test_a_full_disk_while_writing_is_told_apart_from_errors_of_other_files(tmp_path):
    with pytest.raises(RunError, match="No space left"), atomic_write(tmp_path / "a.txt"):
        raise OSError(28, "No space left on device")
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "a.txt"):
        (tmp_path / "absent.bed").read_text()
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot write"):
        write_json(tmp_path / "file" / "a.json", {})
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_a_file_has_the_permissions_that_the_user_asked_for(tmp_path):
    before = os.umask(0o077)
    try:
        write_json(tmp_path / "a.json", {})
    finally:
        os.umask(before)
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o600


def test_an_input_may_be_any_text():
    found = describe_inputs({"long": "x" * 300, "odd": "a\0b"})
    assert found == {"long": {"value": "x" * 300}, "odd": {"value": "a\0b"}}


def test_hashes_tell_content_apart(tmp_path):
    (tmp_path / "a").write_text("1")
    (tmp_path / "b").write_text("2")
    assert content_hash(tmp_path / "a") != content_hash(tmp_path / "b")
    assert content_hash(tmp_path) == content_hash(tmp_path)
    with pytest.raises(InputError, match="cannot read"):
        content_hash(tmp_path / "absent")


@given(st.integers(0, 2**40), st.integers(0, 10**9), st.text(max_size=5))
def test_seeds_are_in_range_and_repeatable(seed, index, name):
    derived = derive_seed(seed, name, index)
    assert 1 <= derived < 2**32 and derived == derive_seed(seed, name, index)


def test_streams_differ_by_key_and_by_its_type():
    assert generator(1, "a").random() != generator(1, "b").random()
    assert derive_seed(1, 2) != derive_seed(1, "2")
    assert derive_seed(1, np.int64(3)) == derive_seed(1, 3) and derive_seed(1, np.str_("a")) == derive_seed(1, "a")
    assert generator(1, np.int32(3)).random() == generator(1, 3).random()


def test_plain_and_unique():
    assert plain({"a": (np.int64(1), math.inf)}) == {"a": [1, None]}
    with pytest.raises(InputError, match="duplicate sample"):
        require_unique(["a", "b", "a"], what="sample")
