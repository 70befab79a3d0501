"""An analyst's limits: the file `limits.yaml`, and what it makes of a flight's market."""
