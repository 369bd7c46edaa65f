"""What one writes without us: PyTorch's own MNIST example, with our network and batch size.

A Dataset that transforms one image at a time, a DataLoader, torch's default optimizer settings, the
loss read every ten steps, an evaluation after each epoch; it keeps no model and no checkpoint. The
images are PIL's, as torchvision's data sets hand them out.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from trainers import mnist
from trainers.data import Examples
from trainers.networks import Network

TEST_BATCH = 1000
"""Images per evaluation step, as in the example."""

LOG_INTERVAL = 10
"""Steps from one reading of the loss to the next, as in the example."""


class Images(Dataset):
    """As `torchvision.datasets.MNIST` is one."""

    def __init__(self, examples: Examples, transform: transforms.Compose) -> None:
        self.examples = examples
        self.transform = transform

    def __len__(self) -> int:
        return len(self.examples.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = Image.fromarray(self.examples.images[index].numpy())
        return self.transform(image), int(self.examples.labels[index])


def train(
    config: mnist.Config, examples: Examples, held_out: Examples, device: str, seed: int
) -> Iterator[float]:
    """Trains, and yields the accuracy on `held_out` after each epoch."""
    torch.manual_seed(seed)
    loader, test_loader = loaders(config, examples, held_out, device)
    network = Network(config.architecture, dropout=config.dropout).layers.to(device)
    optimizer = torch.optim.AdamW(network.parameters(), config.lr, weight_decay=config.weight_decay)
    for _ in range(config.epochs):
        run_epoch(network, loader, optimizer, device)
        yield accuracy(network, test_loader, device)


def loaders(
    config: mnist.Config, examples: Examples, held_out: Examples, device: str
) -> tuple[DataLoader, DataLoader]:
    grey = examples.images.float() / 255
    normalize = transforms.Normalize((grey.mean().item(),), (grey.std().item(),))
    transform = transforms.Compose([transforms.ToTensor(), normalize])
    for_gpu = device == "cuda"

    def loader(part: Examples, batch_size: int, shuffle: bool) -> DataLoader:
        return DataLoader(
            Images(part, transform),
            batch_size=batch_size,
            shuffle=shuffle,
            num_workers=int(for_gpu),
            persistent_workers=for_gpu,
            pin_memory=for_gpu,
        )

    return loader(examples, config.batch_size, True), loader(held_out, TEST_BATCH, False)


def run_epoch(
    network: nn.Module, loader: DataLoader, optimizer: torch.optim.Optimizer, device: str
) -> None:
    network.train()
    for number, (images, labels) in enumerate(loader):
        images, labels = images.to(device), labels.to(device)
        optimizer.zero_grad()
        loss = F.cross_entropy(network(images), labels)
        loss.backward()
        optimizer.step()
        if number % LOG_INTERVAL == 0:
            loss.item()


@torch.no_grad()
def accuracy(network: nn.Module, loader: DataLoader, device: str) -> float:
    network.eval()
    correct, count = 0, 0
    for images, labels in loader:
        images, labels = images.to(device), labels.to(device)
        correct += int((network(images).argmax(dim=1) == labels).sum().item())
        count += len(labels)
    return correct / count
