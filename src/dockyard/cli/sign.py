"""`dockyard sign`: a signature beside an image."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from dockyard.cli import context, report


def sign(
    image: str,
    /,
    *,
    key: Path,
    annotation: Annotated[list[str] | None, Parameter(name=["--annotation", "--annotations", "-a"])] = None,
    format: Literal["bundle", "tag"] = "bundle",
    store: Annotated[bool, Parameter(negative="")] = False,
    json: bool = False,
) -> None:
    """Sign an image: in the registry that its name says, or in the store if the name has no registry.

    Args:
        image: by tag or digest; the digest is what is signed.
        key: the private key.
        annotation: NAME=value to sign along.
        format: a Sigstore bundle as referrer (Cosign 3), or a signature under a tag (Cosign 2 and older tools).
        store: sign the image in the store whatever its name.
        json: print one JSON document.
    """
    from dockyard.cli.beside import beside
    from dockyard.cli.key_files import private_key
    from dockyard.cli.passwords import password
    from dockyard.signing.keys import public_of
    from dockyard.signing.sign import sign as sign_image

    private = private_key(key, password)()
    reference, target, place = beside(image, store=store)
    annotations = context.pairs(annotation, "-a")
    made = sign_image(target, private, place=place, name=reference.name, annotations=annotations, format=format)
    if json:
        report.result(
            {
                "image": str(reference),
                "digest": str(target.digest),
                "signature": str(made.digest),
                "key_id": public_of(private).id,
            }
        )
    else:
        print(f"signed {reference.name}@{target.digest}")
