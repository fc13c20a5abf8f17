"""What numbarnn has promised besides being faster than others, each promise in its own module."""
