"""How repositories are named."""

# Repositories without a slash belong to this project, as Docker Hub's official images do.
LIBRARY = "library"


def project_of(name: str) -> str:
    """The project that a repository belongs to: the first part of its name."""
    first, slash, _ = name.partition("/")
    return first if slash else LIBRARY
