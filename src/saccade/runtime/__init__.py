"""Programs and sessions: a planned network, and each stream's memory."""

from saccade.runtime.audit import Audit
from saccade.runtime.audit_report import Audited, AuditReport, Drift
from saccade.runtime.canvas import CanvasStream
from saccade.runtime.conversion import incremental
from saccade.runtime.information import native_information, self_test
from saccade.runtime.program import Program
from saccade.runtime.report import FrameCost, OperatorReport, Report
from saccade.runtime.session import Session
from saccade.runtime.stream import Stream, compile_program

__all__ = [
    "Audit",
    "AuditReport",
    "Audited",
    "CanvasStream",
    "Drift",
    "FrameCost",
    "OperatorReport",
    "Program",
    "Report",
    "Session",
    "Stream",
    "compile_program",
    "incremental",
    "native_information",
    "self_test",
]
