"""Keys, signatures, statements and attestations: makes them, finds them beside an image, checks them."""
