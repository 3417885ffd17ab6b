"""The logistic head on factors that were learnt without classes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from chiasma.workflow.fitting.head import Headed


class Columns:
    """Factors are the columns of the table."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.asarray(X, dtype=float)

    def get_feature_names_out(self):
        return ["factor1", "factor2"]


def test_a_factor_of_rounding_noise_has_no_say():
    random = np.random.default_rng(0)
    classes = np.repeat([0, 1], 30)
    told = random.standard_normal(60)
    noise = 1e-30 * (classes + 0.1 * random.standard_normal(60))  # would tell the classes, were it scaled up
    head = Headed(Columns()).fit(pd.DataFrame({"a": told, "b": noise}), classes)
    assert np.isinf(head.scale_[1]) and head.head_.weights[1].item() == 0
    assert np.abs(head.predict_proba(pd.DataFrame({"a": told, "b": noise}))[:, 1] - 0.5).max() < 0.45
