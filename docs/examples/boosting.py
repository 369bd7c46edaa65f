"""Gradient boosting with scikit-learn as a command: it measures once, at its end."""

import argparse
import json

from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.model_selection import cross_validate

parser = argparse.ArgumentParser()
parser.add_argument("--learning_rate", type=float, default=0.1)
parser.add_argument("--max_depth", type=int, default=3)
parser.add_argument("--n_estimators", type=int, default=40)
chosen = parser.parse_args()

features, labels = load_breast_cancer(return_X_y=True)
model = GradientBoostingClassifier(**vars(chosen), random_state=0)
scores = cross_validate(model, features, labels, cv=3, scoring=["neg_log_loss", "accuracy"])

print(
    json.dumps(
        {
            "val_log_loss": -scores["test_neg_log_loss"].mean(),
            "val_accuracy": scores["test_accuracy"].mean(),
        }
    )
)
