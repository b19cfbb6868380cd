"""``python -m untrain``."""

from untrain.commands.cli.app import main

if __name__ == "__main__":
    main()
