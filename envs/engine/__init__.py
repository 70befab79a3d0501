"""The compiled part of the market: random numbers and one day's arithmetic, flight by flight."""
