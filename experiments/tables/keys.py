"""What a row of the tables is of."""

ITEM = ["promotion_id", "placement_id", "segment_id"]  # a line item
