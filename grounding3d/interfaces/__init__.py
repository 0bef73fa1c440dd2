"""Command line and other faces; nothing imports this package."""
