"""A TCP proxy on loopback between a sweep and its MLflow server, with faults to switch on."""

import asyncio
import math
import threading
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, Self

from tests.sweeps.record.postgres import free_port

Kind = Literal["refuse", "hang", "503", "cut", "swallow", "late"]
"""`refuse` connections; `hang` without an answer; answer `503`; `cut` requests after a few bytes; let the server do it and
`swallow` its reply; let the server do it `late`, long after the client has given up."""

_CUT_BYTES = 40
_LATE_S = 2.5
_UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbusy"


@dataclass
class Fault:
    """What goes wrong with requests.

    Attributes:
        kind: How.
        path: Only with those whose head holds this.
        times: How often.
    """

    kind: Kind
    path: str = ""
    times: float = math.inf

    def strikes(self, request: bytes) -> bool:
        if self.times <= 0 or self.path.encode() not in request:
            return False
        self.times -= 1
        return True


class Proxy:
    """Passes connections on to a port while the context is open."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._port = free_port()
        self.uri = f"http://127.0.0.1:{self._port}"
        self.fault: Fault | None = None
        self.bytes_per_s = math.inf
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._listen())
        return self

    def __exit__(self, *exception: object) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def break_(self, kind: Kind, *, path: str = "", times: float = math.inf) -> None:
        self.fault = Fault(kind, path, times)
        if kind == "refuse":
            self._call(self._close())

    def heal(self) -> None:
        self.fault = None
        if self._server is None:
            self._call(self._listen())

    def _call(self, what: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._handle, "127.0.0.1", self._port)

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0.05)

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        server: asyncio.StreamWriter | None = None
        back: asyncio.Task[None] | None = None
        deaf = asyncio.Event()
        try:
            answers, server = await asyncio.open_connection("127.0.0.1", self._to)
            self._writers.add(server)
            back = asyncio.create_task(_pump(answers, writer, deaf))
            while data := await reader.read(65536):
                fault = self.fault
                if fault is not None and fault.strikes(data):
                    await self._strike(fault.kind, data, writer, server, deaf)
                    return
                server.write(data)
                await server.drain()
                await asyncio.sleep(len(data) / self.bytes_per_s)
        except OSError:
            pass
        finally:
            for each in (writer, server):
                if each is not None:
                    self._writers.discard(each)
                    each.close()
            if back is not None:
                back.cancel()

    async def _strike(
        self,
        kind: Kind,
        data: bytes,
        writer: asyncio.StreamWriter,
        server: asyncio.StreamWriter,
        deaf: asyncio.Event,
    ) -> None:
        if kind == "503":
            writer.write(_UNAVAILABLE)
            await writer.drain()
        elif kind == "hang":
            await asyncio.sleep(_LATE_S)
        elif kind == "cut":
            server.write(data[:_CUT_BYTES])
            await server.drain()
        elif kind in ("swallow", "late"):
            deaf.set()
            await asyncio.sleep(_LATE_S if kind == "late" else 0)
            server.write(data)
            await server.drain()
            await asyncio.sleep(1.0)  # the server has done it by then


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, deaf: asyncio.Event) -> None:
    """Carries answers back, until nobody should hear them."""
    with suppress(OSError):
        while data := await reader.read(65536):
            if not deaf.is_set():
                writer.write(data)
                await writer.drain()
    writer.close()
