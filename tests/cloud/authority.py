"""A throw-away certificate authority, and the one certificate that it signs."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tools import need

DOMAINS = (
    "*.googleapis.com",
    "*.pkg.dev",
    "*.run.app",
    "*.google.com",
    "source.developers.google.com",
    "github.com",
    "gitlab.com",
    "localhost",
)


@dataclass(frozen=True, slots=True)
class Authority:
    """Who trusts `ca` takes the holder of `certificate` and `key` for Google."""

    ca: Path
    certificate: Path
    key: Path


def authority(scratch: Path) -> Authority:
    ca, ca_key, certificate, key = (scratch / name for name in ("ca.pem", "ca.key", "google.pem", "google.key"))
    fresh = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days", "2")
    _openssl("req", "-x509", *fresh, "-keyout", ca_key, "-out", ca, "-subj", "/CN=stand-in cloud",
             "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")  # fmt: skip
    _openssl("req", "-x509", *fresh, "-keyout", key, "-out", certificate, "-subj", "/CN=googleapis.com",
             "-CA", ca, "-CAkey", ca_key, "-addext", "basicConstraints=critical,CA:FALSE",
             "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in DOMAINS))  # fmt: skip
    return Authority(ca, certificate, key)


def _openssl(*argv: str | Path) -> None:
    subprocess.run((need("openssl"), *argv), check=True, capture_output=True)
