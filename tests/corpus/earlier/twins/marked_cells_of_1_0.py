from kfp import dsl


@dsl.component
def board_cars(cars: int, path: str):
    """Boards cars (and bicycles).

    Args:
        cars: How many cars.
        path: The list's path.
    """


@dsl.component
def cross(path: str, knots: float):
    """Crosses the sound.

    Args:
        path: The list's path.
        knots: The speed.
    """


@dsl.pipeline(name="ferry", description="Boards and crosses.")
def ferry(cars: int, path: str, knots: float):
    """Boards and crosses.

    Args:
        cars: How many cars.
        path: The list's path.
        knots: The speed.
    """
    boarded = board_cars(cars=cars, path=path)
    cross(path=path, knots=knots).after(boarded)
