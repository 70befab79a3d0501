"""How far an evaluation may be trusted: diagnostics, the verdict, and the test to run next."""
