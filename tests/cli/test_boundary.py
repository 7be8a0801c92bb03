"""What every command refuses alike."""

import pytest

from mmbal.cli import cli


@pytest.mark.parametrize("command", cli.list_commands(None))
def test_arguments_that_are_no_utf8_are_named(mmbal, command):
    result = mmbal(command, "r\udcfc")

    assert result.exit_code == 2
    assert result.output.startswith(r"error: b'r\xfc' is not UTF-8")
