"""The verb fit, from the options to the calibrated model and its rivals."""
