"""The distribution protocol without I/O: requests, errors, challenges; read and written by one module each."""
