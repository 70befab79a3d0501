"""A network that values presets of the re-planner, whatever the catalog's size."""

import torch
from torch import nn

from promopilot.agents.statistics import FEATURES, LIVE, ObservationStatistics

_LIMIT = 5.0  # standard deviations beyond which an entry is clipped


class PresetNetwork(nn.Module):
    """Values of presets from raw observations of `BudgetAllocation-v0`.

    Each promotion's features, with the flight's, go through shared layers; mean and maximum over
    live promotions, with the flight's, are valued (Zaheer et al., Deep Sets, 2017): the order of
    promotions does not matter. The last layer starts at zero: of equals the first is taken, which
    is the re-planner.

    Args:
        statistics: Scale of the observations.
        presets: K.
        hidden: Width of hidden layers.
        outputs: Values of each preset, e.g. quantiles.
    """

    def __init__(
        self, statistics: ObservationStatistics, presets: int, hidden: int, outputs: int = 1
    ) -> None:
        super().__init__()
        self.presets, self.hidden, self.outputs = presets, hidden, outputs
        self.num_globals = statistics.num_globals
        self.register_buffer("mean", torch.from_numpy(statistics.mean), persistent=False)
        self.register_buffer("sd", torch.from_numpy(statistics.sd), persistent=False)
        self.each = nn.Sequential(
            *(nn.Linear(self.num_globals + FEATURES, hidden), nn.ReLU()),
            *(nn.Linear(hidden, hidden), nn.ReLU()),
        )
        self.pooled = nn.Sequential(
            *(nn.Linear(self.num_globals + 2 * hidden, hidden), nn.ReLU()),
            *(nn.Linear(hidden, hidden), nn.ReLU()),
        )
        self.value = nn.Linear(hidden, presets * outputs)
        nn.init.zeros_(self.value.weight)
        nn.init.zeros_(self.value.bias)

    def forward(self, observed: torch.Tensor) -> torch.Tensor:
        """Values `[B, outputs K]`, groups of K, of observations `[B, G + FEATURES P]`."""
        at = self.num_globals
        each = observed[:, at:].reshape(len(observed), -1, FEATURES)
        live = each[:, :, LIVE : LIVE + 1]
        flight = ((observed[:, :at] - self.mean[:at]) / self.sd[:at]).clamp(-_LIMIT, _LIMIT)  # type: ignore[index]
        each = ((each - self.mean[at:]) / self.sd[at:]).clamp(-_LIMIT, _LIMIT)  # type: ignore[index]
        wide = flight.unsqueeze(1).expand(-1, each.shape[1], -1)
        vectors = self.each(torch.cat([each, wide], dim=-1)) * live
        mean = vectors.sum(dim=1) / live.sum(dim=1).clamp(min=1.0)
        pooled = self.pooled(torch.cat([mean, vectors.amax(dim=1), flight], dim=-1))
        value: torch.Tensor = self.value(pooled)
        return value
