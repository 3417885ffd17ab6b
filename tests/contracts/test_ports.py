"""Inputs that a fit would not look at are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from chiasma.core.cards import list_cards
from chiasma.core.errors import UsageError
from chiasma.workflow.fitting.fit import plan
from command_line import call

PORTS = [(card.name, port.name) for card in list_cards() for port in card.inputs if port.predict_only]


@pytest.mark.parametrize(("name", "port"), PORTS)
def test_inputs_of_predict_are_refused_by_fit(name: str, port: str, tmp_path: Path) -> None:
    path = tmp_path / "my.vcf"
    path.write_text("##fileformat=VCFv4.2\n")
    with pytest.raises(UsageError, match="chiasma predict RUN"):
        plan(name, {port: path}, preset="tiny")
    answer = call("fit", name, path, "--preset", "tiny", "-o", tmp_path / "r")
    assert answer.code == 2 and "does not learn from this input" in answer.err


def test_simulating_cards_say_so_of_genotypes() -> None:
    assert ("haplotype-cnn", "genotypes") in PORTS
