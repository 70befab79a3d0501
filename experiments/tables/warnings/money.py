"""Money in more than one currency."""

from __future__ import annotations

from promopilot.experiments.config import RunConfig
from promopilot.experiments.tables.parse import Parsed
from promopilot.experiments.tables.schema import CURRENCY, SOURCES_FILE
from promopilot.experiments.tables.warnings.warning import TableWarning, some

_COLUMNS = ("currency", "currency_code", "account_currency")  # no part of the contract, often there


def other_currency(sources: dict[str, str], config: RunConfig) -> list[TableWarning]:
    """Tables that their importer noted in another currency than the config's.

    Args:
        sources: What sources.json says.
        config: Of the run that is to come.
    """
    noted = sources.get(CURRENCY, config.currency)
    if noted == config.currency:
        return []
    return [
        TableWarning(
            *("currency_unlike_config", SOURCES_FILE, CURRENCY, None, 0, None, None),
            f"the tables are in {noted}, and the config's currency is {config.currency}",
            "A run will refuse them: its budget and limits would be in another money",
            f"Set `currency: {noted}` in the config, or import the tables of the other market",
        )
    ]


def several_currencies(performance: Parsed) -> list[TableWarning]:
    """A column of currencies in which not all rows have the same."""
    found = []
    for column, cells in performance.raw.items():
        if str(column).strip().lower().replace(" ", "_") not in _COLUMNS:
            continue
        codes = sorted(cells.dropna().astype("str").str.strip().str.upper().unique())
        if len(codes) > 1:
            said = f"money in {len(codes)} currencies: {some(codes)}"
            means = "A run adds them up as if they were one, and no plan on that would hold"
            mend = "Put each currency into a folder of its own, or convert the money first"
            about = ("several_currencies", performance.file, str(column), None, 0, None, None)
            found.append(TableWarning(*about, said, means, mend))
    return found
