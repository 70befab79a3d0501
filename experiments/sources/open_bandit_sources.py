"""What `sources.json` says of the Open Bandit logs."""

from __future__ import annotations

SOURCES = {
    "about": (
        "Samples of the Open Bandit data (Saito, Aihara, Matsutani and Narita 2021), 10,000 rows "
        "each, as distributions of obp carry them for tests: items that a fashion shop showed in "
        "one week of November 2019 and whether they were clicked, chosen uniformly at random "
        "(random) or by Bernoulli Thompson sampling (bts), in the campaigns all, men and women. "
        "The distribution states a licence for its code; for these data it states none: use them "
        "for tests, do not pass them on."
    ),
    "log.decision_id": "data: place of the row in the file, from 0",
    "log.action": "data: item_id",
    "log.reward": "data: click, 0 or 1",
    "log.propensity": "data: propensity_score, of this item at this position",
    "log.timestamp": "data: UTC",
    "log.x_position": "data: place on the page, 1 to 3; each is a decision of its own here",
    "log.x_user_feature_*": "data: hashed by the publisher; user-item affinities are left out",
    "action_features.a_item_feature_*": (
        "data: hashed by the publisher; item_feature_0, a number, is left out, as items that agree "
        "in all columns form one category"
    ),
    "policy.probability": "given: a table by item and position, written out for every decision",
}
