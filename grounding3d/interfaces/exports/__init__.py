"""A scene in other programs' file formats: one file a format."""
