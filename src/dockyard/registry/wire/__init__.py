"""HTTP/1.1 as registries need it (RFC 9112): large bodies either way, with few copies and little to load.

General clients take longer to load than a small image to fetch, and hand bodies on in many small pieces.
"""
