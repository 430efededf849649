"""Graph -> Plan: fold, fuse, lay out buffers."""

from saccade.graph import Graph
from saccade.plan.chains import is_depthwise
from saccade.plan.fusion import fuse
from saccade.plan.layout import lay_out
from saccade.plan.step import Placement, Plan, Step
from saccade.plan.transmissions import insert_transmissions

__all__ = ["Placement", "Plan", "Step", "insert_transmissions", "is_depthwise", "make_plan"]


def make_plan(graph: Graph) -> Plan:
    """Returns the graph fused into steps and laid out in memory."""
    steps = fuse(graph)
    placements, views = lay_out(graph, steps)
    return Plan(graph, tuple(steps), placements, views)
