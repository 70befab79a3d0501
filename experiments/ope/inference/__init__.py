"""How sure an estimate is: sums over groups of clusters, bootstrap, influence functions."""
