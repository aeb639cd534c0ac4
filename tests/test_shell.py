"""Scripts and tools as they run: their lines, their end."""

import os
import signal
import subprocess
import sys

import pytest

from AutoMLOps import shell


def python(code):
    return [sys.executable, "-u", "-c", code]


def test_the_lines_come_as_they_are_printed_and_the_end_is_kept(tmp_path):
    seen = []
    code = "import os, sys\nprint('one', os.getcwd())\nprint('it\\'s 🎉', file=sys.stderr)\nsys.exit(3)"
    ended = shell.run(python(code), folder=tmp_path, line=seen.append)
    assert (ended.code, ended.told) == (3, (f"one {tmp_path}", "it's 🎉")) and seen == list(ended.told)


def test_a_flood_keeps_its_end_and_bytes_that_are_no_text_are_replaced():
    code = "import sys\nfor n in range(1000): print(n)\nsys.stdout.buffer.write(b'\\xff\\n')"
    ended = shell.run(python(code))
    assert len(ended.told) == shell.TOLD and ended.told[-1] == "�" and ended.told[-2] == "999"


def test_a_word_is_no_shell_word(tmp_path):
    ended = shell.run(["printf", "%s", "$(touch here); `id` *"], folder=tmp_path)
    assert ended.told == ("$(touch here); `id` *",) and not list(tmp_path.iterdir())


def test_variables_are_added_to_those_here(monkeypatch):
    monkeypatch.setenv("OURS", "1")
    ended = shell.run(python("import os; print(os.environ['OURS'], os.environ['THEIRS'])"), environment={"THEIRS": "2"})
    assert ended.told == ("1 2",)


def test_nothing_is_asked_of_a_person():
    assert shell.run(python("import sys; print(repr(sys.stdin.read()))")).told == ("''",)


@pytest.mark.parametrize("deaf", [False, True], ids=["which ends by itself", "which is deaf"])
def test_an_interrupt_ends_the_script_with_its_children(deaf, monkeypatch):
    monkeypatch.setattr(shell, "GRACE", 0.5)
    mark = f"mark-{os.getpid()}-{deaf}"
    hush = "trap '' INT; " if deaf else ""
    script = (
        f"{hush}{sys.executable} -c 'import time; time.sleep(600)' {mark} & echo begun; while :; do sleep 0.1; done"
    )

    def line(text):
        if text == "begun":
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        shell.run(["bash", "-c", script], line=line)
    found = subprocess.run(["ps", "-eo", "stat,args"], capture_output=True, text=True, check=True).stdout
    assert not [each for each in found.splitlines() if mark in each and not each.startswith("Z")]
