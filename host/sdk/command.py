"""`hotswap-host sdk new|build|check|run`: a card author's tools."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import click
import msgspec

from hotswap.host.card_cli import sandbox_option, set_option
from hotswap.host.exits import Exit
from hotswap.host.json_command import JsonGroup, print_json
from hotswap.host.remote import json_option

from .options import Given, InOrder
from .project import LANGUAGES, Language, new_project
from .toolchain import NAMES, find_compiler

some_path = click.Path(path_type=Path)


@click.group("sdk", cls=JsonGroup)
def sdk_command() -> None:
    """Make a card, build it, see what it is, and try it on a board without a guest."""


def answer(
    work: Callable[[], Any],
    in_json: bool,
    show: Callable[[Any], None],
    wrong: Callable[[Any], str | None] = lambda result: None,
) -> int:
    """Do `work` and print what it returns, and what is `wrong` with it; the exit status."""
    result = work()
    error = wrong(result)
    if in_json:
        why = {"error": error, "todo": None} if error else {}
        print_json({"ok": not error, **why, "result": msgspec.to_builtins(result)})
    else:
        show(result)
    return Exit.FAILED if error else Exit.OK


@sdk_command.command("new")
@click.argument("name")
@click.option("--lang", type=click.Choice(LANGUAGES), default="c", show_default=True,
              help="What the card is written in; python makes a distribution.")  # fmt: skip
@click.option("--into", type=some_path, default=Path(), metavar="DIR",
              help="The folder to make it in.  [default: here]")  # fmt: skip
@json_option
def new(name: str, lang: Language, into: Path, in_json: bool) -> int:
    """Make the folder NAME with a card that builds, its README and its tests."""

    def work() -> dict[str, Any]:
        made = new_project(name, lang, into)
        files = sorted(str(file.relative_to(made)) for file in made.rglob("*") if file.is_file())
        return {"folder": str(made), "lang": lang, "files": files}

    def show(made: dict[str, Any]) -> None:
        click.echo(f"{made['folder']}: {', '.join(made['files'])}")
        step = "pip install -e '.[test]'" if lang == "python" else "hotswap-host sdk build"
        click.echo(f"next: cd {made['folder']} && {step} && pytest")

    return answer(work, in_json, show)


@sdk_command.command("build")
@click.argument("sources", type=some_path, nargs=-1, metavar="[DIR|FILE...]")
@click.option("--cc", type=click.Choice(NAMES),
              help="The compiler.  [default: the first of them that is there]")  # fmt: skip
@click.option("-o", "--output", type=some_path, metavar="FILE.o",
              help="The object.  [default: named after the folder, or the first file]")  # fmt: skip
@json_option
def build_(sources: tuple[Path, ...], cc: str | None, output: Path | None, in_json: bool) -> int:
    """Build one relocatable object from the sources in DIR, by default here, or from FILEs."""
    from .build import Built, build, sources_of

    def work() -> Built:
        files, root, usual = sources_of(sources or (Path(),))
        return build(files, output or usual, find_compiler(cc), root)

    def show(built: Built) -> None:
        if built.warnings:
            click.echo(built.warnings.rstrip(), err=True)
        click.echo(f"{built.file}: {built.size:,} bytes, by {built.compiler} ({built.version})")

    return answer(work, in_json, show)


@sdk_command.command("check")
@click.argument("file", type=some_path, metavar="FILE.o")
@json_option
def check_(file: Path, in_json: bool) -> int:
    """Say what the card in FILE.o is, or everything that is wrong with it. No code of it is run."""
    from .check import Checked, check, words

    def show(found: Checked) -> None:
        for fault in found.faults:
            click.echo(f"hotswap-host: {fault}", err=True)
        for title, text in words(found.card) if found.card else ():
            click.echo(f"{title:<10} {text}")

    return answer(lambda: check(file), in_json, show, lambda found: "; ".join(found.faults))


@sdk_command.command("run", cls=InOrder)
@click.argument("card", metavar="FILE.o|CARD")
@set_option
@click.option("--in", "in_", multiple=True, metavar="PORT[:WIDTH]",
              help="An IN of 1, 2 or 4 bytes; repeatable, as the next ones, in order.")  # fmt: skip
@click.option("--out", multiple=True, metavar="PORT=VALUE[:WIDTH]", help="An OUT.")
@click.option("--wait", multiple=True, metavar="TIME",
              help="Let machine time pass: 20 (ms), 5us, 1s.")  # fmt: skip
@click.option("--input", multiple=True, metavar="TEXT",
              help="Bytes for the card's connector; \\n, \\x41 and so on.")  # fmt: skip
@click.option("--script", type=click.File(encoding="utf-8"), metavar="FILE",
              help="Then the steps of a file; - is standard input.")  # fmt: skip
@sandbox_option
@json_option
@click.pass_context
def run_(
    ctx: click.Context, /, card: str, script: TextIO | None, in_json: bool, **given: Any
) -> int:
    """Plug a card into a board without a guest and drive it: cycles, time, input.

    Shows what it answers, its lines, its output, its log and its faults, each at its machine time.
    Without steps it asks for them: `help` lists the words. The status is 1 when the card failed.
    """
    from .bench import Bench, Source, run_bench

    steps = Source(Given(ctx, given).lines(), script)
    settings, sandbox = given["settings"], given["sandbox"]
    show = (lambda event: None) if in_json else click.echo

    def work() -> Bench:
        return run_bench(card, settings, sandbox, steps, show)

    return answer(work, in_json, lambda bench: None, lambda bench: bench.fault)
