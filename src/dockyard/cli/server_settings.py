"""The settings of a registry server from a file, the flags and the environment."""

import os
from pathlib import Path

import msgspec

from dockyard.cli import context
from dockyard.server.settings import Settings, parse

# What the services' own tools read; obstore knows the same names in lower case.
_VARIABLES = {
    "s3": (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_ENDPOINT_URL",
        "AWS_ROLE_ARN",
        "AWS_ROLE_SESSION_NAME",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ),
    "gs": ("GOOGLE_SERVICE_ACCOUNT", "GOOGLE_SERVICE_ACCOUNT_KEY", "GOOGLE_APPLICATION_CREDENTIALS"),
    "az": (
        "AZURE_STORAGE_ACCOUNT_NAME",
        "AZURE_STORAGE_ACCOUNT_KEY",
        "AZURE_STORAGE_SAS_KEY",
        "AZURE_CLIENT_ID",
        "AZURE_CLIENT_SECRET",
        "AZURE_TENANT_ID",
        "AZURE_FEDERATED_TOKEN_FILE",
    ),
}


def settings(config: Path | None, storage: str = "") -> Settings:
    """The settings in the file `config`, completed: `DATABASE_URL`, the object storage's credentials, and folders.

    Args:
        config: the file; None for the defaults.
        storage: goes before the file's.

    Raises:
        SettingsInvalidError: as `parse`.
    """
    found = parse(config.read_bytes(), str(config)) if config else Settings()
    home = context.data_folder() / "registry"
    storage = storage or found.storage or str(home)
    objects = found.objects
    if "://" in storage:
        names = _VARIABLES.get(storage.partition("://")[0], ())
        given = {name.lower(): os.environ[name] for name in names if os.environ.get(name)}
        objects = msgspec.structs.replace(objects, options={**given, **objects.options})
    return msgspec.structs.replace(
        found,
        storage=storage,
        folder=found.folder or (str(home) if "://" in storage else storage),
        database=found.database or os.environ.get("DATABASE_URL", ""),
        objects=objects,
    )
