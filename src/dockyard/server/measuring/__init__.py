"""What the server says of itself: metrics, traces and access logs."""
