from kfp import dsl
from kfp.dsl import Dataset, Input, Output, OutputPath


@dsl.component
def roast(kilograms: float, sheet: Output[Dataset]):
    """Roasts the beans, and writes down what is left.

    Args:
        kilograms: Raw beans.

    Returns:
        sheet: What is left.
    """


@dsl.component
def price(sheet: Input[Dataset], cups: OutputPath(int)):
    pass


@dsl.pipeline(name="coffee-prices", description="From the sack to the cup.")
def coffee_prices(kilograms: float):
    """From the sack to the cup.

    Args:
        kilograms: What was bought.
    """
    roasted = roast(kilograms=kilograms)
    price(sheet=roasted.outputs["sheet"]).after(roasted)
