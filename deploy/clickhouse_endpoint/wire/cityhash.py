"""CityHash128 of version 1.0.2, the checksum of ClickHouse's compressed blocks.

After Google's CityHash 1.0.2 (city.cc), the version that ClickHouse keeps (contrib/cityhash102). Pure Python, some
megabytes a second: enough for the clients that ask for this framing, which are few.
"""

from __future__ import annotations

from struct import unpack_from

_K0, _K1, _K2, _K3 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F, 0xC949D7C7509E6557
_MUL = 0x9DDFEA08EB382D69
_64 = 0xFFFFFFFFFFFFFFFF


def _word(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 8], "little")


def _rotate(value: int, shift: int) -> int:
    value &= _64
    return ((value >> shift) | (value << (64 - shift))) & _64 if shift else value


def _mix(value: int) -> int:
    value &= _64
    return value ^ (value >> 47)


def _pair(low: int, high: int) -> int:
    low, high = low & _64, high & _64
    first = ((low ^ high) * _MUL) & _64
    first ^= first >> 47
    second = ((high ^ first) * _MUL) & _64
    second ^= second >> 47
    return (second * _MUL) & _64


def _short(data: bytes) -> int:
    size = len(data)
    if size > 8:
        first, last = _word(data, 0), _word(data, size - 8)
        return _pair(first, _rotate(last + size, size)) ^ last
    if size >= 4:
        return _pair(size + (int.from_bytes(data[:4], "little") << 3), int.from_bytes(data[-4:], "little"))
    if size:
        low, high = data[0] + (data[size >> 1] << 8), size + (data[-1] << 2)
        return (_mix((low * _K2) ^ (high * _K3)) * _K2) & _64
    return _K2


def _weak(w: int, x: int, y: int, z: int, a: int, b: int) -> tuple[int, int]:
    a = (a + w) & _64
    b = _rotate(b + a + z, 21)
    kept = a
    a = (a + x + y) & _64
    return (a + z) & _64, (b + _rotate(a, 44) + kept) & _64


def _weak_at(data: bytes, at: int, a: int, b: int) -> tuple[int, int]:
    w, x, y, z = unpack_from("<QQQQ", data, at)
    return _weak(w, x, y, z, a, b)


def _murmur(data: bytes, a: int, b: int) -> tuple[int, int]:
    size = len(data)
    if size <= 16:
        a = (_mix(a * _K1) * _K1) & _64
        c = (b * _K1 + _short(data)) & _64
        d = _mix(a + (_word(data, 0) if size >= 8 else c))
    else:
        c = _pair(_word(data, size - 8) + _K1, a)
        d = _pair(b + size, c + _word(data, size - 16))
        a = (a + d) & _64
        for at in range(0, size - 16, 16):
            a = ((a ^ (_mix(_word(data, at) * _K1) * _K1)) * _K1) & _64
            b ^= a
            c = ((c ^ (_mix(_word(data, at + 8) * _K1) * _K1)) * _K1) & _64
            d ^= c
    a, b = _pair(a, c), _pair(d, b)
    return a ^ b, _pair(b, a)


def _seeded(data: bytes, x: int, y: int) -> tuple[int, int]:
    size = len(data)
    if size < 128:
        return _murmur(data, x, y)
    z = (size * _K1) & _64
    v0 = (_rotate(y ^ _K1, 49) * _K1 + _word(data, 0)) & _64
    v1 = (_rotate(v0, 42) * _K1 + _word(data, 8)) & _64
    w0 = (_rotate(y + z, 35) * _K1 + x) & _64
    w1 = (_rotate(x + _word(data, 88), 53) * _K1) & _64
    whole = size - size % 128
    for at in range(0, whole, 64):
        # Written out: this loop is all the time that the hash takes.
        f0, f1, f2, f3, f4, f5, f6, f7 = unpack_from("<QQQQQQQQ", data, at)
        t = (x + y + v0 + f2) & _64
        x = ((((t >> 37) | (t << 27)) & _64) * _K1 & _64) ^ w1
        t = (y + v1 + f6) & _64
        y = ((((t >> 42) | (t << 22)) & _64) * _K1 & _64) ^ v0
        t = z ^ w0
        z = ((t >> 33) | (t << 31)) & _64
        a = (v1 * _K1 + f0) & _64
        b = (x + w0 + a + f3) & _64
        b = ((b >> 21) | (b << 43)) & _64
        c = (a + f1 + f2) & _64
        v0, v1 = (c + f3) & _64, (b + (((c >> 44) | (c << 20)) & _64) + a) & _64
        a = (z + w1 + f4) & _64
        b = (y + a + f7) & _64
        b = ((b >> 21) | (b << 43)) & _64
        c = (a + f5 + f6) & _64
        w0, w1 = (c + f7) & _64, (b + (((c >> 44) | (c << 20)) & _64) + a) & _64
        z, x = x, z
    y = (y + _rotate(w0, 37) * _K0 + z) & _64
    x = (x + _rotate(v0 + z, 49) * _K0) & _64
    done = 0
    while done < size - whole:
        done += 32
        at = size - done
        y = (_rotate(y - x, 42) * _K0 + v1) & _64
        w0 = (w0 + _word(data, at + 16)) & _64
        x = (_rotate(x, 49) * _K0 + w0) & _64
        w0 = (w0 + v0) & _64
        v0, v1 = _weak_at(data, at, v0, v1)
    x, y = _pair(x, v0), _pair(y, w0)
    return (_pair(x + v1, w1) + y) & _64, _pair(x + w1, y + v1)


def city_hash_128(data: bytes) -> tuple[int, int]:
    """The hash as two halves of 64 bits, in the order in which ClickHouse writes them."""
    size = len(data)
    if size >= 16:
        return _seeded(data[16:], _word(data, 0) ^ _K3, _word(data, 8))
    if size >= 8:
        return _seeded(b"", _word(data, 0) ^ ((size * _K0) & _64), _word(data, size - 8) ^ _K1)
    return _seeded(data, _K0, _K1)
