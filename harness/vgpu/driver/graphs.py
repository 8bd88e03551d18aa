"""CUDA graphs: captured from streams or built node by node, instantiated, launched.

A launch runs the nodes in the order in which they were added, with the arguments that they were given then, and puts
them on the clock as one submission. A graph that is launched into a stream that is being captured becomes its nodes.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path

from harness.vgpu import graph as scheduled
from harness.vgpu.clock import Clock
from harness.vgpu.driver import capture, contexts, functions, handles, launch, streams
from harness.vgpu.driver.capture import Graph, GraphNode, NodeType
from harness.vgpu.driver.entry import entry
from harness.vgpu.driver.errors import DriverError, Result
from harness.vgpu.driver.state import driver

_DEVICE_LAUNCH = 4  # CUDA_GRAPH_INSTANTIATE_FLAG_DEVICE_LAUNCH
_UPDATE_ERROR_TOPOLOGY, _UPDATE_ERROR_TYPE = 2, 3  # CUgraphExecUpdateResult


@dataclass(eq=False)
class GraphExec:
    """An executable graph: the nodes as they were when it was instantiated."""

    nodes: tuple[GraphNode, ...]
    flags: int
    clock: Clock | None = None
    number: int = 0  # on that clock

    def launch(self, stream: streams.Stream) -> None:
        """Do the work of every node, then give all of them their times."""
        if self.clock is not driver.clock:
            self.clock, self.number = driver.clock, driver.clock.graph_number()
        made: list[scheduled.Node] = []
        places: dict[int, tuple[int, ...]] = {}  # of each node, on the clock: empty nodes are what they wait for
        for place, node in enumerate(self.nodes):
            after = tuple(sorted({each for earlier in node.after for each in places[earlier]}))
            places[place] = after if node.run is None else (len(made),)
            if node.run is not None:
                made.append(scheduled.Node.at(len(made), node.run(), after))
        driver.clock.launch_graph(stream.number, scheduled.Graph(self.number, tuple(made)))


def instantiate(handle: int, flags: int) -> int:
    """The executable's handle."""
    if flags & _DEVICE_LAUNCH:
        raise DriverError(Result.NOT_SUPPORTED, "the vgpu launches no graphs from the device")
    graph = handles.table.get(handle, Graph)
    driver.clock.call("cuGraphInstantiate")
    return handles.table.add(GraphExec(tuple(graph.nodes), flags))


@entry
def cuStreamBeginCapture_v2(hStream, mode):
    capture.begin(streams.get(hStream), mode)


@entry
def cuStreamEndCapture(hStream, phGraph):
    phGraph[0] = 0
    phGraph[0] = handles.table.add(capture.end(streams.get(hStream)))


@entry
def cuStreamIsCapturing(hStream, captureStatus):
    captureStatus[0] = capture.status(streams.get(hStream))


@entry
def cuStreamGetCaptureInfo_v2(hStream, captureStatus_out, id_out, graph_out, dependencies_out, numDependencies_out):
    """The graph itself has no handle before the capture has ended."""
    for pointer in (graph_out, dependencies_out, numDependencies_out):
        if pointer:
            message = "the vgpu gives the status and the id of a capture, not its graph: end the capture first"
            raise DriverError(Result.NOT_SUPPORTED, message)
    stream = streams.get(hStream)
    captureStatus_out[0] = capture.status(stream)
    if id_out and stream.capture:
        id_out[0] = stream.capture.number


@entry
def cuStreamGetCaptureInfo_v3(
    hStream, captureStatus_out, id_out, graph_out, dependencies_out, edgeData_out, numDependencies_out
):
    cuStreamGetCaptureInfo_v2(
        hStream, captureStatus_out, id_out, graph_out, dependencies_out or edgeData_out, numDependencies_out
    )


@entry
def cuThreadExchangeStreamCaptureMode(mode):
    mode[0] = capture.exchange_mode(mode[0])


@entry
def cuGraphCreate(phGraph, flags):
    if flags:
        raise DriverError(Result.INVALID_VALUE, f"cuGraphCreate takes no flags, got {flags}")
    phGraph[0] = handles.table.add(Graph())


@entry
def cuGraphClone(phGraphClone, originalGraph):
    clone = Graph()
    for node in handles.table.get(originalGraph, Graph).nodes:
        clone.add(node.kind, node.run, node.after)
    phGraphClone[0] = handles.table.add(clone)


@entry(clean_up=True)
def cuGraphDestroy(hGraph):
    handles.table.remove(hGraph, Graph).destroy()


@entry
def cuGraphAddEmptyNode(phGraphNode, hGraph, dependencies, numDependencies):
    _add(phGraphNode, hGraph, dependencies, numDependencies, NodeType.EMPTY, None)


@entry
def cuGraphAddKernelNode_v2(phGraphNode, hGraph, dependencies, numDependencies, nodeParams):
    function = functions.get(nodeParams.func)
    parameters = launch.parameters_of(function, nodeParams.kernelParams, nodeParams.extra)
    grid = nodeParams.gridDimX, nodeParams.gridDimY, nodeParams.gridDimZ
    block = nodeParams.blockDimX, nodeParams.blockDimY, nodeParams.blockDimZ
    run = launch.prepared(function, grid, block, nodeParams.sharedMemBytes, parameters)
    _add(phGraphNode, hGraph, dependencies, numDependencies, NodeType.KERNEL, run)


