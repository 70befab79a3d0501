"""How a policy is trained: flights to learn on, what is aimed at, and the course of training."""
