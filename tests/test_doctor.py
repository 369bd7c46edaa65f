"""What the doctor takes for a fault."""

from mcp_automl.catalog import Catalog
from mcp_automl.doctor import Mark, trainers
from tests.test_catalog import NEEDS_MORE
from trainers.specs import MNIST


def test_a_trainer_that_is_not_installed_is_no_fault_while_there_is_another() -> None:
    mnist, needy = trainers(Catalog([MNIST, NEEDS_MORE]))

    assert (mnist[1], needy[1]) == (Mark.OK, Mark.WARNING)
    assert "pip install 'mcp-automl[needy]'" in needy[2]


def test_without_any_trainer_nothing_can_be_tuned() -> None:
    ((_, mark, _),) = trainers(Catalog([NEEDS_MORE]))

    assert mark is Mark.BAD
