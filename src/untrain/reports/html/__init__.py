"""The page: charts, tables, template."""
