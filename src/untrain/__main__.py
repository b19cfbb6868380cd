"""The ``untrain`` command and ``python -m untrain``: what has to stand before anything else is imported."""

from untrain.core.interrupts import stop, stop_in_imports


def main() -> None:
    """Run the command; an interrupt is one line and exit code 130, however early it comes."""
    try:
        stop_in_imports()
        from untrain.commands.cli.app import main as command

        command()
    except KeyboardInterrupt:
        stop()


if __name__ == "__main__":
    from untrain.core.environment import leave_working_folder_out

    leave_working_folder_out()
    main()
