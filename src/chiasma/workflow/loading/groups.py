"""Groups of examples (patient, library): what belongs together is never divided, nor resampled apart. Studies of
samples: what a method may take into account.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from chiasma.core.cards import Card
from chiasma.core.errors import MismatchError, list_some
from chiasma.data.dataset import Dataset, Skip
from chiasma.fit.contracts import STUDY
from chiasma.io.tables import read_labels
from chiasma.split.assign import blocks

_SHOWN = 3


def unit_by_group(dataset: Dataset, name: str) -> Dataset:
    """The dataset with the components of unit and column `group` as units, called `name`; as it is without groups."""
    if "group" not in dataset.columns:
        return dataset
    return replace(dataset, unit=blocks(dataset.unit, dataset.columns["group"].astype(str)), unit_name=name)


def with_groups(dataset: Dataset, groups: Mapping[str, str], *, where: object, name: str = "group") -> Dataset:
    """The dataset with a column `group` by id, its units joined accordingly.

    An example that the table lacks takes the group of its unit (a shuffled twin that of its peak), else it stands
    alone. Both those and ids of the table that are no examples are counted and named.

    Args:
        dataset: examples.
        groups: group of each id.
        where: the file, for messages.
        name: what a group is, in the singular.

    Raises:
        MismatchError: no example has a group.
    """
    ids = [str(one) for one in dataset.ids]
    own = [groups.get(one, groups.get(one.removeprefix("negative:"))) for one in ids]
    if not any(group is not None for group in own):
        raise MismatchError(
            "no example is in the table of groups",
            where=where,
            got=list_some(groups, most=_SHOWN),
            expected="ids like " + list_some(ids, most=_SHOWN),
            do="give the table whose first column holds the examples' ids",
        )
    of_unit = {unit: group for unit, group in zip(dataset.unit.tolist(), own) if group is not None}
    found = [own[index] or of_unit.get(unit) for index, unit in enumerate(dataset.unit.tolist())]
    alone = [one for one, group in zip(ids, found) if group is None]
    strangers = sorted(set(groups) - set(ids) - {one.removeprefix("negative:") for one in ids})
    column = np.array([f"alone:{one}" if group is None else group for one, group in zip(ids, found)], dtype=object)
    notes, skips = dict(dataset.notes), dataset.skips
    if alone:
        notes["groups"] = f"{len(alone)} examples without a group stand alone ({list_some(alone, most=_SHOWN)})"
    if strangers:
        skips = (*skips, Skip("a group, but no such example", len(strangers), tuple(strangers[:_SHOWN])))
    dataset = replace(dataset, columns={**dataset.columns, "group": column}, notes=notes, skips=skips)
    return unit_by_group(dataset, name)


def add_study(dataset: Dataset, card: Card, inputs: Mapping[str, Any]) -> Dataset:
    """The dataset with the study of each sample, from input `study` or, where the card says so, from the groups."""
    port = next((port for port in card.inputs if port.name == STUDY), None)
    if port is None:
        return dataset
    if inputs.get(STUDY) is not None:
        return with_study(dataset, read_labels(inputs[STUDY]), where=inputs[STUDY])
    if port.otherwise == "groups" and "group" in dataset.columns:
        return replace(dataset, columns={**dataset.columns, STUDY: dataset.columns["group"]})
    return dataset


def with_study(dataset: Dataset, studies: Mapping[str, str], *, where: object) -> Dataset:
    """The dataset with a column `study` by id; ids of the table that are no samples are counted and named.

    Raises:
        MismatchError: samples without a study.
    """
    ids = [str(one) for one in dataset.ids]
    if without := [one for one in ids if one not in studies]:
        raise MismatchError(
            f"{len(without)} of {len(ids)} samples have no study",
            where=f"--{STUDY} {where}",
            got=list_some(without, most=_SHOWN),
            expected="a study of every sample, by the ids of the data",
            do="complete the table, or leave these samples out",
        )
    skips = dataset.skips
    if strangers := sorted(set(studies) - set(ids)):
        skips = (*skips, Skip("a study, but no such sample", len(strangers), tuple(strangers[:_SHOWN])))
    names = np.asarray([studies[one] for one in ids], dtype=object)
    return replace(dataset, columns={**dataset.columns, STUDY: names}, skips=skips)
