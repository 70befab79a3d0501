"""The market against what really happened: fitted up to a date, judged on the weeks after it."""
