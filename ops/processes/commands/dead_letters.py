"""Commands over the topic of dead letters: list, replay."""
