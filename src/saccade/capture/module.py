"""A torch module becomes a Graph, by way of torch.export."""

from __future__ import annotations

import logging
import operator
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch.export.graph_signature import ConstantArgument, InputKind, OutputKind, TensorArgument

from saccade.capture import aten  # noqa: F401 - fills the table of lowerings
from saccade.capture.builder import GraphBuilder
from saccade.capture.layout import Value
from saccade.capture.lowering import lower, meta_results
from saccade.errors import CaptureError, ModelError, TrainingModeError, UnsupportedDeviceError
from saccade.graph import Graph

CHECKS = frozenset(
    {
        "aten._assert_async.msg",
        "aten._assert_scalar.default",
        "aten._assert_tensor_metadata.default",
        "aten.sym_constrain_range_for_size.default",
    }
)
"""Operators that only check what export has already established."""
_EXPORTING = threading.Lock()
"""torch.export changes what is global: cameras in threads of their own take turns."""


def capture_module(model: torch.nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any] | None = None) -> Graph:
    """Turns a torch module into a graph for inputs of the given shapes; the module stays as it is.

    Args:
        model: in eval mode, on the CPU.
        arguments: positional arguments of its forward, such as ``(torch.rand(1, 3, 224, 224),)``; the tensors' values
            do not matter, their shapes do.
        keywords: keyword arguments of its forward.

    Returns:
        The graph; its inputs are the tensors in (arguments, keywords) in pytree order. What a forward writes into its
        own inputs reaches its later layers, and not the caller's tensors.

    Raises:
        TrainingModeError: when the model is in training mode.
        UnsupportedDeviceError: when a parameter or an argument is not on the CPU.
        ModelError: when the model is TorchScript.
        CaptureError: when torch.export fails, or the graph cannot hold what the model does.
    """
    _check(model, arguments, keywords)
    # Outside of inference mode, so that the graph's constants can be differentiated; a model made in it stays in it.
    inside = any(tensor.is_inference() for tensor in (*model.parameters(), *model.buffers()))
    with torch.inference_mode(mode=inside):
        arguments, keywords = _fresh((arguments, keywords))
        return graph_of(_export(model, arguments, keywords), arguments, keywords)


def _fresh(call: Any) -> Any:
    """Returns a call that can be traced: no tensor belongs to inference mode, none is given twice.

    Of a tensor that is two arguments at once export makes one, and the other would be deaf.
    """
    seen: set[int] = set()

    def fresh(leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor):
            return leaf
        known = id(leaf) in seen
        seen.add(id(leaf))
        return leaf.clone() if known or leaf.is_inference() else leaf

    return pytree.tree_map(fresh, call)


def check_module(model: torch.nn.Module) -> None:
    """Raises unless the model can be captured: in evaluation mode, on the CPU.

    Raises:
        TrainingModeError: when it is in training mode.
        UnsupportedDeviceError: when a parameter or buffer is not on the CPU.
        ModelError: when a lazy layer has seen no input yet.
    """
    for path, module in model.named_modules():
        if module.training:
            part = f"{path!r}, a {type(module).__name__} of {type(model).__name__}," if path else type(model).__name__
            raise TrainingModeError(
                f"{part} is in training mode, where its output depends on the batch or on chance; call model.eval() "
                "first"
            )
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if torch.nn.parameter.is_lazy(tensor):
            raise ModelError(
                f"{name!r} of {type(model).__name__} has no shape yet, as a lazy layer's until its first input; call "
                "the model once, or load its weights, first"
            )
        if tensor.device.type != "cpu":
            raise UnsupportedDeviceError(
                f"{name!r} of {type(model).__name__} is on {tensor.device}, but the engine runs on the CPU; "
                "call model.cpu() first"
            )


def _check(model: torch.nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any] | None) -> None:
    check_module(model)
    if isinstance(model, torch.jit.ScriptModule):
        raise ModelError(
            f"{type(model).__name__} is TorchScript, which torch.export does not take; give the module that it was "
            "made of, or export that as ONNX"
        )
    for leaf in pytree.tree_leaves((arguments, keywords)):
        if isinstance(leaf, torch.Tensor) and leaf.device.type != "cpu":
            raise UnsupportedDeviceError(
                f"an argument is on {leaf.device}; the engine runs on the CPU, pass tensor.cpu()"
            )


