"""How long to wait before something is tried again. Pure."""


def pause_after(attempts: int, longest: int) -> int:
    """Seconds until the next try: 1 after none, then 2, 4, 8, ..., at most `longest`."""
    return min(longest, 1 << min(max(attempts, 0), longest.bit_length()))
