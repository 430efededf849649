"""Frame sources and sinks, and pictures of what was recomputed."""

from saccade.video.frame import Frame, FrameSource
from saccade.video.overlay import Box, draw_overlay
from saccade.video.sinks import EventsSink, VideoSink
from saccade.video.sources import open_source

__all__ = ["Box", "EventsSink", "Frame", "FrameSource", "VideoSink", "draw_overlay", "open_source"]
