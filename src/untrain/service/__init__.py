"""Requests to forget in a queue, week after week: ledger, worker, certificates."""
