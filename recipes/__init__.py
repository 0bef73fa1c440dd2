"""Recipes that produce what the package ships. Not part of the installed package."""
