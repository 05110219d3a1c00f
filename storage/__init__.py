"""What is kept and what is carried, and the rules about it that more than one process needs."""
