"""The experiments of the DEL paper (arXiv 2412.02432): scenarios, methods, searches, claims, tables and figures."""
