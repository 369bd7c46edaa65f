"""Where things live, how many slots there are and what they cost.

Read from the environment (`MCP_AUTOML_...`) and from `mcp_automl.toml` in the user's configuration
folder or at `MCP_AUTOML_CONFIG`; never from the working directory, which may be anybody's project.
The environment wins.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from socket import gethostname
from typing import Annotated

import platformdirs
from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field
from pydantic_core import PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from mcp_automl.domain.errors import InvalidSettings
from mcp_automl.domain.jobs import Limits
from mcp_automl.domain.keeping import Policy
from mcp_automl.domain.prices import VALID, Prices, is_price

APP = "mcp-automl"


def config_file() -> Path:
    """The operator's configuration file; it need not exist."""
    named = os.environ.get("MCP_AUTOML_CONFIG")
    if named:
        return Path(named)
    return platformdirs.user_config_path(APP) / "mcp_automl.toml"


def _price(usd_per_hour: float) -> float:
    if not is_price(usd_per_hour):
        raise PydanticCustomError("price", "it must be {valid}", {"valid": VALID})
    return usd_per_hour


def _price_table(value: object) -> object:
    """In a file it is a table; in a variable it is JSON."""
    loaded = _json(value) if isinstance(value, str) else value
    if isinstance(loaded, Mapping):
        return loaded
    example = '{"NVIDIA H100 80GB HBM3": 2.99}'
    raise PydanticCustomError(
        "price_table",
        "it must give GPUs by their names with their dollars per hour, such as {example}",
        {"example": example},
    )


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


Price = Annotated[float, AfterValidator(_price)]


