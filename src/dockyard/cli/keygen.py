"""`dockyard keygen`: a key pair for signing."""

from pathlib import Path

from dockyard.cli import report
from dockyard.errors import UsageError


def keygen(*, output_key_prefix: str = "cosign", json: bool = False) -> None:
    """Make a key pair in Cosign's format: PREFIX.key, encrypted with a password, and PREFIX.pub.

    The password comes from COSIGN_PASSWORD or is asked for.

    Args:
        output_key_prefix: the files' name without their endings.
        json: print one JSON document.
    """
    from dockyard._internal import atomic
    from dockyard.cli.passwords import password
    from dockyard.signing.keys import generate, load_public

    private, public = Path(f"{output_key_prefix}.key"), Path(f"{output_key_prefix}.pub")
    for path in (private, public):
        if path.exists():
            raise UsageError(f"{path} is there already", hint="Move it away, or choose another --output-key-prefix.")
    private_pem, public_pem = generate(password(confirm=True))
    atomic.write(private, private_pem, mode=0o600)
    atomic.write(public, public_pem)
    if json:
        report.result({"private": str(private), "public": str(public), "key_id": load_public(public_pem).id})
    else:
        print(f"private key {private} (keep it secret), public key {public}")
