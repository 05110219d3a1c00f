"""Who people are. In the order of reading: people, proofs, sessions; then the roads through them: door (registration and
login) and own (what a logged-in person does with the own account).
"""
