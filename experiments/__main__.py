"""`promopilot` and `python -m promopilot.experiments`: the command line."""

import sys


def main() -> None:
    """Runs the command line; ends the process with the exit code of the contract."""
    try:
        from promopilot.experiments.cli.app import app

        app(prog_name="promopilot")
    except KeyboardInterrupt:  # before a command had begun
        print("promopilot: interrupted; nothing was begun", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
