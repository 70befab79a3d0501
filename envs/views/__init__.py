"""The market as others see it: Gymnasium environments, what they observe, and pictures of them."""
