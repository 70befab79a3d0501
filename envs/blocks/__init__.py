"""Days that are filled block by block, as an ad server fills them, and logs of every choice."""
