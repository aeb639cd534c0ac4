from AutoMLOps import AutoMLOps


@AutoMLOps.component
def hello(name: str):
    print(f"hello {name}")


@AutoMLOps.pipeline
def greeting(name: str = "world"):
    hello(name=name)
