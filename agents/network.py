"""A network that treats promotions alike: one set of weights, whatever the catalog's size."""

import torch
from torch import nn

from promopilot.envs.views.observation import PROMOTION_NAMES

_FEATURES = len(PROMOTION_NAMES)


class PriceNetwork(nn.Module):
    """Action means and value features from a price-action observation.

    Each promotion's features, with the flight's, go through shared layers; their mean over
    promotions is the context; each promotion's tilt is read from its own vector and the context,
    the pace from the context (Zaheer et al., Deep Sets, 2017). Permuting promotions permutes tilts.

    Args:
        num_globals: Entries of the observation before the promotions.
        num_promotions: P.
        hidden: Width of hidden layers.
    """

    def __init__(self, num_globals: int, num_promotions: int, hidden: int) -> None:
        super().__init__()
        self.num_globals = num_globals
        self.num_promotions = num_promotions
        self.latent_dim_pi = 1 + num_promotions
        self.latent_dim_vf = 2 * hidden
        self.actor = _SetEncoder(num_globals, hidden)
        self.critic = _SetEncoder(num_globals, hidden)
        self.tilt = _silent_head(3 * hidden, hidden)
        self.pace = _silent_head(2 * hidden, hidden)

    def forward(self, observed: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Action means `[B, 1 + P]` and value features `[B, 2 hidden]`."""
        return self.forward_actor(observed), self.forward_critic(observed)

    def forward_actor(self, observed: torch.Tensor) -> torch.Tensor:
        """Action means `[B, 1 + P]` of standardised observations `[B, size]`."""
        each, context = self.actor(*self._parts(observed))
        wide = context.unsqueeze(1).expand(-1, self.num_promotions, -1)
        tilt = self.tilt(torch.cat([each, wide], dim=-1)).squeeze(-1)
        return torch.cat([self.pace(context), tilt], dim=-1)

    def forward_critic(self, observed: torch.Tensor) -> torch.Tensor:
        """Value features `[B, 2 hidden]`."""
        context: torch.Tensor = self.critic(*self._parts(observed))[1]
        return context

    def _parts(self, observed: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        each = observed[:, self.num_globals :].reshape(-1, self.num_promotions, _FEATURES)
        return observed[:, : self.num_globals], each


def _silent_head(width: int, hidden: int) -> nn.Sequential:
    """Says zero before it has learnt anything, so that the first policy is the re-planner."""
    last = nn.Linear(hidden, 1)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(width, hidden), nn.Tanh(), last)


class _SetEncoder(nn.Module):
    def __init__(self, num_globals: int, hidden: int) -> None:
        super().__init__()
        self.each = nn.Sequential(
            nn.Linear(num_globals + _FEATURES, hidden),
            nn.Tanh(),
            nn.Linear(hidden, hidden),
            nn.Tanh(),
        )
        self.flight = nn.Sequential(nn.Linear(num_globals, hidden), nn.Tanh())

    def forward(
        self, globals_: torch.Tensor, each: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        wide = globals_.unsqueeze(1).expand(-1, each.shape[1], -1)
        vectors = self.each(torch.cat([each, wide], dim=-1))
        return vectors, torch.cat([vectors.mean(dim=1), self.flight(globals_)], dim=-1)
