"""``dome channel``: the apps that may bring citizens' reports, and the keys that they sign with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cluster.cli.shell import stderr, stdout

if TYPE_CHECKING:
    from flows.store.channels import ChannelBook

app = typer.Typer(
    no_args_is_help=True, help="Say which apps may bring citizens' reports, and with which keys."
)

Channel = Annotated[str, typer.Argument(metavar="NAME", help="Small letters, digits and -.")]


@app.command()
def add(name: Channel) -> None:
    """Register a channel and print its key, once: nobody is told it again.

    Its requests carry X-Dome-Channel, X-Dome-Timestamp, X-Dome-Nonce and X-Dome-Signature (see
    flows/domain/channels.py). Keys lie in DOME_CHANNELS (below DOME_HOME by default), for their owner only; running
    replicas read it again by themselves.
    """
    key = _book().add(name)
    stderr().print(f"{name} signs with this key; hand it over by a safe way:")
    typer.echo(key)


@app.command()
def renew(name: Channel) -> None:
    """Print another key for a channel; the one before stays good until the next renewal."""
    key = _book().renew(name)
    stderr().print(f"{name} signs with this key from now on; the one before is good until the next renewal:")
    typer.echo(key)


@app.command()
def remove(name: Channel) -> None:
    """End a channel: nothing that it signs is taken any more. Its reports stay."""
    _book().remove(name)
    stderr().print(f"{name} brings no more reports")


@app.command("list")
def list_() -> None:
    """List channels; their keys are not shown."""
    for name, channel in sorted(_book().all().items()):
        stdout().print(f"{name}: {len(channel.keys)} key{'s' if len(channel.keys) > 1 else ''}")


def _book() -> ChannelBook:
    from flows.store.channels import ChannelBook
    from serve.api.config import ApiConfig

    return ChannelBook(ApiConfig.from_env("unix:///nowhere").channels_path)
