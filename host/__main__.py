"""The command line: `hotswap-host COMMAND`. Each command is imported when it is called for."""

from __future__ import annotations

import errno
import importlib
import os
import sys
from importlib.metadata import version
from typing import Any

import click

from .exits import Exit, leaves
from .signals import ended_like_ctrl_c

# command: (module, attribute, one line of help); help is here so that --help imports nothing
COMMANDS = {
    "run": ("run", "Boot a machine in the foreground."),
    "switchover": ("remote", "Replace the kernel of a running machine."),
    "history": ("history.command", "List and draw the switchovers there were."),
    "pause": ("remote", "Stop a running machine between two instructions."),
    "continue": ("remote", "Let a paused machine go on."),
    "serve": ("daemon.serve_cli", "Run machines from machine files and look after them."),
    "list": ("daemon.cli", "List the machines of the daemon and how they are."),
    "start": ("daemon.cli", "Start a machine of the daemon."),
    "stop": ("daemon.cli", "End a running machine, or the daemon."),
    "logs": ("daemon.logs", "Show what the daemon, a machine or its guest has said."),
    "keys": ("remote", "Type on a running machine's keyboard."),
    "screen": ("screen_cli", "Show or save what a running machine's monitor shows."),
    "card": ("card_cli", "List, insert, pull and replace the cards of a running machine."),
    "inject": ("inject_cli", "Let things go wrong on a running machine's bus."),
    "info": ("remote", "What this host offers, or how a running machine is."),
    "resume": ("resume", "Go on after the host was killed during a switchover."),
    "snapshot": ("snapshot_cli", "Save a running machine to a file, and run it from there."),
    "ssm": ("ssm", "Look into Save State Maps."),
    "sdk": ("sdk.command", "Make, build, check and try cards of your own."),
    "demo": ("demo", "Replace a kernel and roll one back, in front of you."),
    "prove": ("prove.command", "Put what is promised to the test, at length."),
    "bench": ("bench", "Measure this host, side by side with the bare engine."),
}


class Commands(click.Group):
    """The commands of the table above."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the one that is wanted."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"hotswap.host.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List them without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, row[1]) for name, row in COMMANDS.items()])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("hotswap-host"), prog_name="hotswap-host")
@click.option(
    "--log",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="warning",
    envvar="HOTSWAP_HOST_LOG",
    show_default=True,
    help="What to log to stderr.",
)
@click.option("--log-json", is_flag=True, envvar="HOTSWAP_HOST_LOG_JSON", help="Log JSON lines.")
def main_group(log: str, log_json: bool) -> None:
    """A PC whose cards, and running kernel, can be swapped live.

    Exit status: 0 ok, 1 refused or failed, 2 usage, 3 timeout, 4 guest panic or triple fault,
    5 nothing to resume, 10+n when the guest wrote n to the debug-exit port (0
    stays 0), 130 interrupted.
    """
    from .logs import configure

    configure(log, json=log_json)


def main(argv: list[str] | None = None) -> Any:
    """Run a command; errors that are nobody's surprise become one line and an exit status."""
    try:
        with ended_like_ctrl_c():
            return main_group.main(argv, prog_name="hotswap-host", standalone_mode=False) or 0
    except click.exceptions.Abort:
        return Exit.INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except (Exception, BaseExceptionGroup) as error:
        causes = leaves(error)
        if any(isinstance(cause, KeyboardInterrupt) for cause in causes):
            return Exit.INTERRUPTED
        if any(isinstance(cause, BrokenPipeError | SystemExit) for cause in causes):
            _let_go_of_output()  # its reader is gone, for which rich has SystemExit
            return Exit.FAILED
        from hotswap.bus.errors import HotswapError  # the board is not imported for --help

        if not all(isinstance(cause, HotswapError) or _is_output(cause) for cause in causes):
            raise
        for cause in causes:
            what = str(cause)
            if isinstance(cause, OSError):
                _let_go_of_output()
                what = f"standard output: {cause.strerror}; make room there, or send it elsewhere"
            click.echo(f"hotswap-host: {what}", err=True)
        return Exit.FAILED


def _is_output(error: BaseException) -> bool:
    """Whether this is a write to standard output that failed: everything else names its file."""
    full = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
    return isinstance(error, OSError) and error.errno in full and error.filename is None


def _let_go_of_output() -> None:
    """What cannot be written is not written, so Python does not try again when it ends."""
    null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.dup2(null, 1)
    finally:
        os.close(null)


if __name__ == "__main__":
    sys.exit(main())
