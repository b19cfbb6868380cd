"""The ``untrain`` command and ``python -m untrain``: what has to stand before anything else is imported."""

import os
import sys

from untrain.core.interrupts import stop, stop_in_imports


def main() -> None:
    """Run the command; an interrupt is one line and exit code 130, however early it comes."""
    try:
        _say_starting()
        stop_in_imports()
        from untrain.commands.cli.app import main as command

        command()
    except KeyboardInterrupt:
        stop()


def _say_starting() -> None:
    """Show on a terminal that a command has begun, before imports that take a second; the command renews the line."""
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    if word.isascii() and word.isalpha() and sys.stderr is not None and sys.stderr.isatty():
        os.write(sys.stderr.fileno(), f"untrain {word[:20]}: starting ...".encode())


if __name__ == "__main__":
    from untrain.core.environment import leave_working_folder_out

    leave_working_folder_out()
    main()
