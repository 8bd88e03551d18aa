"""The time model against published times: prediction, errors, and the fit of its few free parameters."""
