"""What of a folder of tables is new to an earlier model, what is old, and what judges either.

By days, new rows are those after the last day that the earlier model has used: the last of them
are held back for the scores where enough are left, those before them choose, the others are learnt
from. Old days that judged the earlier model, or one that it comes from, judge again and are never
learnt from in between. By group the same rule holds for groups instead of days.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from promopilot.experiments.config import RunConfig
from promopilot.experiments.dates import CHOOSE_SHARE, Dates, resolve_dates
from promopilot.experiments.errors import ConfigError
from promopilot.experiments.parts import CHOOSE_SALT, TEST_SALT, rows_of, split_by
from promopilot.experiments.tables import Tables, read_tables
from promopilot.experiments.tables.keys import ITEM

if TYPE_CHECKING:
    from promopilot.predictors import PredictorSettings, Rows
    from promopilot.predictors.dataset import Masks
    from promopilot.predictors.earlier import Earlier
    from promopilot.predictors.predictor import Predictor
    from promopilot.predictors.replay import History

_WEEK = 7  # of new days choose at least so many where as many are left: weekdays differ


@dataclass(frozen=True)
class Continuation:
    """What a fit goes on with."""

    history: History
    test: Rows | None  # new rows that neither model has used; None where none are left


def continuation(
    tables: Tables, earlier: Earlier, settings: PredictorSettings, config: RunConfig
) -> Continuation:
    """Parts rows by age and by purpose.

    Args:
        tables: today's, with the days that the earlier model has used.
        earlier: the model to go on from.
        settings: its settings, as they go on.
        config: `split` and `flight` as for a fit; dates that are told are of the new rows.

    Raises:
        ContinuationError: nothing is new, or nothing that is needed is old.
        ConfigError: the config's dates do not fit the new rows.
    """
    from promopilot.predictors.replay import History
    from promopilot.predictors.splits import held_out

    rows = rows_of(tables, tables.performance, settings)
    is_new = earlier.is_new(rows)
    by_group = split_by(config.split, tables) == "group" and config.flight.start is None
    if by_group:
        tested = held_out(rows, config.split.test_share, TEST_SALT)
        chosen = held_out(rows, config.split.choose_share, CHOOSE_SALT)
        is_test, new_choose, usable = tested & is_new, chosen & is_new, ~tested
    else:
        dates = _dates(config, rows.day[is_new], earlier)
        if tables.readings is not None:
            tables = tables.known_on(dates.start)
            rows = rows_of(tables, tables.performance, settings)
            is_new = earlier.is_new(rows)
        start = _number(dates.start)
        is_test = is_new & (rows.day >= start) & (rows.day <= _number(dates.last))
        new_choose = rows.day >= _number(dates.choose_from)
        usable = rows.day < start
        if config.split.fit_from is not None:
            usable &= rows.day >= _number(config.split.fit_from)
    is_choose = new_choose | _judged_before(rows, earlier, config)
    history = History(_weighed(rows.pick(usable)), is_new[usable], is_choose[usable])
    _check(history, earlier)
    return Continuation(history, rows.pick(is_test) if is_test.any() else None)


def with_replay(tables: Tables, folder: Path) -> Tables:
    """Returns the tables with what only those of an older folder hold.

    Of a day and line item, and of a promotion, that both know, today's counts.

    Raises:
        DataError: the older tables break the contract.
    """
    older = read_tables(folder)
    keys = {"promotions": "promotion_id", "placements": "placement_id", "segments": "segment_id"}
    joined: dict[str, Any] = {
        name: _joined(getattr(tables, name), getattr(older, name), [key])
        for name, key in keys.items()
    }
    day = ["date", *ITEM]
    joined["performance"] = _joined(tables.performance, older.performance, day)
    if tables.readings is not None or older.readings is not None:
        own, theirs = (
            each.performance if each.readings is None else each.readings for each in (tables, older)
        )
        joined["readings"] = _joined(own, theirs, day)
    return replace(tables, **joined)


def scores_of_both(earlier: Predictor, kept: Predictor, test: Rows) -> dict[str, Any]:
    """Log-loss of the earlier model and of the kept one on rows that neither has used.

    Args:
        earlier: the earlier model.
        kept: what was kept.
        test: the rows.

    Returns:
        For `all` rows, for those of `known_texts` that the earlier model had learnt and of
        `new_texts`, where there are any: `earlier`, `kept` (nats per impression), `impressions`.
    """
    from promopilot.predictors.counts import StageCounts
    from promopilot.predictors.scores import log_loss

    counts = StageCounts.of(test)
    rates = [predictor.predict(test).last for predictor in (earlier, kept)]
    is_new = earlier.features(test).is_new_text
    told = {}
    for name, chosen in (
        ("all", np.ones(len(test), dtype=np.bool_)),
        ("known_texts", ~is_new),
        ("new_texts", is_new),
    ):
        shown = counts.last_trials[chosen]
        if shown.sum() > 0:
            losses = [
                log_loss(rate[chosen], shown, counts.last_successes[chosen]) for rate in rates
            ]
            told[name] = {
                "earlier": losses[0],
                "kept": losses[1],
                "impressions": int(test.impressions[chosen].sum()),
            }
    return told


def told_of(continued: dict[str, Any]) -> str:
    """What became of a fit that went on, in a few lines.

    Args:
        continued: as in metrics.json.
    """
    from promopilot.predictors.model_card import KEPT

    lines = [KEPT[continued["kept"]].format(share=continued["share"])]
    scores = {
        "old choose rows": continued["old"],
        "new choose rows": continued["new"],
        "test rows": continued.get("test", {}).get("all"),
    }
    for rows, losses in scores.items():
        if losses is not None:
            change = losses["kept"] / losses["earlier"] - 1.0
            lines.append(
                f"Log-loss on {rows}: {losses['earlier']:.6f} before, {losses['kept']:.6f} now "
                f"({change:+.2%})"
            )
    return "\n".join(lines)


def _dates(config: RunConfig, days: Any, earlier: Earlier) -> Dates:
    """The dates of the new rows; without a `flight.start` the last of many are the test part."""
    from promopilot.predictors.errors import ContinuationError

    first, last = (_day(number) for number in (days.min(), days.max()))
    start = config.flight.start
    if start is not None and start <= first:
        raise ConfigError(
            f"`$.flight.start` is {start}, but the earlier model has seen the days before "
            f"{first}: give a later start, or leave it out"
        )
    if start is None and (last - first).days + 1 >= 2 * config.flight.days:
        start = last - timedelta(days=config.flight.days - 1)
    end = min(start or last + timedelta(days=1), last + timedelta(days=1))
    new = (end - max(first, config.split.fit_from or first)).days
    if new < 2:
        raise ContinuationError(
            f"Only the day {first} is new: one day must be learnt from and another must judge, so "
            "give later rows too."
        )
    held = max(new // CHOOSE_SHARE, min(_WEEK, new // 2))
    choose_from = config.split.choose_from or end - timedelta(days=held)
    told = config.model_copy(
        update={
            "flight": config.flight.model_copy(update={"start": start}),
            "split": config.split.model_copy(update={"choose_from": choose_from}),
        }
    )
    return resolve_dates(told, pd.DataFrame({"date": pd.to_datetime([first, last])}))


def _judged_before(rows: Rows, earlier: Earlier, config: RunConfig) -> Masks:
    """Which rows [R] judged the earlier model, or one that it comes from."""
    from promopilot.predictors.judged import has_judged
    from promopilot.predictors.splits import held_out

    found = has_judged(rows, earlier.predictor.record)
    if found is None:  # its groups were not recorded: those that fall as they did then
        old = ~earlier.is_new(rows)
        found = held_out(rows, config.split.choose_share, CHOOSE_SALT) & old
    return found


def _check(history: History, earlier: Earlier) -> None:
    from promopilot.predictors.errors import ContinuationError
    from promopilot.predictors.vocabulary import digest_of

    data = earlier.predictor.record["data"]
    mend = "give a folder with the older days too, or name one that has them with --replay"
    old = history.part(new=False, choose=False)
    known = set(earlier.predictor.vocabulary.texts)
    texts = old.promotions.text[np.unique(old.promotion)]
    if not any(digest_of(str(text)) in known for text in texts):
        raise ContinuationError(
            "The tables hold nothing that the earlier model has learnt (from "
            f"{data['fit']['from']} to {data['fit']['to']}), so that it would be forgotten: {mend}."
        )
    if not len(history.part(new=False, choose=True)):
        raise ContinuationError(
            f"The tables hold nothing of {data['choose']['from']} to {data['choose']['to']} that "
            "judged the earlier model, so that nothing would tell what is forgotten: "
            f"{mend}."
        )
    for choose, what in ((False, "learn from"), (True, "judge by")):
        if not len(history.part(new=True, choose=choose)):
            raise ContinuationError(f"There is nothing new to {what}: give more new rows.")


def _weighed(rows: Rows) -> Rows:
    """The rows with the latest of them counting 1, as when they are read by themselves."""
    return replace(rows, weight=rows.weight / rows.weight.max(initial=1e-300))


def _joined(own: pd.DataFrame, older: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    if own.empty or older.empty:
        return older if own.empty else own
    known = pd.MultiIndex.from_frame(own[key])
    more = older[~pd.MultiIndex.from_frame(older[key]).isin(known)]
    return own if more.empty else pd.concat([more, own], ignore_index=True)


def _day(number: Any) -> date:
    return date(1970, 1, 1) + timedelta(days=int(number))


def _number(day: date) -> int:
    return (day - date(1970, 1, 1)).days
