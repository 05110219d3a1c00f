"""Who people are: registration, login, sessions, and what a logged-in person does with the own account."""
