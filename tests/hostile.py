"""Texts that want out of their quotes, in every language that is generated: drawn from a seed, so always the same."""

from __future__ import annotations

import random
from collections.abc import Iterator

PIECES = tuple(
    r"""
    ' '' ''' " "" \""" ` `` $ $$ $( $(id) `id` ${ ${HOME} ${_DIR} $_RUN $$( %{ %{if} %s %(x)s %20 %% { } {{ }} {{x}} {% %} {%raw%}
    {# #} {0} {x} # ## #! : :: - -- --- ... ? , ; & && &amp; &#39; &a | || |- > >- >> < <- << <<EOF EOF <!-- --> <b> </b> <br>
    <script> </script> </textarea> ]]> <![CDATA[ <?x ?> ! !! !!str !!python/name:os.system !ls @ @a * ** *a _ __ _a_ ~ ~~ ^ [ ] [x](y)
    ![x](y) [x]: ( ) \ \\ \n \N \N{BULLET} \x41 \u0041 \0 \' \" \` / // /* */ = == := += coding:latin-1 coding=x syntax=x escape=`
    null Null y Y yes No on OFF true False nan .nan .inf -.INF 0 -0 00 007 0o7 0x1F 0b1 1_000 1e3 1e-09 1. 1.0e-09 .5 -1.5 +1 1:30
    12:30:45 2001-01-01 2001-12-14t21:59:43.10-05:00 None True __import__('os') a ab word a.b a/b a-b x=1 é ß Ω 日本 🎉 👩‍👩‍👧 𝔘
    DROP SELECT '1'='1 ;-- import os rm -rf -r https://example.com/x www.example.com me@example.com | | -|- 1. 2) + graph end
    """.split()
) + tuple("\u200b \u200d \u200e \u200f \u202e \u2066 \ufeff \ufffe \uffff \ufffd \u0301 \U0001ffff \ue000".split())  # fmt: skip
BLANKS = tuple(" \t\n\r\v\f\0\a\b\x1b\x1c\x1d\x1e\x1f\x7f\x80\x85\x9f\xa0\xad\u1680\u2003\u2028\u2029\u3000") + ("\r\n", "  ", "\n\n", " #", ": ", "- ", "\n---\n", "\n...\n", "\n# ", "\n- ", "\n\t", " \n", "\\\n", "\x1b[31m")  # fmt: skip
ALL = PIECES + BLANKS
FIXED = tuple(text for piece in ALL for text in (piece, f"a{piece}", f"{piece}a", f" {piece} ", piece * 2))


def texts(seed: int, count: int, without: str = "") -> Iterator[str]:
    """Each piece alone and at the ends of a word first, then pieces thrown together, some of them long."""
    draw = random.Random(seed)
    drop = str.maketrans("", "", without)
    for number in range(count):
        text = FIXED[number] if number < len(FIXED) else _drawn(draw)
        yield text.translate(drop)


def _drawn(draw: random.Random) -> str:
    length = draw.choices((2, 3, 5, 9, 60), (4, 4, 4, 2, 0.1))[0]
    return "".join(chr(draw.randrange(0xD800)) if draw.random() < 0.05 else draw.choice(ALL) for _ in range(length))
