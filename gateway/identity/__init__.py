"""Who people are. In the order of reading: people, proofs, sessions; then the roads through them: door (registration and
login) and own (the own account, and a forgotten password).
"""
