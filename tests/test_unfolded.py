"""A pipeline function unfolded: what comes out says the same, step by step."""

import ast
import textwrap

import pytest

from AutoMLOps.unfolded import unfolded

STEPS = ("a", "b", "c")


def unfold(body: str) -> str:
    function = ast.parse(f"def pipe(n, m):\n{textwrap.indent(textwrap.dedent(body).strip(), '    ')}").body[0]
    assert isinstance(function, ast.FunctionDef)
    before = ast.dump(function)

    def is_step(node: ast.expr) -> bool:
        return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in STEPS

    found = unfolded(function, is_step, lambda node: ast.unparse(node).rpartition(".")[2])
    assert ast.dump(function) == before, "the function itself was changed"
    return "\n".join(map(ast.unparse, found))


@pytest.mark.parametrize(
    ("folded", "plain"),
    [
        ("b(x=a().output)", "made_1 = a()\nb(x=made_1.output)"),
        (
            "t = c(x=a(n=n).outputs['k'], y=b(z=a().output).output)",
            "made_1 = a(n=n)\nmade_2 = a()\nmade_3 = b(z=made_2.output)\nt = c(x=made_1.outputs['k'], y=made_3.output)",
        ),
        (
            "t = b(x=a().set_retry(2).output).after(c()).set_cpu_limit('2')\nc(x=t.output)",
            "made_1 = a().set_retry(2)\nmade_3 = b(x=made_1.output)\nmade_2 = c()\nmade_3.after(made_2)\n"
            "made_3.set_cpu_limit('2')\nc(x=made_3.output)",
        ),
        ("a().after(b(), c())", "made_3 = a()\nmade_1 = b()\nmade_2 = c()\nmade_3.after(made_1, made_2)"),
        (
            "t = a()\nt = b(x=t.output).after(c())",
            "t = a()\nmade_2 = b(x=t.output)\nmade_1 = c()\nmade_2.after(made_1)\nt = made_2",
        ),
        ("b(x=f'{a().output} and {n}')", "made_1 = a()\nb(x=f'{made_1.output} and {n}')"),
        ("t = a()\nt.after(b())", "t = a()\nmade_1 = b()\nt.after(made_1)"),
        ("return b(x=a().output).output", "made_1 = a()\nmade_2 = b(x=made_1.output)\nreturn made_2.output"),
        ("made_1 = n\nb(x=a().output)", "made_1 = n\nmade_2 = a()\nb(x=made_2.output)"),
        ("s, t = a(), b()", "s = a()\nt = b()"),
        ("s, t = a(), b(x=s)", "made_1 = a()\nmade_2 = b(x=s)\ns, t = (made_1, made_2)"),
        ("t: dsl.Task = b(x=a().output)", "made_1 = a()\nt: dsl.Task = b(x=made_1.output)"),
        ("t = a()\nk = t.output\nb(x=k)\nreturn k", "t = a()\nb(x=t.output)\nreturn t.output"),
        ("k = a().outputs['k']\nb(x=k)", "made_1 = a()\nb(x=made_1.outputs['k'])"),
        (
            "t, s = a(), b()\none = dsl.OneOf(t.output, s.output)\nc(x=one)\nc(x=[one if N else 1])",
            "t = a()\ns = b()\nc(x=dsl.OneOf(t.output, s.output))\nc(x=[dsl.OneOf(t.output, s.output) if N else 1])",
        ),
        (
            "with dsl.ParallelFor(a().output) as item, dsl.If(item == b().output):\n    c(x=a().output)",
            "made_1 = a()\nwith dsl.ParallelFor(made_1.output) as item:\n    made_2 = b()\n"
            "    with dsl.If(item == made_2.output):\n        made_3 = a()\n        c(x=made_3.output)",
        ),
        ("O = NamedTuple('O', k=int)\nt = a()\nreturn O(k=t.output)", "t = a()\nreturn O(k=t.output)"),
    ],
)
def test_it_says_the_same_step_by_step(folded, plain):
    assert unfold(folded) == plain


@pytest.mark.parametrize(
    "body",
    [
        "t = a(n=n)\nb(x=t.output).after(t)\nwith dsl.If(t.output == 'x'):\n    c()",
        "t = a()\nk = t.output\nt = a(n=k)\nb(x=k)",
        "k = t.output\nk = m\nb(x=k)",
        "s, t = (t, s)",
        "b(x=[a().output for each in n])",
        "b(x=a().output if N else 1)",
        "f = lambda: a()",
        "for each in n:\n    b(x=a().output)",
    ],
)
def test_what_is_plain_or_not_understood_stays_as_it_is(body):
    assert unfold(body) == body
