"""Looking at what a registry holds: repositories, tags, artifacts and what is in them. For the API and the pages."""
