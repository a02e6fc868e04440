"""HTML pages: one file each, which works offline and loads nothing from elsewhere."""
