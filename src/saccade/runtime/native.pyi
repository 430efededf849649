from typing import Any

import numpy as np
import numpy.typing as npt

compiler: str

def instruction_sets() -> list[str]: ...
def compare_cells(
    frame: int,
    reference: int,
    bytes: bool,
    shape: list[int],
    instruction_set: str = "",
) -> CellChange: ...
def multiply_adds(instruction_set: str, rounds: int) -> int: ...
def are_finite(values: int, count: int, instruction_set: str = ...) -> bool: ...
def take_over(values: int, copy: int, count: int, instruction_set: str = ...) -> tuple[float, float]: ...

class CellChange:
    mean: float
    largest: float
    squares: npt.NDArray[np.float32]
    steps: npt.NDArray[np.float32]
    def stepped(self, step: float) -> float: ...

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
