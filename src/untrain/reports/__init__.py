"""From scores to files, tables and one page without a network."""
