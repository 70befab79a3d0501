"""The nodes of the cluster that this process is connected to, asked one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Node = dict[str, Any]


def alive() -> list[Node]:
    """Nodes that answer, as Ray describes them."""
    import ray

    return [node for node in ray.nodes() if node["Alive"]]


def name_of(node: Node) -> str:
    """What a person calls it."""
    return f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"


def on_each_node(function: Callable[..., Any], *arguments: object) -> Iterator[tuple[Node, Any]]:
    """Runs a function once on every node, all at the same time; yields each node and its promise.

    Args:
        function: Defined inside another, it is sent as it is, so that a node without promopilot can
            run it too.
        arguments: Its arguments.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    asked = []
    for node in alive():
        there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        task = ray.remote(function).options(num_cpus=0, scheduling_strategy=there)
        asked.append((node, task.remote(*arguments)))
    yield from asked
