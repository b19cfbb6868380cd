"""What everything is written in: specs and their spelling, discovery, errors, seeds, counting of cost, number formats."""
