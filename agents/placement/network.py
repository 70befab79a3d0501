"""A network that values what could fill a block, treating promotions alike."""

import torch
from torch import nn

from promopilot.envs.views.ad_observation import GLOBAL_NAMES, PROMOTION_NAMES

_GLOBALS, _FEATURES = len(GLOBAL_NAMES), len(PROMOTION_NAMES)
_PROFIT, _COST, _AVAILABLE = (PROMOTION_NAMES.index(n) for n in ("profit", "cost", "available"))
# What cannot be chosen is worth this: far below everything, and no infinity to spoil sums.
UNAVAILABLE = -1e6
# Profits and costs of several units of reward are brought to the size of the other features.
_FEATURE_SCALE = 0.1


class PlacementNetwork(nn.Module):
    """Values of filling the next block with each promotion, or none, from an observation.

    Each promotion's features, with the flight's, go through shared layers; their mean and maximum
    over promotions, with the flight's, are the context (Zaheer et al., Deep Sets, 2017). With
    profit g_i and cost c_i of promotion i's block, in units of reward,

        value_i = level + g_i + added_i - price_i c_i        value_none = level

    where level is read from the context, and added_i and price_i (what money is worth above its
    face value) from promotion i's vector and the context. These last layers start at zero: a fresh
    network takes the most profitable promotion. What is unavailable is worth `UNAVAILABLE`.
    Permuting promotions permutes their values; one set of weights acts on catalogs of any size.

    Args:
        hidden: Width of hidden layers.
        outputs: K values of each action, e.g. quantiles.
        unit: What values are multiplied by.
    """

    def __init__(self, hidden: int, outputs: int = 1, unit: float = 1.0) -> None:
        super().__init__()
        self.hidden, self.outputs, self.unit = hidden, outputs, unit
        self.each = nn.Sequential(
            *(nn.Linear(_GLOBALS + _FEATURES + 2, hidden), nn.ReLU()),
            *(nn.Linear(hidden, hidden), nn.ReLU()),
        )
        self.pooled = nn.Sequential(nn.Linear(_GLOBALS + 2 * hidden, hidden), nn.ReLU())
        self.level = _silent(hidden, hidden, outputs)
        self.beyond = _silent(2 * hidden, hidden, 2 * outputs)

    def forward(self, observed: torch.Tensor) -> torch.Tensor:
        """Values `[B, K (P + 1)]`, K groups of P + 1, of observations `[B, size]`."""
        vectors, context = self._encoded(observed)
        each = _promotions(observed)
        wide = context.unsqueeze(1).expand_as(vectors)
        added, price = self.beyond(torch.cat([vectors, wide], dim=-1)).chunk(2, dim=-1)  # [B, P, K]
        profit, cost = _money(each).unsqueeze(-1).unbind(dim=2)  # [B, P, 1]
        level = self.level(context).unsqueeze(1)  # [B, 1, K]
        free = each[..., _AVAILABLE : _AVAILABLE + 1] > 0
        value = torch.where(free, level + profit + added - price * cost, UNAVAILABLE)
        return (self.unit * torch.cat([value, level], dim=1)).transpose(1, 2).flatten(1)

    def context(self, observed: torch.Tensor) -> torch.Tensor:
        """What the network makes of a whole observation `[B, hidden]`."""
        return self._encoded(observed)[1]

    def _encoded(self, observed: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Vectors of promotions `[B, P, hidden]` and the context `[B, hidden]`."""
        flight, each = observed[:, :_GLOBALS], _promotions(observed)
        wide = flight.unsqueeze(1).expand(-1, each.shape[1], -1)
        vectors = self.each(torch.cat([each, _FEATURE_SCALE * _money(each), wide], dim=-1))
        pooled = torch.cat([vectors.mean(dim=1), vectors.amax(dim=1), flight], dim=-1)
        return vectors, self.pooled(pooled)


def _promotions(observed: torch.Tensor) -> torch.Tensor:
    """[B, P, features] of observations `[B, size]`."""
    return observed[:, _GLOBALS:].reshape(len(observed), -1, _FEATURES)


def _money(each: torch.Tensor) -> torch.Tensor:
    """[B, P, 2] profit and cost in units of reward; both are observed as logarithms."""
    profit, cost = each[..., _PROFIT], each[..., _COST]
    return torch.stack([torch.sign(profit) * torch.expm1(profit.abs()), torch.expm1(cost)], dim=-1)


def _silent(width: int, hidden: int, outputs: int) -> nn.Sequential:
    """Says zero before it has learnt anything."""
    last = nn.Linear(hidden, outputs)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), last)
