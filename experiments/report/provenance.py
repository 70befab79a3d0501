"""With what the run was made, so that it can be made again; the only place for raw names."""

from __future__ import annotations

from promopilot.experiments.manifest import versions
from promopilot.experiments.report import evaluation_words, words
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.raw_names import raw_names_of_evaluations
from promopilot.experiments.report.section import Page, Section, day
from promopilot.experiments.seeds import Seeds


def section(page: Page) -> Section:
    """Versions, seeds, dates, digest, seconds, and the raw name of every plain one."""
    run, dates = page.run, page.run.dates
    seeds = Seeds.of(run.config.seed)
    view = {
        "dates": [
            (
                tr("Fitted on"),
                tr("{} up to, not including, {}").format(
                    day(dates.fit_from), day(dates.choose_from)
                ),
            ),
            (
                tr("Chosen on"),
                tr("{} up to, not including, {}").format(day(dates.choose_from), day(dates.start)),
            ),
            (
                tr("Promotions, supply and current mix from"),
                tr("{} up to, not including, {}").format(day(dates.history_from), day(dates.start)),
            ),
            (tr("Flight"), tr("{} to {}").format(day(dates.start), day(dates.last))),
        ],
        "plan_id": str(run.plan["plan_id"].iloc[0]) if len(run.plan) else "",
        "config_digest": run.config_digest,
        "seed": run.config.seed,
        "seeds": seeds.as_dict(),
        "versions": list(versions().items()),
        "stages": [
            (
                words.stage(name),
                name,
                page.numbers.decimal(f"stages:stages.{name}.seconds", seconds, 1),
            )
            for name, seconds in run.seconds.items()
        ],
        "names": _names(page),
    }
    return Section("provenance", tr("Provenance"), "provenance.html", view)


def _names(page: Page) -> list[tuple[str, str]]:
    """Plain name and raw name."""
    run = page.run
    pairs = [(words.policy(name), name) for name in run.simulations["policies"]]
    pairs += [(words.stress(name), name) for name in run.simulations["stress"]]
    pairs += [
        (evaluation_words.estimator(row["estimator"]), row["estimator"])
        for row in run.ope["estimates"]
    ]
    baselines = {"base": "log_loss_base", "predictor": "log_loss"}
    pairs += [(words.baseline(name)[0], baselines.get(name, name)) for name in words.BASELINES]
    pairs += [
        (tr("error per exposure"), "log_loss: mean negative log-likelihood, in nats"),
        (tr("ranking agreement"), "spearman"),
        (tr("typical miss"), "ece: expected calibration error, ten bins"),
        *((tr(plain), f"{name}: {formula}") for name, (plain, formula) in words.BACKTEST.items()),
        *raw_names_of_evaluations(),
        (tr("effect of a word or field"), "Shapley value, in the log of the rate"),
        (tr("words taken out"), "comprehensiveness (ERASER), of 10, 20 and 50 % of the words"),
        (tr("95 % interval"), "percentile bootstrap over flights, or over the log's days"),
        (run.first_event, "clicks"),
        (run.second_event, "conversions"),
        (tr("an exposure"), "impression"),
    ]
    return pairs
