"""The task that all sequence networks share."""

from chiasma.fit.sequence_task import make_task

__all__ = ["make_task"]
