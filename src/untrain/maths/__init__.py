"""Pure functions of arrays; nothing here knows untrain."""
