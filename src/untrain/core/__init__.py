"""The ground of all packages: specs and their spelling, discovery, errors, seeds, counting of cost, number formats."""
