"""A scene's report: one HTML file that opens offline."""
