"""Who people are while they come in: the two doors, addresses and passwords, what is written to them and about them. Read doors.py first."""
