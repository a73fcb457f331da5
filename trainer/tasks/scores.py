"""The scores of the tasks, by scikit-learn and SciPy. Names are without prefix; values are fractions, not per cent.

A mean of two scores is named after both, as GLUE averages them.
"""

import math
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def accuracy(predictions: "np.ndarray", targets: "np.ndarray") -> dict[str, float]:
    """Share of the rows that are right."""
    return {"accuracy": float((predictions == targets).mean())}


def accuracy_f1(predictions: "np.ndarray", targets: "np.ndarray") -> dict[str, float]:
    """Accuracy, F1 of class 1, and their mean."""
    from sklearn.metrics import f1_score

    right = accuracy(predictions, targets)["accuracy"]
    f1 = float(f1_score(targets, predictions, zero_division=0))
    return {"accuracy": right, "f1": f1, "accuracy_f1": (right + f1) / 2}


def accuracy_macro_f1(predictions: "np.ndarray", targets: "np.ndarray") -> dict[str, float]:
    """Accuracy, and F1 averaged over the classes."""
    from sklearn.metrics import f1_score

    macro_f1 = float(f1_score(targets, predictions, average="macro", zero_division=0))
    return accuracy(predictions, targets) | {"macro_f1": macro_f1}


def matthews(predictions: "np.ndarray", targets: "np.ndarray") -> dict[str, float]:
    """Matthews correlation, and accuracy. A constant prediction correlates with nothing: 0."""
    from sklearn.metrics import matthews_corrcoef

    return accuracy(predictions, targets) | {"matthews": float(matthews_corrcoef(targets, predictions))}


def pearson_spearman(predictions: "np.ndarray", targets: "np.ndarray") -> dict[str, float]:
    """Pearson and Spearman correlation, and their mean. A constant prediction correlates with nothing: 0."""
    from scipy.stats import pearsonr, spearmanr

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy warns of what is defined as 0 here
        both = [float(correlation(predictions, targets).statistic) for correlation in (pearsonr, spearmanr)]
    pearson, spearman = (0.0 if math.isnan(value) else value for value in both)
    return {"pearson": pearson, "spearman": spearman, "pearson_spearman": (pearson + spearman) / 2}


def pearson_spearman_rmse(predictions: "np.ndarray", targets: "np.ndarray") -> dict[str, float]:
    """As `pearson_spearman`, and the root of the mean squared error."""
    rmse = float(((predictions - targets) ** 2).mean() ** 0.5)
    return pearson_spearman(predictions, targets) | {"rmse": rmse}
