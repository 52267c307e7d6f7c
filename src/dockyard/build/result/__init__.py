"""What becomes of finished stages: images, their index, and what attests to them."""
