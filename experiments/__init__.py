"""What an analyst runs: tables, config, pipeline, plan, offline evaluation, report, CLI."""
