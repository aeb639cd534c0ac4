"""Writes the script that both tools are given: N decorated components, the pipeline that chains them, generate().

The packages are named, because the peer otherwise asks the network for them, and no component returns a value, because
the peer knows NamedTuple alone. Only the import line and the settings that the peer demands differ.
"""

from typing import Literal

Tool = Literal["ours", "peer"]

IMPORT = {"ours": "from AutoMLOps import AutoMLOps\n", "peer": "from google_cloud_automlops import AutoMLOps\n"}
SETTINGS = {"ours": "", "peer": ", use_ci=False, deployment_framework='cloud-build'"}

COMPONENT = '''

@AutoMLOps.component(packages_to_install=['pandas', 'scikit-learn'])
def step_{number}(data_path: str, rows: int, rate: float):
    """Step {number} of many.

    Args:
        data_path: Where the data is.
        rows: How many rows.
        rate: Learning rate.
    """
    import pandas as pd
    from sklearn.tree import DecisionTreeClassifier
    frame = pd.read_csv(data_path)
    model = DecisionTreeClassifier(max_depth=rows)
    print(frame.shape, model, rate)
'''

PIPELINE = """

@AutoMLOps.pipeline(name='many-steps', description='Many steps')
def pipeline(data_path: str, rows: int, rate: float):
"""

GENERATE = (
    "AutoMLOps.generate(project_id='my-project-123', "
    "pipeline_params={{'data_path': 'd.csv', 'rows': 3, 'rate': 0.1}}{settings})\n"
)

BEGIN = "import time\nbegin = time.perf_counter()\n"
TOOK = """took = time.perf_counter() - begin
with open('{file}', 'w') as record:
    record.write(str(took))
"""


def once(tool: Tool, components: int, settings: str = "") -> str:
    """The script that generates, leaves the seconds of import + generate in a file, and ends.

    Settings go as they are into the call, in the place of those that the peer demands otherwise.
    """
    return "".join(
        [
            BEGIN,
            IMPORT[tool],
            *map(_component, range(components)),
            PIPELINE,
            *map(_step, range(components)),
            "\n",
            _generate(tool, settings),
            TOOK.format(file="first_call"),
        ]
    )


def twice(tool: Tool, components: int) -> str:
    """The script that generates, then generates again, and leaves the seconds of the second call in a file."""
    return once(tool, components) + "begin = time.perf_counter()\n" + _generate(tool) + TOOK.format(file="second_call")


def _component(number: int) -> str:
    return COMPONENT.format(number=number)


def _step(number: int) -> str:
    after = f".after(t{number - 1})" if number else ""
    return f"    t{number} = step_{number}(data_path=data_path, rows=rows, rate=rate){after}\n"


def _generate(tool: Tool, settings: str = "") -> str:
    return GENERATE.format(settings=settings or SETTINGS[tool])
