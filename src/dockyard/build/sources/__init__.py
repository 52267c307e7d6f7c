"""Where a build's files come from: folders, Git, URLs, archives and images."""
