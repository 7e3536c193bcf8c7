"""Reads MQTT's basic types between two bounds of a buffer; running out of bytes is a ProtocolError."""

from __future__ import annotations

from device_gateway.mqtt.packets import ProtocolError, Reason


def malformed(text: str) -> ProtocolError:
    """The bytes don't follow the format."""
    return ProtocolError(Reason.MALFORMED_PACKET, text)


class Reader:
    """A cursor over one packet: `at` the next byte, `end` the first byte after the packet."""

    __slots__ = ("at", "buffer", "end")

    def __init__(self, buffer: bytearray, at: int, end: int) -> None:
        self.buffer = buffer
        self.at = at
        self.end = end

    def _take(self, count: int) -> int:
        start = self.at
        if start + count > self.end:
            raise malformed("the packet ends inside a field")
        self.at = start + count
        return start

    def byte(self) -> int:
        """One byte."""
        return self.buffer[self._take(1)]

    def u16(self) -> int:
        """Two Byte Integer."""
        start = self._take(2)
        return self.buffer[start] << 8 | self.buffer[start + 1]

    def u32(self) -> int:
        """Four Byte Integer."""
        start = self._take(4)
        return int.from_bytes(self.buffer[start : start + 4], "big")

    def varint(self) -> int:
        """Variable Byte Integer, 1 to 4 bytes."""
        value = 0
        for shift in (0, 7, 14, 21):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if not byte & 0x80:
                return value
        raise malformed("a variable byte integer has more than 4 bytes")

    def binary(self) -> bytes:
        """Binary Data: a length of two bytes and that many bytes."""
        length = self.u16()
        start = self._take(length)
        return bytes(self.buffer[start : start + length])

    def text(self) -> str:
        """UTF-8 Encoded String; MQTT forbids U+0000 and surrogates in it."""
        try:
            text = self.binary().decode()
        except UnicodeDecodeError:
            raise malformed("a text is not UTF-8") from None
        if "\0" in text:
            raise malformed("a text contains U+0000")
        return text

    def finish(self) -> None:
        """The packet must end here."""
        if self.at != self.end:
            raise malformed("the packet is longer than its fields")
