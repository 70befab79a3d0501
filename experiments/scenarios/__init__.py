"""What other budgets, targets and limits would mean for a finished run's plan."""
