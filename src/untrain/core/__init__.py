"""The vocabulary: records, roles, spellings, errors."""