def _export(
    model: torch.nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any] | None
) -> torch.export.ExportedProgram:
    """Returns the exported program in functional ATen operators, composite ones kept whole."""
    try:
        with _EXPORTING, _unlogged(), warnings.catch_warnings(), torch.enable_grad():
            warnings.simplefilter("ignore")
            exported = torch.export.export(model, arguments, keywords, strict=False)
            functional: torch.export.ExportedProgram = exported.run_decompositions({})
            return functional
    except Exception as cause:
        lines = str(cause).strip().splitlines()
        raise CaptureError(
            f"torch.export could not trace {type(model).__name__} for these arguments: {type(cause).__name__}: "
            f"{lines[0] if lines else 'no message'}. A forward must not branch on the values of tensors; capture the "
            "convolutional part alone, or check that the arguments fit the model"
        ) from cause


@contextmanager
def _unlogged() -> Iterator[None]:
    """Keeps what torch logs of a failing trace, often the whole graph, out of sight: the error says it in a line."""
    thread = threading.get_ident()

    def is_of_others(record: logging.LogRecord) -> bool:
        return record.thread != thread or not record.name.startswith("torch")

    loggers = [logging.getLogger(), *logging.getLogger().manager.loggerDict.values()]
    handlers = {handler for logger in loggers if isinstance(logger, logging.Logger) for handler in logger.handlers}
    for handler in handlers:
        handler.addFilter(is_of_others)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(is_of_others)


def graph_of(
    exported: torch.export.ExportedProgram, arguments: tuple[Any, ...], keywords: dict[str, Any] | None
) -> Graph:
    """Turns an exported program into a graph."""
    builder = GraphBuilder()
    values: dict[str, Any] = dict(_placeholders(exported, builder))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _interpret(exported.graph_module, values, builder)
    specs = exported.graph_signature.output_specs
    leaves = [_output_leaf(spec, values) for spec in specs if spec.kind != OutputKind.USER_INPUT_MUTATION]
    single = len(arguments) == 1 and not keywords and isinstance(arguments[0], torch.Tensor)
    input_tree = None if single else exported.call_spec.in_spec
    return builder.finish(leaves, exported.call_spec.out_spec, input_tree)


def _placeholders(exported: torch.export.ExportedProgram, builder: GraphBuilder) -> Iterator[tuple[str, Any]]:
    """Yields what each placeholder stands for: an input, a weight or a constant."""
    nodes = {node.name: node for node in exported.graph.nodes if node.op == "placeholder"}
    for spec in exported.graph_signature.input_specs:
        if isinstance(spec.arg, ConstantArgument):
            yield spec.arg.name, spec.arg.value
        elif spec.kind == InputKind.USER_INPUT:
            example = nodes[spec.arg.name].meta["val"]
            yield spec.arg.name, builder.add_input(spec.arg.name, example.shape, example.dtype)
        elif isinstance(spec.arg, TensorArgument) and spec.target is not None:
            stored = exported.state_dict.get(spec.target)
            tensor = exported.constants[spec.target] if stored is None else stored
            yield spec.arg.name, tensor.detach()
        else:
            raise CaptureError(f"the model's argument {spec.arg!r} is neither a tensor nor a constant")


def _interpret(graph_module: torch.fx.GraphModule, values: dict[str, Any], builder: GraphBuilder) -> None:
    """Brings every call of a traced module into the graph; ``values`` maps its nodes' names to their results."""
    for node in graph_module.graph.nodes:
        if node.op == "get_attr":
            values[node.name] = getattr(graph_module, node.target)
        elif node.op == "call_function":
            builder.scope = _name_of(node)
            arguments = torch.fx.node.map_arg(node.args, lambda used: values[used.name])
            keywords = torch.fx.node.map_arg(node.kwargs, lambda used: values[used.name])
            values[node.name] = _call(node, list(arguments), dict(keywords), builder)


def _call(node: torch.fx.Node, arguments: list[Any], keywords: dict[str, Any], builder: GraphBuilder) -> Any:
    if node.target is operator.getitem:
        return arguments[0][arguments[1]]
    if isinstance(node.target, torch._ops.HigherOrderOperator):
        return _inline(node, arguments, builder)
    target = str(node.target)
    if target in CHECKS:
        if arguments and arguments[0] is False:
            raise CaptureError(
                f"a size that {builder.scope!r} checks does not fit what follows ({arguments[-1]}); check that a mask "
                "chooses as many positions as the next layer expects"
            )
        return None
    if not isinstance(node.target, torch._ops.OpOverload):
        return _compute(node, arguments, keywords, builder)
    results = lower(builder, target, arguments, keywords, lambda: _expected(node, arguments, keywords))
    if isinstance(results, tuple) and any(result is None for result in results) and _reads_more_than_first(node):
        reason = f"the model reads more than the first result of {target.split('.')[1]}"
        results = builder.fallback(target, arguments, keywords, _expected(node, arguments, keywords), reason)
    _check_shapes(node, results)
    return results


