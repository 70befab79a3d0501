"""One currency for all money: that of the tables must be the config's."""

from __future__ import annotations

from promopilot.experiments.config import RunConfig
from promopilot.experiments.errors import ConfigError
from promopilot.experiments.tables import Tables
from promopilot.experiments.tables.schema import CURRENCY, SOURCES_FILE


def require_currency(config: RunConfig, tables: Tables) -> None:
    """Refuse tables whose importer noted another currency than the config's.

    Raises:
        ConfigError: Naming both.
    """
    noted = tables.sources.get(CURRENCY, config.currency)
    if noted != config.currency:
        raise ConfigError(
            f"the tables in {tables.folder} are in {noted} ({SOURCES_FILE}), and `$.currency` is "
            f"{config.currency}: set `currency: {noted}`"
        )
