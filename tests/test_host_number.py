"""Numbers on the command line."""

import click
import pytest
from click.testing import CliRunner

from hotswap.host.number import Number


@click.command()
@click.option("--seconds", type=Number(min=0, min_open=True))
def command(seconds: float | None) -> None:
    click.echo(f"{seconds}")


@pytest.mark.parametrize("text", ["nan", "-nan", "NaN", "0", "-1", "x"])
def test_what_is_no_number_of_the_range_is_refused(text: str) -> None:
    result = CliRunner().invoke(command, ["--seconds", text])
    assert result.exit_code == 2
    assert "Invalid value for '--seconds'" in result.output


@pytest.mark.parametrize(("text", "number"), [("1.5", "1.5"), ("inf", "inf")])
def test_a_number_is_taken(text: str, number: str) -> None:
    assert CliRunner().invoke(command, ["--seconds", text]).output == f"{number}\n"


def test_an_option_that_is_not_given_has_none() -> None:
    assert CliRunner().invoke(command, []).output == "None\n"
