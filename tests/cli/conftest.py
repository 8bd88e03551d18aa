"""The command line in this process."""

import sys

import pytest

from harness import cli


@pytest.fixture
def fuseproof(monkeypatch, capsys):
    """`fuseproof(*arguments)` runs the command: exit code, output, errors."""

    def command(*arguments):
        monkeypatch.setattr(sys, "argv", ["fuseproof", *arguments])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        captured = capsys.readouterr()
        return stopped.value.code or 0, captured.out, captured.err

    return command
