"""A build graph into an image, once per distinct input, and base images from a distribution's packages."""
