"""What a function does to its argument, as tensor operations of which none is without effect."""

__all__ = ["recorded", "simplify"]

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.fx import GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.node import map_arg

aten = torch.ops.aten
OF_SHAPE = {aten.zeros_like.default, aten.ones_like.default, aten.full_like.default}
SAME_IF_SHAPE = {aten.view.default, aten.expand.default, aten._unsafe_view.default}
SAME_WITH_0 = {aten.add.Tensor, aten.sub.Tensor}
SAME_WITH_1 = {aten.mul.Tensor, aten.div.Tensor, aten.pow.Tensor_Scalar}
COMMUTES = {aten.add.Tensor, aten.mul.Tensor}


def recorded(
    function: Callable[..., Any], *examples: Tensor, may_draw: bool = False
) -> GraphModule:
    """Return the operations of a function, as it runs for some arguments.

    Args:
        function: Of tensors.
        examples: Its arguments.
        may_draw: Whether it may draw random numbers, which the recording draws afresh.

    Raises:
        RuntimeError: If it branches on values, draws and may not, or has parameters.
    """
    # Of a method make_fx would count self.
    module: GraphModule = make_fx(lambda *given: function(*given))(*examples)
    for node in module.graph.nodes:
        if draws(node) and not may_draw:
            raise RuntimeError(f"it draws random numbers ({node.target})")
        if node.op == "get_attr" and constant(module, node).requires_grad:
            raise RuntimeError("it has parameters, which would be constants")
    return module


def draws(node: Node) -> bool:
    """Say whether a node draws random numbers."""
    target = node.target
    return isinstance(target, OpOverload) and torch.Tag.nondeterministic_seeded in target.tags


def constant(module: GraphModule, node: Node) -> Tensor:
    """Return the tensor that a node stands for."""
    value = getattr(module, str(node.target))
    return value if isinstance(value, Tensor) else torch.empty(())


def simplify(module: GraphModule, *examples: Tensor) -> None:
    """Compute what is constant, and leave out what changes nothing.

    Args:
        module: Operations without any in place; they hold for the shapes of the examples alone.
        examples: What they are run for.
    """
    values: dict[Node, Any] = {}
    given = iter(examples)
    known: set[Node] = set()
    for node in list(module.graph.nodes):
        if node.op == "placeholder":
            values[node] = next(given)
        elif node.op == "get_attr":
            values[node] = constant(module, node)
            known.add(node)
        elif node.op == "call_function":
            args, kwargs = map_arg((node.args, node.kwargs), values.__getitem__)
            values[node] = node.target(*args, **kwargs)
            if draws(node):
                continue
            if node.target in OF_SHAPE or all(each in known for each in node.all_input_nodes):
                known.add(node)
            elif (same := same_as(node, values, known)) is not None:
                node.replace_all_uses_with(same)
    for node in known:
        if node.op == "call_function" and isinstance(values[node], Tensor):
            replace(module, node, values[node])
    module.graph.eliminate_dead_code()
    module.recompile()


def same_as(node: Node, values: dict[Node, Any], known: set[Node]) -> Node | None:
    """Return the argument that a node leaves as it is, if there is one."""

    def is_all(argument: Any, number: float) -> bool:
        if isinstance(argument, Node):
            return argument in known and bool((values[argument] == number).all())
        return isinstance(argument, int | float) and argument == number

    target, args = node.target, node.args
    first = args[0] if args else None
    if target is aten.neg.default and isinstance(first, Node) and first.target is target:
        found = first.args[0]
    elif target in SAME_IF_SHAPE:
        found = first
    elif target in SAME_WITH_0 | SAME_WITH_1 and not node.kwargs:
        neutral = 0 if target in SAME_WITH_0 else 1
        if is_all(args[1], neutral):
            found = first
        elif target in COMMUTES and is_all(first, neutral):
            found = args[1]
        else:
            return None
    else:
        return None
    if not isinstance(found, Node):
        return None
    before, after = values[found], values[node]
    return found if before.shape == after.shape and before.dtype == after.dtype else None


def replace(module: GraphModule, node: Node, value: Tensor) -> None:
    """Put a constant in the place of a node."""
    name = f"constant_{node.name}"
    module.register_buffer(name, value, persistent=False)
    with module.graph.inserting_before(node):
        node.replace_all_uses_with(module.graph.get_attr(name))
