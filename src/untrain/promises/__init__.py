"""What every method of a role must do: each public function of one parameter, ``made``, is a promise of its type."""
