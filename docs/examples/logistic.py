"""A scikit-learn script that logs to MLflow by itself; nothing was added for tuning it."""

import argparse

import mlflow
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

parser = argparse.ArgumentParser()
parser.add_argument("--C", type=float, default=1.0)
parser.add_argument("--max_iter", type=int, default=100)
chosen = parser.parse_args()

mlflow.sklearn.autolog(log_models=False)

features, kinds = load_wine(return_X_y=True)
x, x_val, y, y_val = train_test_split(features, kinds, test_size=0.4, random_state=0)
model = make_pipeline(StandardScaler(), LogisticRegression(**vars(chosen)))
model.fit(x, y)
print(f"accuracy {model.score(x_val, y_val):.4f}")
