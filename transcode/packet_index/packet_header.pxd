# The types with which Cython compiles packet_header.py; without a compiler it runs as it is.
cimport cython

cdef class PacketHeaders:
    cdef const unsigned short[::1] _component
    cdef const unsigned char[::1] _styles
    cdef const int[::1] _bands
    cdef const int[::1] _across
    cdef const int[::1] _down
    cdef const long long[::1] _blocks
    cdef const long long[::1] _nodes
    cdef unsigned char[::1] _is_included
    cdef unsigned char[::1] _lblock
    cdef unsigned short[::1] _passes
    cdef unsigned char[::1] _has_cleanup
    cdef unsigned short[::1] _inclusion_low
    cdef unsigned char[::1] _inclusion_known
    cdef unsigned short[::1] _planes_low
    cdef unsigned char[::1] _planes_known
    cdef long long[::1] _path
    cdef const unsigned char[::1] _data
    cdef Py_ssize_t _at
    cdef Py_ssize_t _end
    cdef int _byte
    cdef int _left

    @cython.locals(across=int, down=int, block="long long", node="long long", length="long long", x=int, y=int, is_here="bint")
    cdef long long _band(self, int band, int layer, int style) except -1
    @cython.locals(threshold=int)
    cdef int _read_zero_bit_planes(self, long long node, int across, int down, int x, int y) except -1
    @cython.locals(leaf="long long", depth=int, value=int)
    cdef int _is_below(self, unsigned short[::1] low, unsigned char[::1] known, long long node, int across, int down, int x, int y, int threshold) except -1
    @cython.locals(passes=int, lblock=int, done=int, length="long long", taken=int, size="long long")
    cdef long long _lengths(self, long long block, int style) except -1
    @cython.locals(more=int)
    cdef int _pass_count(self) except -1
    @cython.locals(value="long long")
    cdef long long _bits(self, int count) except -1
    cdef int _bit(self) except -1

cdef int segment(int done, int passes, int style)
cdef int ht_segment(int done, int passes)
cdef int floor_log2(int value)
