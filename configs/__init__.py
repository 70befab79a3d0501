"""The recipes that come with promopilot: YAML that overrides typed defaults."""
