from typing import Any

compiler: str

def instruction_sets() -> list[str]: ...
def compare_cells(
    frame: int,
    reference: int,
    bytes: bool,
    shape: list[int],
    cells: int,
    instruction_set: str = "",
) -> tuple[float, float]: ...
def multiply_adds(instruction_set: str, rounds: int) -> int: ...
def take_over(values: int, copy: int, count: int, instruction_set: str = ...) -> tuple[float, float]: ...

class Session:
    bytes: int
    counters: list[tuple[int, int, float]]
    macs_done: int
    def __getattr__(self, name: str) -> Any: ...

class Program:
    instruction_set: str
    macs: list[int]
    def __init__(self, instruction_set: str = "") -> None: ...
    def __getattr__(self, name: str) -> Any: ...
