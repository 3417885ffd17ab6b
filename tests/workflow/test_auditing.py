"""Audit through the command line: a file, a run, somebody's parts and predictions; never torch."""

from __future__ import annotations

import subprocess
import sys

from command_line import call, done


def _severities(found) -> dict[str, str]:
    return {finding["name"]: finding["severity"] for finding in found["findings"]}


def test_a_file(peaks):
    found = done("audit", peaks, "--json").json
    assert found["verdict"] and found["findings"]
    assert {"pitfall", "name", "severity", "message"} <= set(found["findings"][0])
    assert "Nothing" in (text := done("audit", peaks).out) or len(text) > 200


def test_a_run_and_its_predictions(cnn_run):
    found = done("audit", cnn_run, "--json").json
    assert "claims" in {finding["pitfall"] for finding in found["findings"]}


def test_copies_across_somebody_s_split_are_critical(peaks, tmp_path):
    lines = peaks.read_text().splitlines()
    train, test = tmp_path / "train.fa", tmp_path / "test.fa"
    train.write_text("\n".join(lines) + "\n")
    copied = [f">copy{i}" if line.startswith(">") else line for i, line in enumerate(lines[:150])]
    test.write_text("\n".join(copied) + "\n")
    found = done("audit", "--train", train, "--test", test, "--json").json
    assert "critical" in {finding["severity"] for finding in found["findings"]}


def test_what_is_wrong_is_said(peaks, tmp_path):
    assert call("audit").code == 2
    assert call("audit", peaks, "--train", peaks).code == 2
    assert call("audit", "--test", peaks).code == 2
    missing = call("audit", tmp_path / "absent.fa")
    assert missing.code in (2, 3) and "absent.fa" in missing.err


def test_without_torch(peaks):
    code = (
        "import sys\nfrom chiasma.cli.main import run\n"
        f"assert run(['audit', {str(peaks)!r}, '--json']) == 0\n"
        "assert not {'torch', 'lightning'} & set(sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
