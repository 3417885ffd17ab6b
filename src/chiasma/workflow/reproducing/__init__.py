"""The verb reproduce: experiment files run, and their figures held against what is expected."""
