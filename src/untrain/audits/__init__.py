"""What someone else's code unlearned: files and checkpoints, laid down in the store beside what is our own."""
