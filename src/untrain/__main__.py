"""``python -m untrain``."""

from untrain.cli import main

if __name__ == "__main__":
    main()
