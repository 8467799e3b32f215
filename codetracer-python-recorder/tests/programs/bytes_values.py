"""bytes, bytearray and memoryview, changed in place, sliced, not contiguous, released."""

data = b"a'b\"\x00\xff"
buffer = bytearray(b"abc")
view = memoryview(buffer)
view[0] = 122
every_second = view[::2]
part = view[1:]
typed = memoryview(bytes(8)).cast("i")
view.release()
part.release()
every_second.release()
buffer += b"!"
long = b"x" * 20000
print(data, buffer, typed[0])
