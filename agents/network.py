"""Networks that set prices: one that treats promotions alike, and a plain one for comparison."""

from abc import abstractmethod

import torch
from torch import nn

from promopilot.agents.statistics import FEATURES, LIVE, ObservationStatistics

_LIMIT = 5.0  # standard deviations beyond which an entry is clipped
# Width of the two hidden layers of stable-baselines3's `MlpPolicy`.
_MLP_WIDTH = 64
NETWORKS = ("equivariant", "mlp")


class ActorCritic(nn.Module):
    """Action means and value features from raw observations; what trainer and policy rely on.

    Args:
        statistics: Scale of the observations.
        num_promotions: P.
    """

    latent_dim_vf: int

    def __init__(self, statistics: ObservationStatistics, num_promotions: int) -> None:
        super().__init__()
        self.num_globals = statistics.num_globals
        self.latent_dim_pi = 1 + 2 * num_promotions
        self.register_buffer("mean", torch.from_numpy(statistics.mean), persistent=False)
        self.register_buffer("sd", torch.from_numpy(statistics.sd), persistent=False)

    def forward(self, observed: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Action means `[B, 1 + 2 P]` and value features `[B, latent_dim_vf]`."""
        return self.forward_actor(observed), self.forward_critic(observed)

    @abstractmethod
    def forward_actor(self, observed: torch.Tensor) -> torch.Tensor:
        """Action means `[B, 1 + 2 P]` of observations `[B, G + FEATURES P]`."""

    @abstractmethod
    def forward_critic(self, observed: torch.Tensor) -> torch.Tensor:
        """Value features `[B, latent_dim_vf]`."""

    def parts(self, observed: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Standardised globals `[B, G]` and promotions `[B, P, FEATURES]`; live `[B, P, 1]`."""
        at = self.num_globals
        each = observed[:, at:].reshape(len(observed), -1, FEATURES)
        live = each[:, :, LIVE : LIVE + 1]
        globals_ = (observed[:, :at] - self.mean[:at]) / self.sd[:at]  # type: ignore[index]
        each = (each - self.mean[at:]) / self.sd[at:]  # type: ignore[index]
        return globals_.clamp(-_LIMIT, _LIMIT), each.clamp(-_LIMIT, _LIMIT) * live, live


class PriceNetwork(ActorCritic):
    """Equivariant over promotions: one set of weights, whatever the catalog's size.

    Each promotion's features, with the flight's, go through shared layers; their mean over live
    promotions is the context; each promotion's tilt and toll are read from its own vector and the
    context, the pace from the context (Zaheer et al., Deep Sets, 2017). Permuting promotions
    permutes tilts and tolls.

    Args:
        statistics: Scale of the observations.
        num_promotions: P, of the catalog that it is trained on.
        hidden: Width of hidden layers.
    """

    def __init__(self, statistics: ObservationStatistics, num_promotions: int, hidden: int) -> None:
        super().__init__(statistics, num_promotions)
        self.latent_dim_vf = 2 * hidden
        self.actor = _SetEncoder(self.num_globals, hidden)
        self.critic = _SetEncoder(self.num_globals, hidden)
        self.own = nn.Linear(hidden, hidden)
        self.shared = nn.Linear(2 * hidden, hidden)
        self.prices = _silent(hidden, 2)
        self.pace = nn.Sequential(nn.Linear(2 * hidden, hidden), nn.ReLU(), _silent(hidden, 1))

    def forward_actor(self, observed: torch.Tensor) -> torch.Tensor:
        """See `ActorCritic`; promotions that are not live have tilt and toll 0."""
        globals_, features, live = self.parts(observed)
        each, context = self.actor(globals_, features, live)
        mixed = torch.relu(self.own(each) + self.shared(context).unsqueeze(1))
        tilt, toll = (self.prices(mixed) * live).unbind(dim=-1)
        return torch.cat([self.pace(context), tilt, toll], dim=-1)

    def forward_critic(self, observed: torch.Tensor) -> torch.Tensor:
        """See `ActorCritic`."""
        context: torch.Tensor = self.critic(*self.parts(observed))[1]
        return context


class _SetEncoder(nn.Module):
    def __init__(self, num_globals: int, hidden: int) -> None:
        super().__init__()
        # One layer on globals and features together, its globals' part computed once per flight.
        self.of_globals = nn.Linear(num_globals, hidden, bias=False)
        self.of_features = nn.Linear(FEATURES, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.flight = nn.Linear(num_globals, hidden)

    def forward(
        self, globals_: torch.Tensor, features: torch.Tensor, live: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Vectors of promotions `[B, P, hidden]` and of the flight `[B, 2 hidden]`."""
        first = self.of_features(features) + self.of_globals(globals_).unsqueeze(1)
        each = torch.relu(self.second(torch.relu(first))) * live
        mean = each.sum(dim=1) / live.sum(dim=1).clamp(min=1.0)
        return each, torch.cat([mean, torch.relu(self.flight(globals_))], dim=-1)


class FlatNetwork(ActorCritic):
    """The layers of stable-baselines3's `MlpPolicy`, for one size of catalog only."""

    def __init__(self, statistics: ObservationStatistics, num_promotions: int) -> None:
        super().__init__(statistics, num_promotions)
        self.latent_dim_vf = _MLP_WIDTH
        size = self.num_globals + FEATURES * num_promotions
        last = _silent(_MLP_WIDTH, self.latent_dim_pi)
        self.actor = nn.Sequential(*_two_layers(size), last)
        self.critic = nn.Sequential(*_two_layers(size))

    def forward_actor(self, observed: torch.Tensor) -> torch.Tensor:
        """See `ActorCritic`."""
        means: torch.Tensor = self.actor(self._flat(observed))
        return means

    def forward_critic(self, observed: torch.Tensor) -> torch.Tensor:
        """See `ActorCritic`."""
        features: torch.Tensor = self.critic(self._flat(observed))
        return features

    def _flat(self, observed: torch.Tensor) -> torch.Tensor:
        globals_, each, _ = self.parts(observed)
        return torch.cat([globals_, each.flatten(1)], dim=1)


def _two_layers(size: int) -> list[nn.Module]:
    return [
        *(nn.Linear(size, _MLP_WIDTH), nn.Tanh()),
        *(nn.Linear(_MLP_WIDTH, _MLP_WIDTH), nn.Tanh()),
    ]


def _silent(width: int, outputs: int) -> nn.Linear:
    """Says zero before it has learnt anything, so that the first policy is the re-planner."""
    last = nn.Linear(width, outputs)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return last


def make_network(
    kind: str, statistics: ObservationStatistics, num_promotions: int, hidden: int
) -> ActorCritic:
    """A fresh network of one of `NETWORKS`."""
    if kind == "mlp":
        return FlatNetwork(statistics, num_promotions)
    return PriceNetwork(statistics, num_promotions, hidden)
