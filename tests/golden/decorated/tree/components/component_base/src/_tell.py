"""The step _tell."""


def _tell(score: float, text: str):
    print(score, text)
