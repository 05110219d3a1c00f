"""Trading over REST: orders placed, amended and canceled as commands, answered by the record that decides them."""
