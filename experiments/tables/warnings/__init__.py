"""What is allowed in tables and yet probably not meant, or weakens the plan: warnings."""
