"""One repository a noun; the only place that knows the MongoDB driver.

The driver runs each command in a thread of one pool a process, and reads how large that is once, when it is imported: five a
processor by itself, 320 on a machine of 64. Ours is the same everywhere, and a process starts all of it at once; `MOTOR_MAX_WORKERS` says another.
"""

import os
from typing import Final

DRIVER_THREADS: Final = 8
"""Commands of one process that are under way at once; more wait for their turn."""
os.environ.setdefault("MOTOR_MAX_WORKERS", str(DRIVER_THREADS))
