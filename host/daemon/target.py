"""The option by which commands find a running machine: by its control socket or by its name."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import click
from click.core import ParameterSource

F = TypeVar("F", bound=Callable[..., Any])


def control_of(machine: str, runtime: Path | None) -> Path:
    """The control socket of a machine of the daemon. Raises `DaemonError` when it does not run."""
    from .client import nobody, runtime_at
    from .entry import NAME
    from .errors import DaemonError

    place = runtime_at(runtime)
    if NAME.fullmatch(machine) and (control := place.control(machine)).exists():
        return control
    if place.holder() is None:
        raise DaemonError(f"machine {machine!r}: {nobody(place)}")
    raise DaemonError(
        f"machine {machine!r} does not run in {place.path}; `hotswap-host list` says what does"
    )


def machine_option(*, required: bool = True, keeps_runtime: bool = False) -> Callable[[F], F]:
    """`--control SOCKET` and `--machine NAME`: the command gets `control`, a path.

    Without `required` it is None when neither is given. Who names a machine means that, whatever
    HOTSWAP_HOST_CONTROL says. With `keeps_runtime` the command gets `runtime` as well.
    """

    def decorate(command: F) -> F:
        def called(
            context: click.Context,
            /,
            *arguments: Any,
            control: Path | None,
            machine: str | None,
            runtime: Path | None,
            **given: Any,
        ) -> Any:
            if machine is not None:
                if context.get_parameter_source("control") is ParameterSource.COMMANDLINE:
                    raise click.UsageError("--control and --machine name two machines: give one")
                control = control_of(machine, runtime)
            elif control is None and required:
                raise click.UsageError("which machine? give --control SOCKET or --machine NAME")
            if keeps_runtime:
                given["runtime"] = runtime
            return command(*arguments, control=control, **given)

        options = (
            click.option("--control", type=click.Path(path_type=Path), metavar="SOCKET",
                         envvar="HOTSWAP_HOST_CONTROL", help="The machine's control socket."),
            click.option("--machine", metavar="NAME", help="A machine of the daemon."),
            click.option("--runtime", type=click.Path(path_type=Path), metavar="DIR",
                         envvar="HOTSWAP_HOST_RUNTIME", help="The daemon's runtime folder."),
        )  # fmt: skip
        result: Any = click.pass_context(functools.update_wrapper(called, command))
        for option in reversed(options):
            result = option(result)
        return cast("F", result)

    return decorate