def _compute(node: torch.fx.Node, arguments: list[Any], keywords: dict[str, Any], builder: GraphBuilder) -> Any:
    """Computes a function of sizes, such as a comparison that export has added."""
    if not callable(node.target) or any(isinstance(leaf, Value) for leaf in (*arguments, *keywords.values())):
        raise CaptureError(f"{node.target} in {builder.scope!r} works on sizes that depend on the data")
    return node.target(*arguments, **keywords)


def _expected(node: torch.fx.Node, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    """Returns the shapes and dtypes of a call's results; torch is asked again where export left sizes open.

    Export does not read the values of a mask in a buffer; the sizes of what they choose are known here.
    """
    expected = node.meta["val"]
    tensors = [leaf for leaf in pytree.tree_leaves(expected) if isinstance(leaf, torch.Tensor)]
    if all(isinstance(size, int) for tensor in tensors for size in tensor.shape):
        return expected
    try:
        return meta_results(str(node.target), arguments, keywords)
    except (NotImplementedError, RuntimeError):
        return expected


def _reads_more_than_first(node: torch.fx.Node) -> bool:
    return any(user.target is not operator.getitem or user.args[1] != 0 for user in node.users if user.users)


def _inline(node: torch.fx.Node, arguments: list[Any], builder: GraphBuilder) -> Any:
    """Runs the body of a block that only switches autograd or autocast off."""
    name = str(node.target)
    bodies = [argument for argument in arguments if isinstance(argument, torch.fx.GraphModule)]
    if not name.startswith("wrap_with") or len(bodies) != 1:
        raise CaptureError(f"{name} in {builder.scope!r}: control flow that depends on the data has no graph")
    body = bodies[0]
    operands = arguments[arguments.index(body) + 1 :]
    names = [inner.name for inner in body.graph.nodes if inner.op == "placeholder"]
    values = dict(zip(names, operands, strict=True))
    _interpret(body, values, builder)
    (output,) = (inner for inner in body.graph.nodes if inner.op == "output")
    return torch.fx.node.map_arg(output.args[0], lambda used: values[used.name])


def _check_shapes(node: torch.fx.Node, results: Any) -> None:
    """Raises CaptureError where a lowering's result has another shape than torch's, as far as export knows it."""
    expected = node.meta["val"] if isinstance(node.meta["val"], tuple | list) else [node.meta["val"]]
    given = results if isinstance(results, tuple | list) else [results]
    for result, example in zip(given, expected, strict=True):
        if isinstance(result, Value) and not _agree(result.shape, example.shape):
            raise CaptureError(
                f"{node.target} ({node.name}) was captured with shape {result.shape} where torch has "
                f"{tuple(example.shape)}; please report this model"
            )


def _agree(shape: tuple[int, ...], example: Sequence[Any]) -> bool:
    """Tells whether a shape is the example's; sizes that export left open agree with any."""
    if len(shape) != len(example):
        return False
    return all(not isinstance(known, int) or size == known for size, known in zip(shape, example, strict=True))


def _output_leaf(spec: Any, values: dict[str, Any]) -> Any:
    if spec.kind != OutputKind.USER_OUTPUT:
        raise CaptureError(
            f"the model writes to {spec.target!r} as it runs ({spec.kind.name.lower()}); a stream's memory belongs "
            "in the session, so remove the state from the model"
        )
    return spec.arg.value if isinstance(spec.arg, ConstantArgument) else values[spec.arg.name]


def _name_of(node: torch.fx.Node) -> str:
    """Returns the path of the module that a node comes from; what is not a torch layer adds its operator's name."""
    stack = node.meta.get("nn_module_stack")
    word = str(node.target).split(".")[1] if "." in str(node.target) else node.name
    if not stack:
        return word
    path, kind = list(stack.values())[-1]
    path = path.split("@")[0]
    kind = kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"
    is_layer = kind.startswith("torch.nn.modules.") and not kind.startswith("torch.nn.modules.container.")
    return path if path and is_layer else ".".join(part for part in (path, word) if part)
