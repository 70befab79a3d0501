"""Plain names of the market's parameters, and what their sources leave unsaid."""

from __future__ import annotations

from promopilot.experiments.report import words
from promopilot.experiments.report.language import tr

# Parameters of the market as `market/sources.json` calls them.
PARAMETERS = {
    "rates": "response rates",
    "rates' uncertainty": "uncertainty of the response rates",
    "rates' random walk": "slow swings of all response rates together",
    "day-to-day noise of rates": "day-to-day swings of all response rates together",
    "drift of promotions": "changes of single promotions during the flight",
    "supply": "exposures that can be bought",
    "own supply": "exposures that each promotion has for itself",
    "weekday season": "weekday pattern",
    "supply level": "exposures that there were before the flight",
    "supply trend": "growth or decline of exposures",
    "day-to-day noise of supply": "day-to-day swings of exposures",
    "supply's random walk": "slow swings of all exposures together",
    "events": "days known to be special",
    "people per segment": "people per segment",
    "current mix": "current mix",
    "saturation": "shape of the response curves",
    "reach": "share of the exposures that one line item can get",
    "price noise": "day-to-day swings of media prices",
    "price level": "level of media prices",
    "fatigue": "people tiring of what they see",
    "fatigue carried in": "how tired people are when the flight begins",
    "delay of conversions": "how late orders are seen",
    "conversions carried in": "orders still to be seen when the flight begins",
    "price": "product price",
    "discount": "discount",
    "margin": "margin",
    "incrementality": "share of orders that the promotion caused",
    "unit_subsidy": "discount that you bear per order",
    "conversion_value": "what a customer pays per order",
    "stock": "stock",
}

# What a parameter's source leaves unsaid.
MEANINGS = {
    "saturation": "Each further unit of money buys fewer new exposures; this says how fast.",
    "price noise": "Prices drift from day to day and come back to their mean.",
    "fatigue": "What the first event's rate is multiplied by, n the exposures per person so far.",
    "fatigue carried in": "Exposures of the last days count when the first day is planned.",
    "weekday season": "How much more or less can be bought on each day of the week.",
    "supply trend": "Growth or decline a day, carried on through the flight.",
    "day-to-day noise of supply": "What weekday and trend leave open, anew every day.",
    "supply's random walk": "Where a season that was never seen may lead; it grows with each day.",
    "rates' random walk": "All rates may rise or fall together over the weeks.",
    "drift of promotions": "A promotion's rate may wander, or fall at once and stay low.",
    "delay of conversions": "Orders come days after the exposure; late ones count for their day.",
    "events": "Holidays and sales that you have marked; they change what can be bought.",
    "incrementality": "The other orders would have been placed anyway.",
}


def plain_parameter(name: str, placements: dict[str, str]) -> str:
    """Plain name of a market parameter.

    Args:
        name: As in `market/sources.json`.
        placements: Text of each placement by its id.
    """
    place = name.removeprefix("price of ")
    if place != name:
        return tr("cost of exposures: {}").format(placements.get(place, place))
    return tr(PARAMETERS[name]) if name in PARAMETERS else words.spaced(name)


def unsaid(name: str) -> str:
    """What a parameter's source leaves unsaid; empty where there is nothing to add."""
    return tr(MEANINGS[name]) if name in MEANINGS else ""
