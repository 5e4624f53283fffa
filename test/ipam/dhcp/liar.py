"""A DHCP server on eth0 that answers each DISCOVER with the lies named in its arguments; "truth" leases 10.9.0.77 for two seconds."""
import os, socket, struct, sys

COOKIE = b"\x63\x82\x53\x63"
SERVER = socket.inet_aton("10.9.0.1")


def option(code, value):
    return bytes([code, len(value)]) + value


def terms(mask="255.255.255.0", time=2, server=SERVER):
    return option(54, server) + option(51, struct.pack("!I", time)) + option(1, socket.inet_aton(mask))


def reply(request, kind, options, address="10.9.0.77", xid=None):
    fixed = bytearray(request[:236])
    fixed[0] = 2
    if xid is not None:
        fixed[4:8] = xid
    fixed[16:20] = socket.inet_aton(address)
    return bytes(fixed) + COOKIE + option(53, bytes([kind])) + options


def lie(name, request, kind):
    if name == "truth":
        return reply(request, kind, terms() + b"\xff")
    if name == "xid":
        return reply(request, kind, terms() + b"\xff", xid=b"\0\0\0\1")
    if name == "short":
        return reply(request, kind, b"")[:120]
    if name == "beyond":
        return reply(request, kind, terms() + bytes([6, 200, 1, 2]))
    if name == "mask":
        return reply(request, kind, terms(mask="255.0.255.0") + b"\xff")
    if name == "zero":
        return reply(request, kind, terms() + b"\xff", address="0.0.0.0")
    if name == "lengths":
        return reply(request, kind, terms() + option(3, b"\x0a\x09") + b"\xff")
    if name == "garbage":
        return os.urandom(400)
    if name == "nameless":
        return reply(request, kind, option(51, b"\0\0\0\4") + option(1, b"\xff\xff\xff\0") + b"\xff")
    if name == "other-ack":
        return reply(request, kind, terms() + b"\xff", address="10.9.0.77" if kind == 2 else "10.9.0.78")
    if name == "nak":
        return reply(request, 2, terms() + b"\xff") if kind == 2 else reply(request, 6, option(54, SERVER) + option(56, b"not today") + b"\xff")
    raise SystemExit(f"unknown lie {name}")


listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
listener.bind(("", 67))
print("ready", flush=True)
while True:
    request = listener.recv(2048)
    kinds = {1: 2, 3: 5}
    kind = kinds.get(request[242])
    print("flags", request[10:12].hex(), "type", request[242], flush=True)
    if kind is not None:
        for name in sys.argv[1:]:
            listener.sendto(lie(name, request, kind), ("255.255.255.255", 68))
