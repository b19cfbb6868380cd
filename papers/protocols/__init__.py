"""How often protocols pass perfect models, and fail others: docs/protocols.md has the tables."""
