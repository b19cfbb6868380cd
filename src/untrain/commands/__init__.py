"""Commands of untrain: one public function per file."""
