"""Where bytes live, named by digest: store roles, the OCI layout on disk, verified readers, copy and collect."""
