"""What one can do with untrain: one public function per file."""
