"""The nouns, once, and the pure rules they share."""
