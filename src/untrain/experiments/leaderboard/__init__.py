"""All methods that are found, tuned alike, run on the same requests and ranked; stored rows are ranked beside new ones."""
