"""One file per foreign library; nobody else imports them."""
