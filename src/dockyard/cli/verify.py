"""`dockyard verify`: the signatures beside an image."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from dockyard.cli import report


def verify(
    image: str,
    /,
    *,
    key: list[Path],
    format: Literal["bundle", "tag", "any"] = "any",
    store: Annotated[bool, Parameter(negative="")] = False,
    json: bool = False,
) -> None:
    """Check an image's signatures; exit code 1 if none holds.

    Args:
        image: by tag or digest.
        key: a public key that may have signed it; may be given several times.
        format: look only at Sigstore bundles, or only at signatures under a tag.
        store: look in the store whatever the name.
        json: print one JSON document.
    """
    from dockyard.cli.beside import beside
    from dockyard.cli.key_files import public_key
    from dockyard.signing.verify import verify as verify_image

    keys = [public_key(path) for path in key]
    reference, target, place = beside(image, store=store)
    found = verify_image(target, keys, place=place, format=None if format == "any" else format)
    if json:
        report.result(
            {"image": str(reference), "digest": str(target.digest), "signatures": [f.to_json() for f in found]}
        )
        return
    print(f"{reference.name}@{target.digest}")
    for each in found:
        print(
            f"  signed by key {each.key_id} ({each.format})" + "".join(f" {k}={v}" for k, v in each.annotations.items())
        )
    print("checked: the signature and that it speaks of this digest; the transparency log was not looked at")
