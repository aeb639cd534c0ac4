"""Steps that are tried again, more and more patiently.

A radio telescope listens until the sky is clear.
"""

from AutoMLOps import AutoMLOps
from kfp import dsl


@dsl.component
def listen(hertz: float) -> list:
    return [hertz, hertz * 2]


@dsl.component
def correlate(signals: list) -> float:
    return sum(signals)


@dsl.pipeline(name="radio-telescope")
def night(hertz: float) -> float:
    heard = listen(hertz=hertz).set_retry(num_retries=3)
    found = correlate(signals=heard.output)
    found.set_retry(num_retries=5, backoff_duration="30s", backoff_factor=2.0, backoff_max_duration="3600s")
    return found.output


AutoMLOps.generate(pipeline_params={"hertz": 1420.4})