def _listing(value: object) -> object:
    """In a file it is a list; in a variable it is parted by commas."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return tuple(value) if isinstance(value, list) else value


def _root(folder: Path) -> Path:
    found = folder.expanduser()
    if not found.is_absolute():
        raise PydanticCustomError("root", "it must be an absolute path")
    return found


Listing = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listing)]
Roots = Annotated[
    tuple[Annotated[Path, AfterValidator(_root)], ...], NoDecode, BeforeValidator(_listing)
]
# Decoded here, because what the library says of JSON that is none names neither value nor remedy.
PriceTable = Annotated[dict[str, Price], NoDecode, BeforeValidator(_price_table)]


def _file(settings_cls: type[BaseSettings]) -> TomlConfigSettingsSource:
    """What the operator's file says.

    Raises:
        InvalidSettings: it cannot be read.
    """
    file = config_file()
    try:
        return TomlConfigSettingsSource(settings_cls, toml_file=file)
    except (OSError, ValueError) as error:
        raise InvalidSettings(
            f"the settings in {file} cannot be read: {error}; correct the file, or name another "
            "one in MCP_AUTOML_CONFIG"
        ) from error


class Settings(BaseSettings):
    """One workspace's settings."""

    # Ignored if empty: a variable that is set to nothing stands for the default.
    model_config = SettingsConfigDict(
        env_prefix="MCP_AUTOML_", env_ignore_empty=True, extra="ignore", frozen=True
    )

    home: Path = Field(default_factory=lambda: platformdirs.user_data_path(APP))
    """The workspace: study database, MLflow store, models, logs. One per user."""
    data_dir: Path | None = None
    """Where data sets are kept; `<home>/data` when not set."""
    max_parallel_trials: int = Field(default=3, ge=1, le=64)
    """Slots: how many jobs run at once."""
    gpu_usd_per_hour: Price = 0.25
    """Of a whole GPU; a slot costs its share of it. `domain/prices.py` has the rule."""
    cpu_usd_per_core_hour: Price = 0.05
    gpu_prices: PriceTable = Field(default_factory=dict)
    """Dollars per hour of GPUs by their names, where they differ from `gpu_usd_per_hour`."""
    data_roots: Roots = ()
    """Folders whose files and folders agents may name, as a trainer's text or model."""
    allowed_models: Listing = ()
    """Patterns of names that agents may pass, such as `openai-community/*`."""
    idle_seconds: float = Field(default=60.0, ge=0, le=86_400)
    """How long an orchestrator without work waits for more before it leaves."""
    trial_stall_timeout_s: float = Field(default=900.0, ge=10, le=604_800)
    """How long a training may show no sign of work before it is ended and tried again."""
    trial_timeout_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """How long a trial may train before it is ended as failed; no limit when not set."""
    keep_models: int = Field(default=3, ge=0, le=10_000)
    """Of how many of a study's best trials the models are kept."""
    log_models: bool = True
    """Whether the best one is logged to MLflow when its study is COMPLETE."""
    mlflow_tracking_uri: str | None = Field(
        default=None,
        validation_alias=AliasChoices("MLFLOW_TRACKING_URI", "mlflow_tracking_uri"),
    )
    """Where runs are tracked; a SQLite file in the workspace when not set."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings, env_settings, _file(settings_cls))

    @property
    def workspace(self) -> Path:
        """`home` as an absolute path: the orchestrator's working directory is another one."""
        return self.home.expanduser().absolute()

    @property
    def database(self) -> Path:
        return self.workspace / "automl_studies.db"

    @property
    def orchestrator_lock(self) -> Path:
        """Locked for as long as an orchestrator lives."""
        return self.workspace / "orchestrator.lock"

    @property
    def orchestrator_log(self) -> Path:
        return self.workspace / "logs" / "orchestrator.log"

    @property
    def studies_dir(self) -> Path:
        """One folder per study, named by its id."""
        return self.workspace / "studies"

    @property
    def exports_dir(self) -> Path:
        """Where studies are written to."""
        return self.workspace / "exports"

    @property
    def data_path(self) -> Path:
        chosen = self.data_dir.expanduser().absolute() if self.data_dir else None
        return chosen or self.workspace / "data"

    @property
    def tracking_uri(self) -> str:
        return self.mlflow_tracking_uri or self._own_tracking_uri

    @property
    def has_own_tracking_store(self) -> bool:
        """Whether no other workspace's runs can be where this one's are."""
        return self.tracking_uri == self._own_tracking_uri

    @property
    def tracking_origin(self) -> str:
        """Tells this workspace's studies from equally named ones of others on one server."""
        return "" if self.has_own_tracking_store else f"{gethostname()}:{self.workspace}"

    @property
    def _own_tracking_uri(self) -> str:
        return f"sqlite:///{self.workspace / 'mlflow.db'}"

    @property
    def models(self) -> Policy:
        return Policy(most=self.keep_models, logged=self.log_models)

    @property
    def prices(self) -> Prices:
        return Prices(
            gpu_usd_per_hour=self.gpu_usd_per_hour,
            cpu_usd_per_core_hour=self.cpu_usd_per_core_hour,
            gpu_prices=self.gpu_prices,
        )

    def prices_under(self, holding: Mapping[str, str]) -> Prices:
        """What an orchestrator charges that runs under these settings, by their variables' names.

        Ours hold where it has none.
        """
        held = {**self.as_environment(), **holding}
        return Prices(
            gpu_usd_per_hour=float(held["MCP_AUTOML_GPU_USD_PER_HOUR"]),
            cpu_usd_per_core_hour=float(held["MCP_AUTOML_CPU_USD_PER_CORE_HOUR"]),
            gpu_prices=json.loads(held["MCP_AUTOML_GPU_PRICES"]),
        )

    @property
    def limits(self) -> Limits:
        return Limits(stall_s=self.trial_stall_timeout_s, trial_s=self.trial_timeout_s)

    def as_environment(self) -> dict[str, str]:
        """These settings as the variables that give an orchestrator the same ones."""
        timeout = self.trial_timeout_s
        return {
            "MCP_AUTOML_HOME": str(self.workspace),
            "MCP_AUTOML_DATA_DIR": str(self.data_path),
            "MCP_AUTOML_MAX_PARALLEL_TRIALS": str(self.max_parallel_trials),
            "MCP_AUTOML_GPU_USD_PER_HOUR": repr(self.gpu_usd_per_hour),
            "MCP_AUTOML_CPU_USD_PER_CORE_HOUR": repr(self.cpu_usd_per_core_hour),
            "MCP_AUTOML_GPU_PRICES": json.dumps(self.gpu_prices, sort_keys=True),
            "MCP_AUTOML_IDLE_SECONDS": repr(self.idle_seconds),
            "MCP_AUTOML_TRIAL_STALL_TIMEOUT_S": repr(self.trial_stall_timeout_s),
            "MCP_AUTOML_TRIAL_TIMEOUT_S": "" if timeout is None else repr(timeout),
            "MCP_AUTOML_KEEP_MODELS": str(self.keep_models),
            "MCP_AUTOML_LOG_MODELS": str(self.log_models).lower(),
            "MLFLOW_TRACKING_URI": self.tracking_uri,
        }


def variables() -> frozenset[str]:
    """The names of all environment variables that are settings."""
    prefix = Settings.model_config.get("env_prefix", "")
    ours = {f"{prefix}{name.upper()}" for name in Settings.model_fields}
    return frozenset(ours - {f"{prefix}MLFLOW_TRACKING_URI"} | {"MLFLOW_TRACKING_URI"})
