"""What a RUN may see and the image must not hold."""
