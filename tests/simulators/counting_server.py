"""The trivial server, which writes down each request that reached it: ``counting_server.py BOOK``."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any

TRIVIAL = Path(__file__).with_name("trivial_server.py")


def main() -> None:
    there = runpy.run_path(str(TRIVIAL), run_name="counted")
    answer = there["answer"]
    with Path(sys.argv[1]).open("a", encoding="utf-8") as book:
        for line in sys.stdin.buffer:
            message: dict[str, Any] = json.loads(line)
            if "id" in message and "method" in message:
                book.write(f"{message['method']} {(message.get('params') or {}).get('name', '')}\n")
                book.flush()
            answer(message, False)


if __name__ == "__main__":
    main()
