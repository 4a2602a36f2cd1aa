"""`hotswap-host prove CAMPAIGN`. Each campaign is imported when it is called for."""

from __future__ import annotations

import importlib

import click

# campaign: one line of help; its module here has the same name and offers `command`
CAMPAIGNS = {
    "alternations": "Two kernels take turns under programs that work, and nothing grows.",
    "cards": "Insert and pull cards under a guest that polls them: nothing is left.",
    "cancellations": "Cancel the coordinator at each of its checkpoints.",
    "instructions": "Stop a blackout after each block of instructions and roll it back.",
    "faults": "Let everything go wrong in every phase of a switchover.",
    "kills": "SIGKILL hosts between R1 and release: nothing is lost or doubled.",
    "snapshots": "Restore a run at many instants: it ends the same.",
    "kernels": "Kernels with random structures take each other's place.",
    "elf": "Change cards in machine code at random: only the documented errors come out.",
    "maps": "Change maps and images at random: both readers agree.",
}


class Campaigns(click.Group):
    """The campaigns of the table above."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table."""
        return list(CAMPAIGNS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the one that is wanted."""
        if cmd_name not in CAMPAIGNS:
            return None
        command: click.Command = importlib.import_module(f"hotswap.host.prove.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List them without importing any."""
        with formatter.section("Campaigns"):
            formatter.write_dl(list(CAMPAIGNS.items()))


@click.group("prove", cls=Campaigns, subcommand_metavar="CAMPAIGN [OPTIONS]...")
def prove_command() -> None:
    """Put what is promised to the test, for as long as you like.

    Every campaign takes --count, --seed and --json. Its status is 0 only when all held; Ctrl-C
    ends it with a summary of what was done so far and status 130.
    """
