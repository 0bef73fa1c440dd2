"""Fitting the covariance of positions."""
