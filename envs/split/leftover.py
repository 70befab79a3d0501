"""What S-shaped line items that are not worth a jump leave, and who makes most of it."""

from numba import njit

from promopilot.envs.arrays import Floats
from promopilot.envs.response import ratio_paid, share_bought
from promopilot.envs.split.curve import ratio_on_envelope
from promopilot.envs.split.day import Day

_HALVINGS = 40


@njit(cache=True, error_model="numpy")
def fill(day: Day, supply: Floats, limit: Floats, bought: Floats, room: Floats) -> None:
    """Take out who is below the jump; give what is left to who makes most of it, one by one."""
    money = day.budget
    for q in range(len(supply)):
        room[q] = supply[q]
        for i in range(day.ends[q], day.ends[q + 1]):
            if bought[i] < day.jump[i] * day.reach[i]:
                bought[i] = 0.0
            room[q] -= bought[i]
            money -= needed(day, i, bought[i])
    for _ in range(len(bought)):
        best, best_pool, most, some = -1, 0, 0.0, 0.0
        for q in range(len(supply)):
            for i in range(day.ends[q], day.ends[q + 1]):
                if bought[i] == 0:
                    tangent = (1 - 1 / day.slope) * day.reach[i]
                    y = affordable(day, i, min(tangent, limit[i], room[q]), money)
                    gain = day.worth[i] * y - day.least * (needed(day, i, y) - day.subsidy[i] * y)
                    if gain > most:
                        best, best_pool, most, some = i, q, gain, y
        if best < 0:
            break
        bought[best] = some
        room[best_pool] -= some
        money -= needed(day, best, some)


@njit(cache=True, error_model="numpy")
def affordable(day: Day, i: int, most: float, money: float) -> float:
    """Most impressions, up to `most`, that a line item can buy with `money`."""
    most = min(most, at_most(day, i, money))
    if most <= 0 or day.subsidy[i] == 0 or needed(day, i, most) <= money:
        return max(most, 0.0)
    low = 0.0
    for _ in range(_HALVINGS):
        middle = (low + most) / 2
        if needed(day, i, middle) <= money:
            low = middle
        else:
            most = middle
    return low


@njit(cache=True, error_model="numpy")
def at_most(day: Day, i: int, money: float) -> float:
    """No more than this many impressions go for `money`, whether spend or subsidy."""
    ratio = money / (day.cost[i] * day.reach[i])
    bought = float(day.reach[i] * share_bought(ratio, day.family, day.slope))
    return min(bought, money / day.subsidy[i]) if day.subsidy[i] > 0 else bought


@njit(cache=True, error_model="numpy")
def needed(day: Day, i: int, bought: float) -> float:
    """Money that the budget pays for impressions of one line item: spend and subsidy."""
    ratio = ratio_paid(bought / day.reach[i], day.family, day.slope)
    return float(day.cost[i] * day.reach[i] * ratio + day.subsidy[i] * bought)


@njit(cache=True, error_model="numpy")
def needed_on_envelope(day: Day, i: int, bought: float) -> float:
    """The same where spend is that of the envelope."""
    ratio = ratio_on_envelope(bought / day.reach[i], day.jump[i], day.family, day.slope)
    return float(day.cost[i] * day.reach[i] * ratio + day.subsidy[i] * bought)
