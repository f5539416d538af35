"""WebSocket messages (RFC 6455) with microdot, for little memory: a message is unmasked where it lies."""

from microdot.websocket import WebSocket, WebSocketError

from rpc.frame import HEAD_MAX, TOO_LONG

_DISCARDED_MAX = 256 * 1024
_AT_ONCE = 64  # a multiple of the mask's 4 bytes


class Messages(WebSocket):
    """microdot's WebSocket; text arrives as bytes too, whatever they are."""

    async def _read_frame(self):
        reader = self.request.sock[0]
        _, opcode, masked, length = self._parse_frame_header(await reader.readexactly(2))
        if length < 0:
            length = int.from_bytes(await reader.readexactly(-length), "big")
        if length > _DISCARDED_MAX:
            raise WebSocketError("Message too large")
        mask = bytes(await reader.readexactly(4)) if masked else None
        if length > self.max_message_length:
            start = await reader.readexactly(HEAD_MAX)
            await self._discard(reader, length - HEAD_MAX)
            if mask:
                unmask(start, mask)
            return self.BINARY, TOO_LONG + start
        payload = await reader.readexactly(length)
        if mask:
            unmask(payload, mask)
        return self.BINARY if opcode == self.TEXT else opcode, payload

    @staticmethod
    async def _discard(reader, length):
        while length:
            length -= len(await reader.readexactly(min(length, 512)))


def unmask(data, mask):
    """XOR the bytearray `data` with the 4 bytes of `mask`, over and over (5.3)."""
    key = int.from_bytes(mask * (_AT_ONCE // 4), "big")
    for at in range(0, len(data), _AT_ONCE):
        part = data[at : at + _AT_ONCE]
        clear = int.from_bytes(part, "big") ^ key >> 8 * (_AT_ONCE - len(part))
        data[at : at + len(part)] = clear.to_bytes(len(part), "big")
