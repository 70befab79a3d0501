"""A plan as the bulk files that ad platforms take: daily budgets of campaigns."""
