"""One module per container: what its headers say, without decoding a pixel.

Each has `read(source, limits) -> Probe`. All lengths and offsets come from strangers: they are checked by
`Source`, loops advance or are counted, and the only errors are those of `contracts/errors.py`.
"""
