"""Counts what a consumer has done: its CPU and wall time from the first record to the last effect."""

import asyncio
import json
import time


class Meter:
    """`done` is set when `total` records have been counted; then `say` prints one JSON line."""

    def __init__(self, total: int) -> None:
        self.done = asyncio.Event()
        self._total, self._seen = total, 0
        self._cpu = self._wall = 0.0
        self._used = self._took = 0.0

    def begin(self) -> None:
        """The first record is there (told again: nothing)."""
        if not self._wall:
            self._cpu, self._wall = time.process_time(), time.perf_counter()

    def count(self, records: int) -> None:
        """That many more are done."""
        self.begin()
        self._seen += records
        if self._seen >= self._total and not self.done.is_set():
            self._used, self._took = time.process_time() - self._cpu, time.perf_counter() - self._wall
            self.done.set()

    def say(self) -> None:
        """Print what was measured; `done` must be set."""
        print(json.dumps({"records": self._seen, "cpu_seconds": self._used, "wall_seconds": self._took}), flush=True)
