"""From files, hubs and arrays to examples."""
