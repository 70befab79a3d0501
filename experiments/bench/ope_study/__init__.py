"""The study of offline evaluation: whether intervals cover and verdicts decide as they say."""
