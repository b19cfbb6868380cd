"""How often `untrain forget --method auto` meets the gap that it states, once models are trained without the rows."""
