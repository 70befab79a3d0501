"""The commented `limits.yaml` that `promopilot init` writes."""

SAMPLE = """\
# Limits that every plan keeps. Amounts are planned media spend, in the currency of config.yaml.
# Take the # off what you need; `promopilot plan RUN --limits FILE` tries another file.

# What is absent stays as config.yaml has it.
# budget:
#   total: 7000            # for the whole flight
#   per_day: {max: 300}    # on any one day
#   covers: [spend]        # or [spend, subsidy]: the discounts of redeemed conversions too

# Least and most of what an entry selects, added together. Select by promotion, placement, segment
# or line_item (promotion/placement/segment): an id, or a pattern with * and ?; with several keys
# all of them must fit.
# bounds:
#   - {promotion: pizza-30, min: 20, max: 60}             # money a day
#   - {promotion: "coffee-*", min: 900, per: flight}      # money over the whole flight
#   - {placement: email, max_share: 0.4}                  # of the day's planned spend
#   - {segment: others, relative: [0.7, 1.3]}             # times what it spends now

# What goes on exactly as it is.
# locks:
#   - {promotion: milk-0}

# Several promotions, placements or segments that share a limit.
# groups:
#   - {promotions: [grill-40, detergent-25], max: 80}

step:
  # A promotion may change by at most 20 % from one day to the next, of the larger of the day
  # before and its equal share of the day's budget: platforms learn anew after larger changes.
  max_change: 0.2
  # A line item's change by less than 5 % of what it spends now is not worth making.
  # min_change: 0.05

# What the whole flight must be expected to return.
# targets: {roas: 2.5}     # conversion value per unit of spend; or cpa: money per conversion

# Share of each day's spend for line items that were never shown, evenly.
# exploration: 0.05

# Days without money.
# blackout:
#   - {placement: email, dates: [2025-05-10, 2025-05-11]}
#   - {promotion: grill-40, from: 2025-05-20, to: 2025-05-31}
"""
