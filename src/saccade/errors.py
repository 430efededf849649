"""Every exception that saccade raises on purpose.

    SaccadeError
    ├── ModelError                 the model cannot be used as given
    │   ├── UnknownModelError      no model of that name
    │   ├── TrainingModeError      the model is in training mode
    │   ├── UnsupportedDeviceError the model or the frame is not on the CPU
    │   └── CaptureError           the model could not be turned into a graph
    ├── FrameError                 a frame does not fit the model
    ├── PolicyError                a policy is unknown or its fields contradict each other
    ├── CalibrationError           a clip is too short to calibrate on, or a goal cannot be met
    ├── AuditError                 an audit's frames or its error limit are out of range
    ├── MetricError                a metric is unknown, failed or does not suit the outputs
    ├── RegistryError              a name is unknown or registered twice
    ├── GateError                  a gate cannot be made or used with these options
    ├── VideoError                 a video source or sink failed
    │   ├── SourceError            missing, empty, truncated or not a video
    │   └── SinkError              the output cannot be written
    ├── WeightsError               a weights file is missing, unsafe or does not fit
    ├── ExplanationError           a network cannot be explained as asked
    │   ├── PhotographError        an image is missing, unreadable or none
    │   ├── RegionError            a mask or a box is missing, unreadable or does not fit its image
    │   └── StageError             the network has no stage or module of that name
    ├── ExperimentError            an experiment cannot be run as asked
    │   └── DataError              a data set is missing or damaged
    ├── TrainingError              a network cannot be trained as asked
    │   ├── RecipeError            a recipe has no such field, or its values contradict each other
    │   ├── CheckpointError        a checkpoint cannot be written, read, or is another run's
    │   ├── DivergenceError        the loss is not finite
    │   └── ProcessError           another process of the same run is gone
    └── MissingPackageError        an optional package is not installed

A message says what was given, what was expected, and what to do.
"""


class SaccadeError(Exception):
    """The root of every exception that saccade raises on purpose."""


class ModelError(SaccadeError):
    """The model cannot be used as given."""


class UnknownModelError(ModelError):
    """No model of that name."""


class TrainingModeError(ModelError):
    """The model is in training mode."""


class UnsupportedDeviceError(ModelError):
    """The model or the frame is not on the CPU."""


class CaptureError(ModelError):
    """The model could not be turned into a graph."""


class FrameError(SaccadeError):
    """A frame does not fit the model."""


class PolicyError(SaccadeError):
    """A policy is unknown or its fields contradict each other."""


class CalibrationError(SaccadeError):
    """A clip is too short to calibrate on, or a goal cannot be met."""


class AuditError(SaccadeError):
    """An audit's frames or its error limit are out of range."""


class MetricError(SaccadeError):
    """A metric is unknown, failed or does not suit the model's outputs."""


class RegistryError(SaccadeError):
    """A name is unknown or registered twice."""


class GateError(SaccadeError):
    """A gate cannot be made or used with these options."""


class VideoError(SaccadeError):
    """A video source or sink failed."""


class SourceError(VideoError):
    """A video source is missing, empty, truncated or not a video."""


class SinkError(VideoError):
    """An output cannot be written."""


class WeightsError(SaccadeError):
    """A weights file is missing, unsafe or does not fit the model."""


class ExplanationError(SaccadeError):
    """A network cannot be explained as asked."""


class PhotographError(ExplanationError):
    """An image is missing, unreadable or none."""


class RegionError(ExplanationError):
    """A mask or a box is missing, unreadable or does not fit its image."""


class StageError(ExplanationError):
    """The network has no stage or module of that name."""


class ExperimentError(SaccadeError):
    """An experiment cannot be run as asked."""


class DataError(ExperimentError):
    """A data set is missing or damaged."""


class TrainingError(SaccadeError):
    """A network cannot be trained as asked."""


class RecipeError(TrainingError):
    """A recipe has no such field, or its values contradict each other."""


class CheckpointError(TrainingError):
    """A checkpoint cannot be written or read, or is another run's."""


class DivergenceError(TrainingError):
    """The loss is not finite."""


class ProcessError(TrainingError):
    """Another process of the same run has ended or does not answer."""


class MissingPackageError(SaccadeError):
    """An optional package is not installed."""
