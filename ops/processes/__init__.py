"""One composition root a process; the only places that wire."""
