"""``meterhub licence new-vendor, issue``: the vendor's side, which needs no instance."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from meterhub_sdk import Refused

from meterhub.cli.grammar import command, day
from meterhub.cli.output import console, show
from meterhub.files import create_once


def add_commands(licence: Any) -> None:
    """Enter the commands into the group ``licence``."""
    new = command(licence, "new-vendor", _new_vendor, "make the key with which a vendor signs licences")
    new.add_argument("name", metavar="NAME", help="the vendor's name as it stands in licences, such as 'ACME Metering'")
    new.add_argument("--dir", type=Path, default=Path(), metavar="DIR", help="where to put its two files (here)")
    make = command(licence, "issue", _issue, "issue a licence for one instance")
    make.add_argument("--key", type=Path, required=True, metavar="PEM", help="the vendor's private key")
    make.add_argument("--vendor", type=Path, required=True, metavar="JSON", help="the vendor's public key")
    make.add_argument("--serial", required=True, help="serial number of the instance: meterhub status shows it")
    make.add_argument("--feature", action="append", required=True, metavar="NAME", help="once for each feature")
    make.add_argument("--expires", type=day, metavar="DAY", help="last day, in UTC, on which it counts (never)")
    make.add_argument("--number", metavar="N", help="the vendor's own number of it (serial number and day)")
    make.add_argument("-o", "--output", type=Path, metavar="FILE", help="where to write it (standard output)")


def _new_vendor(options: argparse.Namespace) -> int:
    from meterhub.licensing.vendor import new_vendor

    files = new_vendor(options.name, options.dir)
    if options.json:
        show({"private": str(files.private), "public": str(files.public)}, as_json=True)
        return 0
    console.print(f"{files.private}  private: keep it in the safe, with a copy", markup=False, soft_wrap=True)
    console.print(
        f"{files.public}  public: hand it to customers (meterhub licence trust-vendor)", markup=False, soft_wrap=True
    )
    return 0


def _issue(options: argparse.Namespace) -> int:
    from meterhub.licensing.vendor import VendorFiles, issue

    today = datetime.now(UTC).date()
    text = issue(
        VendorFiles(options.key, options.vendor),
        serial=options.serial,
        number=options.number or f"{options.serial}-{today:%Y%m%d}"[:64],
        features=options.feature,
        issued=today,
        expires=options.expires,
    )
    if options.output is None:
        print(text, end="")
        return 0
    try:
        create_once(options.output, text.encode(), 0o644)
    except FileExistsError:
        raise Refused(f"{options.output} exists already; move it away, or write to another file") from None
    console.print(f"the licence is in {options.output}", markup=False, soft_wrap=True)
    return 0
