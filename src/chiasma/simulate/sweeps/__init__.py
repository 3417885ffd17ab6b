"""Selective sweeps: a structured coalescent along the path of the selected allele."""

from chiasma.simulate.sweeps.history import SizeHistory
from chiasma.simulate.sweeps.introduced import Introduced, simulate_introduced
from chiasma.simulate.sweeps.sweep import Sweep, simulate_sweep

__all__ = ["Introduced", "SizeHistory", "Sweep", "simulate_introduced", "simulate_sweep"]
