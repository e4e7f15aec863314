"""What people put behind sshd: a small command line program in Python, with click."""

import os

import click


@click.group()
def cli() -> None:
    """A platform's commands."""


@cli.command()
def version() -> None:
    """Show the version."""
    click.echo("paas version 0.1.0")


if __name__ == "__main__":
    cli(os.environ.get("SSH_ORIGINAL_COMMAND", "version").split())
