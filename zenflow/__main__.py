"""`python -m zenflow` is `zenflow`."""

from zenflow.cli.main import run

if __name__ == "__main__":
    run()
