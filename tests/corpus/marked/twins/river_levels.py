from kfp import dsl


@dsl.component
def open_sluice(gates: int):
    pass


@dsl.component
def wait_for_water():
    pass


@dsl.component
def close_sluice(gates: int):
    pass


@dsl.pipeline(name="river-levels", description="Down the river, step by step.")
def river_levels(gates: int):
    """Down the river.

    Args:
        gates: How many there are.
    """
    opened = open_sluice(gates=gates)
    waited = wait_for_water().after(opened)
    close_sluice(gates=gates).after(waited)
