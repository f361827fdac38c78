"""Pictures: what comes in, and what is made of it.

    formats/    containers, one module each: size, structure, and which bytes are the picture
    probe       what a file is, before it is accepted                      (the write service)
    metadata    what it says about people, taken out; facts from EXIF
    fence       rendering in children that can be killed                   (the worker)
    child       such a child: decode -> scale -> colours -> appearance, animation, encode
    placeholder a picture while the real ones are being made               (the read service)

`probe`, `metadata`, `fence` and `placeholder` import no decoder; only children decode strangers' bytes.
"""
