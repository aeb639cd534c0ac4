"""What goes wrong on purpose: which request, and how."""

import re
import threading
from dataclasses import dataclass, field

from cloud.refusals import Refusal
from cloud.web import Answer, Dropped, Request

MESSAGES = {
    403: "The caller does not have permission",
    429: "Quota exceeded for quota metric 'Requests' and limit 'Requests per minute'.",
    500: "Internal error encountered.",
    503: "The service is currently unavailable.",
}
FOREVER = 0
HANG = "hang"
DROP = "drop"


@dataclass(slots=True)
class Fault:
    """Meets requests whose `METHOD host/path` the pattern is found in: from the `nth` on, `times` of them.

    `how` is a status, or DROP for a connection that ends without an answer, or HANG for one that never says anything.
    With `after`, the request has its effect first, and only the answer goes wrong.
    """

    pattern: re.Pattern[str]
    how: int | str
    nth: int = 1
    times: int = 1
    after: bool = False
    seen: int = field(default=0, init=False)
    met: int = field(default=0, init=False)

    def meets(self, request: Request) -> bool:
        if not self.pattern.search(request.line):
            return False
        self.seen += 1
        due = self.seen >= self.nth and (self.times == FOREVER or self.met < self.times)
        self.met += due
        return due

    def strike(self, request: Request, closing: threading.Event) -> Answer:
        if self.how == HANG:
            closing.wait()
        if isinstance(self.how, str):
            raise Dropped
        return Refusal(self.how, MESSAGES.get(self.how, "An error that a test asked for.")).answer(request.host)
