"""Where trials run. The only package that imports ray."""
