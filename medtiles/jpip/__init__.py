"""JPEG 2000 streamed by window, resolution, quality and component: JPIP (ISO/IEC 15444-9), without sockets and clocks.

Theory of operation. `request` reads what a client asks; `window` finds the precincts that the asked window needs;
`bins` knows what lies in each data-bin of a codestream, by `transcode.packet_index`, and `boxes` what lies in those of
a file's metadata; `model` knows what the client has. `answer` puts these together: messages in the order of their use.
`session` remembers models between requests, `rates` bounds bytes a second, and `server` is all of it for whoever
carries bytes. `messages` turns pieces of data-bins into bytes and back; `assembly` makes a codestream of the data-bins
that a client has so far. Nothing here decodes, waits, or opens a connection.
"""
