"""The step tell."""


def tell(number: int, options: dict):
    print(number, options)
