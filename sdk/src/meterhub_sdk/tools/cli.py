"""The command line ``meterhub-sdk``; each command's room is imported when the command runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, TypeAlias

import meterhub_sdk
from meterhub_sdk.layout import ManifestError
from meterhub_sdk.tools.errors import ToolError

_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
_Group: TypeAlias = argparse._ArgumentGroup
_NO_KEY = (
    "a plugin runs only when it is signed; make a key with: meterhub-sdk new-key my-key.pem --kid my-key-1 "
    '--name "My company", and give it with --key my-key.pem, or leave the wheel unsigned with --unsigned'
)


def main(arguments: list[str] | None = None) -> int:
    """Parse, run, and turn what went wrong into one sentence and the exit status 1 (2: wrong usage)."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if not hasattr(options, "run"):
        parser.print_help(sys.stderr)
        return 2
    try:
        status: int = options.run(options)
        return status
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        said = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    except (ToolError, ManifestError) as error:
        said = str(error)
    print(f"meterhub-sdk: {said}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="meterhub-sdk", description="Start, check, build and sign a plugin for Meterhub.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"meterhub-sdk {meterhub_sdk.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _new_parser(commands)
    _check_parser(commands)
    _build_parser(commands)
    _key_parsers(commands)
    _texts_parser(commands)
    _simulate_parser(commands)
    return parser


def _new_parser(commands: _Commands) -> None:
    new = commands.add_parser("new", help="write a working, tested synthesizer to begin with")
    new.add_argument("name", metavar="NAME", help="of the distribution, beginning with your own, such as acme-losses")
    new.add_argument("--dir", type=Path, default=Path(), help="where to make the directory NAME (here)")
    new.add_argument("--publisher", default="", help="who publishes it, for people")
    new.set_defaults(run=_new)


def _check_parser(commands: _Commands) -> None:
    check = commands.add_parser("check", help="say what would be refused later; exit status 1 with findings")
    check.add_argument("dir", metavar="DIR", type=Path, nargs="?", default=Path(), help="the plugin's checkout (here)")
    check.add_argument("--json", action="store_true", help="print JSON, for programs")
    check.set_defaults(run=_check)


def _build_parser(commands: _Commands) -> None:
    build = commands.add_parser("build", help="check, build a wheel, describe it and sign it")
    build.add_argument("dir", metavar="DIR", type=Path, nargs="?", default=Path(), help="the plugin's checkout (here)")
    build.add_argument("--out", type=Path, help="where to put the wheel (DIR/dist)")
    signing = build.add_mutually_exclusive_group()
    signing.add_argument("--key", type=Path, help="the private key to sign with, as new-key made it")
    signing.add_argument("--unsigned", action="store_true", help="leave the wheel unsigned, for sign to sign it later")
    build.add_argument("--kid", help="the key's name (as in the public half beside the key)")
    build.set_defaults(run=_build)


def _key_parsers(commands: _Commands) -> None:
    sign = commands.add_parser("sign", help="sign built wheels in place")
    sign.add_argument("wheels", metavar="WHEEL", type=Path, nargs="+")
    sign.add_argument("--key", type=Path, required=True, help="the private key to sign with, as new-key made it")
    sign.add_argument("--kid", help="the key's name (as in the public half beside the key)")
    sign.set_defaults(run=_sign)
    key = commands.add_parser("new-key", help="make a publisher's key and its public half")
    key.add_argument("file", metavar="FILE", type=Path, help="for the private key, such as my-key.pem")
    key.add_argument("--kid", required=True, help="the key's name, such as acme-2026")
    key.add_argument("--name", required=True, help="the publisher's name, for people")
    key.set_defaults(run=_new_key)


def _texts_parser(commands: _Commands) -> None:
    texts = commands.add_parser("texts", help="say which texts lack a translation; exit status 1 with findings")
    texts.add_argument("dir", metavar="DIR", type=Path, nargs="?", default=Path(), help="the plugin's checkout (here)")
    texts.add_argument("--language", default="pl", help="code of ISO 639-1 (%(default)s)")
    texts.add_argument("--write", action="store_true", help="add the missing ones to its file, empty, to be filled in")
    texts.set_defaults(run=_texts)


def _simulate_parser(commands: _Commands) -> None:
    line = commands.add_parser("simulate-line", help="be a serial line with true timing and faults, until interrupted")
    line.add_argument("--baud", type=int, default=9600, help="its speed (%(default)s)")
    line.add_argument("--bits", type=int, default=10, help="of a character, all told; 11 with parity (%(default)s)")
    linked = "a symbolic link to make to a pseudo-terminal; again for each party, the master first"
    line.add_argument("--link", metavar="LINK", action="append", help=linked)
    line.add_argument("--echo", action="store_true", help="let each party hear what it sends")
    line.add_argument("--follow", action="store_true", help="let each party have the speed that its program sets")
    line.add_argument("--station", metavar="MODULE:FACTORY", help="what answers on the line, beside the terminals")
    line.add_argument("--arguments", metavar="JSON", default="{}", help="keyword arguments for the factory")
    line.add_argument(
        "--turnaround", metavar="MS", type=float, default=0.0, help="turn-around of the station, in milliseconds"
    )
    line.add_argument(
        "--silence", metavar="N", type=float, default=3.5, help="characters of silence end a frame (%(default)s)"
    )
    _fault_options(line.add_argument_group("faults"))
    line.add_argument("--controlled", action="store_true", help="end with standard input, and answer its lines")
    line.set_defaults(run=_simulate_line)


def _fault_options(group: _Group) -> None:
    rate: dict[str, Any] = {"metavar": "PERCENT", "type": float, "default": 0.0}
    group.add_argument("--loss", **rate, help="of the frames are lost (%(default)s)")
    group.add_argument("--corrupt", **rate, help="of the frames have one to three bytes wrong (%(default)s)")
    group.add_argument("--late", **rate, help="of the replies come late (%(default)s)")
    group.add_argument("--late-by", metavar="S", type=float, default=2.0, help="how late those come (%(default)s)")
    group.add_argument("--foreign", **rate, help="of the requests are followed by a strange frame (%(default)s)")
    group.add_argument("--seed", type=int, default=0, help="another number gives other faults (%(default)s)")


def _new(options: argparse.Namespace) -> int:
    from meterhub_sdk.tools.new import new_plugin

    made = new_plugin(options.name, options.dir, options.publisher)
    print(f"{made} is a working plugin; test it with: cd {made} && pytest")
    return 0


def _check(options: argparse.Namespace) -> int:
    from meterhub_sdk.tools.check import check_plugin

    findings = check_plugin(options.dir)
    if options.json:
        import msgspec

        print(msgspec.json.format(msgspec.json.encode({"findings": findings}), indent=2).decode())
    else:
        print("\n".join(map(str, findings)) or "nothing to mend")
    return 1 if findings else 0


def _texts(options: argparse.Namespace) -> int:
    from meterhub_sdk.tools.texts import compare

    found = compare(options.dir, options.language, write=options.write)
    for what, texts in (("missing", found.missing), ("stale", found.stale)):
        for text in texts:
            print(f"{what}: {text}")
    print(f"{len(found.missing)} missing, {len(found.stale)} stale")
    return 1 if found.missing or found.stale else 0


def _build(options: argparse.Namespace) -> int:
    from meterhub_sdk.tools.build import build
    from meterhub_sdk.tools.check import check_plugin
    from meterhub_sdk.tools.keys import Signer

    if options.key is None and not options.unsigned:
        raise ToolError(_NO_KEY)
    signer = None if options.key is None else Signer.load(options.key, options.kid)
    if findings := check_plugin(options.dir):
        print("\n".join(map(str, findings)))
        raise ToolError(f"nothing was built; mend the {len(findings)} of them first")
    built = build(options.dir, options.out or options.dir / "dist", signer)
    print(built.path)
    if signer is None:
        print("It is not signed and will not run; sign it with: meterhub-sdk sign")
    else:
        print(f"release {built.manifest.digest}, signed with {signer.kid} ({signer.fingerprint})")
    return 0


def _sign(options: argparse.Namespace) -> int:
    from meterhub_sdk.tools.keys import Signer, sign

    signer = Signer.load(options.key, options.kid)
    for path, manifest, described in sign(options.wheels, signer):
        print(f"{path}: release {manifest.digest}, signed with {signer.kid} ({signer.fingerprint})")
        if not described:
            print("    it has no description, so the core will import it to learn what it offers; build adds one")
    return 0


def _new_key(options: argparse.Namespace) -> int:
    from meterhub_sdk.tools.keys import make_key

    made = make_key(options.file, options.kid, options.name)
    print(f"{made.private} is the private key; keep it to yourself, and a copy in a safe place")
    print(f"{made.public} is its public half, for those who install your plugins")
    print(f"fingerprint {made.fingerprint}")
    return 0


def _simulate_line(options: argparse.Namespace) -> int:
    from meterhub_sdk.simulation.program import simulate_line

    return simulate_line(options)
