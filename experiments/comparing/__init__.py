"""Plans and runs side by side, and a plan beside what then happened."""
