"""Models fitted on the log that estimators lean on, each scored where it was not fitted."""
