"""The command line: quick help, one sentence on errors, exit statuses."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import entry_points

import pytest
from meterhub_sdk.tools.cli import main

COMMANDS = ["new", "check", "build", "sign", "new-key", "simulate-line"]


@pytest.mark.parametrize("arguments", [["--help"], *([command, "--help"] for command in COMMANDS)])
def test_help_loads_neither_cryptography_nor_the_rooms_of_the_commands(arguments):
    program = (
        "import sys\nfrom meterhub_sdk.tools.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "heavy = {'joserfc', 'cryptography', 'meterhub_sdk.signing', 'meterhub_sdk.tools.new',"
        " 'meterhub_sdk.tools.check', 'meterhub_sdk.tools.build', 'meterhub_sdk.tools.keys',"
        " 'meterhub_sdk.simulation'}\n"
        "print(sorted(heavy & sys.modules.keys()), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"
    assert "usage: meterhub-sdk" in done.stdout


def test_the_installed_command_is_this_one():
    (point,) = entry_points(group="console_scripts", name="meterhub-sdk")
    assert point.load() is main


def test_no_command_is_wrong_usage(capsys):
    assert main([]) == 2
    shown = capsys.readouterr().err
    assert all(command in shown for command in COMMANDS)


@pytest.mark.parametrize("arguments", [["nothing"], ["new"], ["build", "--key", "a", "--unsigned"], ["sign", "a.whl"]])
def test_wrong_usage_has_the_status_two(arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


FAILING = [
    (["new", "meterhub-losses"], "meterhub-losses is kept for Meterhub's own plugins"),
    (["check", "nowhere"], "nowhere has no pyproject.toml"),
    (["sign", "nowhere.whl", "--key", "nowhere.pem"], "nowhere.pem: No such file or directory"),
    (["new-key", "nowhere/my-key.pem", "--kid", "a", "--name", "A"], "my-key.pem: No such file or directory"),
]


@pytest.mark.parametrize(("arguments", "sentence"), FAILING)
def test_what_cannot_be_done_is_one_sentence_with_the_status_one(tmp_path, monkeypatch, capsys, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("meterhub-sdk: ")
    assert shown.err.count("\n") == 1
    assert sentence in shown.err


def test_findings_are_lines_for_people_and_json_for_programs(checkout, capsys):
    assert main(["check", str(checkout.directory)]) == 0
    assert capsys.readouterr().out == "nothing to mend\n"
    checkout.write("src/acme_losses/more.py", "import meterhub\n\nimport rich\n")
    assert main(["check", str(checkout.directory)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[0] for line in lines] == ["src/acme_losses/more.py:1", "src/acme_losses/more.py:3"]
    assert main(["check", str(checkout.directory), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)["findings"]
    assert [f"{f['file']}:{f['line']}: {f['message']}" for f in found] == lines
