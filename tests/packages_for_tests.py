"""An installed package that offers a trainer, as pip would lay it down."""

from pathlib import Path

TRAINER = """
import sys
from trainers.contract import Measurement, Objective, Parameter, TrainerSpec

print("this must not reach anybody's stdout")
X = Parameter(name="x", kind="float", default=0.5, low=0.0, high=2.0, description="A number.")
SPEC = TrainerSpec(
    name="parabola",
    description="How far x is from one.",
    objectives=(Objective(name="distance", direction="minimize"),),
    parameters=(X,),
)


def train(config, context):
    yield Measurement(epoch=1, metrics={"distance": (config.x - 1) ** 2}, seconds=0.0)
"""


def install_trainer(folder: Path, trainer: str = TRAINER) -> Path:
    """Lays a package `parabolas` with the trainer `parabola` into a folder to import from."""
    package, about = folder / "parabolas", folder / "parabolas-1.0.dist-info"
    package.mkdir(parents=True)
    about.mkdir()
    # A package whose import would be noticed: what it offers is found without it.
    (package / "__init__.py").write_text("")
    (package / "trainer.py").write_text(trainer)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: parabolas\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[mcp_automl.trainers]\nparabola = parabolas.trainer\n")
    return folder
