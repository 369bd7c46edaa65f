"""A plain PyTorch training script; two lines were added, and they say so."""

import argparse
import json  # added

import torch
from sklearn.datasets import load_digits
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=1e-2)
parser.add_argument("--hidden", type=int, default=32)
parser.add_argument("--epochs", type=int, default=3)
args = parser.parse_args()

torch.manual_seed(0)
pixels, digits = load_digits(return_X_y=True)
order = torch.randperm(len(pixels))
x = (torch.tensor(pixels, dtype=torch.float32) / 16)[order]
y = torch.tensor(digits)[order]
train_x, train_y, val_x, val_y = x[:1400], y[:1400], x[1400:], y[1400:]

model = nn.Sequential(nn.Linear(64, args.hidden), nn.ReLU(), nn.Linear(args.hidden, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
loss_of = nn.CrossEntropyLoss()

for epoch in range(args.epochs):
    model.train()
    for batch in torch.randperm(len(train_x)).split(64):
        optimizer.zero_grad()
        loss_of(model(train_x[batch]), train_y[batch]).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        val_loss = loss_of(model(val_x), val_y).item()
    print(f"epoch {epoch + 1}: validation loss {val_loss:.4f}")
    print(json.dumps({"epoch": epoch + 1, "val_loss": val_loss}))  # added
