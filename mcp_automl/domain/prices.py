"""What an hour of a slot costs, and what a job costs from that. Every dollar is counted here.

The price rule. A slot costs per hour its share of its GPU plus its share of the machine's cores:

    usd_per_hour = gpu_share * (gpu_prices[its GPU's name], or else gpu_usd_per_hour)
                 + cores * cpu_usd_per_core_hour

so that the prices of all slots of a machine never add up to more than the price of the machine. A
slot without a GPU costs its cores, one of two GPUs the price of each. A job costs the seconds it
held its slot times that, from the launch of its process to its end, failed and repeated attempts
included.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mcp_automl.domain.errors import InvalidRequest

SECONDS_PER_HOUR = 3600.0

VALID = "dollars per hour: 0 or more, and finite, such as 0.25"
"""What a price must be, in words."""


def is_price(usd_per_hour: float) -> bool:
    return math.isfinite(usd_per_hour) and usd_per_hour >= 0


def charge(seconds: float, usd_per_hour: float) -> float:
    """Dollars for holding a slot that long; a clock that seems to go back earns nothing."""
    return max(0.0, seconds) * usd_per_hour / SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Dollars per hour, as the settings have them."""

    gpu_usd_per_hour: float = 0.25
    cpu_usd_per_core_hour: float = 0.05
    gpu_prices: Mapping[str, float] = field(default_factory=dict)
    """Dollars per GPU-hour by the device's name, where they differ from `gpu_usd_per_hour`."""

    def __post_init__(self) -> None:
        priced = {
            "gpu_usd_per_hour": self.gpu_usd_per_hour,
            "cpu_usd_per_core_hour": self.cpu_usd_per_core_hour,
            **self.gpu_prices,
        }
        for name, price in priced.items():
            if not is_price(price):
                raise InvalidRequest(f"the price {name} must be {VALID}, not {price}")

    def gpu(self, device: str) -> float:
        """Dollars per hour of a whole GPU of that name."""
        return self.gpu_prices.get(device, self.gpu_usd_per_hour)

    def free(self, gpus: Iterable[str]) -> bool:
        """Whether nothing is charged for any slot of a machine with GPUs of these names."""
        return not self.cpu_usd_per_core_hour and not any(self.gpu(name) for name in gpus)

    def slot(self, *, device: str, gpu_share: float, cores: float) -> float:
        """Dollars per hour of a slot: the price rule above.

        Args:
            device: the name of its device, such as `NVIDIA H100 80GB HBM3`.
            gpu_share: from 0, for a slot without a GPU, to 1.
            cores: CPU cores, perhaps a fraction.
        """
        return gpu_share * self.gpu(device) + cores * self.cpu_usd_per_core_hour
