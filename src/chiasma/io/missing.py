"""What stands for a missing value in any table: the one list that labels and measurements are read with."""

from __future__ import annotations

MISSING = frozenset({"", "NA", "NaN", "nan", "NAN", "."})
"""Words such as none and null are not among them: they are classes that people use."""