def _add(phGraphNode, hGraph, dependencies, numDependencies, kind: NodeType, run) -> None:
    graph = handles.table.get(hGraph, Graph)
    places = {node.handle: place for place, node in enumerate(graph.nodes)}
    wanted = [dependencies[index] for index in range(numDependencies)]
    if strange := [handle for handle in wanted if handle not in places]:
        raise DriverError(Result.INVALID_VALUE, f"{strange[0]:#x} is no node of this graph")
    place = graph.add(kind, run, tuple(sorted({places[handle] for handle in wanted})))
    phGraphNode[0] = graph.nodes[place].handle


@entry
def cuGraphGetNodes(hGraph, nodes, numNodes):
    _list([node.handle for node in handles.table.get(hGraph, Graph).nodes], nodes, numNodes)


@entry
def cuGraphGetRootNodes(hGraph, rootNodes, numRootNodes):
    _list([node.handle for node in handles.table.get(hGraph, Graph).nodes if not node.after], rootNodes, numRootNodes)


def _list(found: list[int], into, count) -> None:
    """How many there are; or as many as there is room for, and 0 in the places that are left."""
    if not into:
        count[0] = len(found)
        return
    for index in range(count[0]):
        into[index] = found[index] if index < len(found) else 0
    count[0] = min(count[0], len(found))


@entry
def cuGraphNodeGetType(hNode, type):
    type[0] = handles.table.get(hNode, GraphNode).kind


@entry
def cuGraphDebugDotPrint(hGraph, path, flags):
    """A node a line, an edge a line, in Graphviz' language."""
    nodes = handles.table.get(hGraph, Graph).nodes
    lines = [f'  n{place} [label="{place}: {node.kind.name.lower()}"];' for place, node in enumerate(nodes)]
    lines += [f"  n{earlier} -> n{place};" for place, node in enumerate(nodes) for earlier in node.after]
    target = Path(ctypes.string_at(path).decode())
    try:
        target.write_text("\n".join(["digraph graph_ {", *lines, "}", ""]))
    except OSError as error:
        raise DriverError(Result.OPERATING_SYSTEM, f"cannot write {target}: {error.strerror}") from error


@entry
def cuGraphInstantiateWithFlags(phGraphExec, hGraph, flags):
    phGraphExec[0] = instantiate(hGraph, flags)


@entry
def cuGraphInstantiateWithParams(phGraphExec, hGraph, instantiateParams):
    phGraphExec[0] = instantiate(hGraph, instantiateParams.flags)
    instantiateParams.hErrNode_out = instantiateParams.result_out = 0  # no node at fault: success


@entry
def cuGraphExecGetFlags(hGraphExec, flags):
    flags[0] = handles.table.get(hGraphExec, GraphExec).flags


@entry
def cuGraphExecUpdate_v2(hGraphExec, hGraph, resultInfo):
    """Take over the nodes of a graph with the same shape."""
    executable, graph = handles.table.get(hGraphExec, GraphExec), handles.table.get(hGraph, Graph)
    resultInfo.result, resultInfo.errorNode, resultInfo.errorFromNode = 0, 0, 0
    if [node.after for node in executable.nodes] != [node.after for node in graph.nodes]:
        resultInfo.result = _UPDATE_ERROR_TOPOLOGY
    elif [node.kind for node in executable.nodes] != [node.kind for node in graph.nodes]:
        resultInfo.result = _UPDATE_ERROR_TYPE
    if resultInfo.result:
        message = "the graph has other nodes or dependencies than the executable: instantiate it"
        raise DriverError(Result.GRAPH_EXEC_UPDATE_FAILURE, message)
    executable.nodes = tuple(graph.nodes)


@entry
def cuGraphUpload(hGraphExec, hStream):
    """Nothing is faster for it on the vgpu: a first launch is as any other."""
    handles.table.get(hGraphExec, GraphExec)
    capture.entered(streams.get(hStream), "cuGraphUpload")


@entry
def cuGraphLaunch(hGraphExec, hStream):
    executable, stream = handles.table.get(hGraphExec, GraphExec), streams.get(hStream)
    into = capture.entered(stream, "cuGraphLaunch")
    if into is None:
        executable.launch(stream)
        return
    driver.clock.call("cuGraphLaunch")
    first, before = len(into.graph.nodes), into.frontiers[stream]
    for node in executable.nodes:
        into.graph.add(node.kind, node.run, tuple(first + place for place in node.after) or before)
    waited_for = {place for node in executable.nodes for place in node.after}
    last = tuple(first + place for place in range(len(executable.nodes)) if place not in waited_for)
    into.frontiers[stream] = last or before


@entry(clean_up=True)
def cuGraphExecDestroy(hGraphExec):
    handles.table.remove(hGraphExec, GraphExec)


def _end(context: contexts.Context) -> None:
    """A context that ends takes the captures on its streams along."""
    for each in [each for each in capture.going_on if each.origin.context is context]:
        each.invalidate("its context ended")
        each.end()


contexts.at_end.append(_end)
