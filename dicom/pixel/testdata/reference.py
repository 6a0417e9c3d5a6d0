"""Renders a frame that dcmj2pnm cannot read, as PNM on standard output.

usage: reference.py FILE FRAME CENTER WIDTH (frames from 1; CENTER and WIDTH of a LINEAR_EXACT window, for grey)
"""
import io
import sys
import zlib

import numpy
import pydicom
from PIL import Image
from pydicom.encaps import generate_pixel_data_frame
from pydicom.pixel_data_handlers.util import apply_color_lut


def samples(ds, frame):
    syntax = ds.file_meta.TransferSyntaxUID
    if syntax == "1.2.840.10008.1.2.8.1":  # deflated image frames, of 1 bit here
        encoded = list(generate_pixel_data_frame(ds.PixelData, int(ds.NumberOfFrames)))[frame]
        bits = numpy.unpackbits(numpy.frombuffer(zlib.decompress(encoded, -15), "u1"), bitorder="little")
        return bits[: ds.Rows * ds.Columns].reshape(ds.Rows, ds.Columns)
    if syntax == "1.2.840.10008.1.2.4.50":
        encoded = list(generate_pixel_data_frame(ds.PixelData, int(ds.NumberOfFrames)))[frame]
        return numpy.array(Image.open(io.BytesIO(encoded)).convert("RGB"))
    if "FloatPixelData" in ds:
        return numpy.frombuffer(ds.FloatPixelData, "<f4").reshape(-1, ds.Rows, ds.Columns)[frame]
    stored = ds.pixel_array if int(ds.get("NumberOfFrames", 1)) == 1 else ds.pixel_array[frame]
    if ds.PhotometricInterpretation == "PALETTE COLOR":
        return apply_color_lut(stored, ds) >> 8
    raise SystemExit("not made for " + syntax.name)


def main():
    name, frame, center, width = sys.argv[1:]
    picture = samples(pydicom.dcmread(name), int(frame) - 1)
    if picture.ndim == 2:
        picture = numpy.clip((picture - float(center)) / float(width) + 0.5, 0, 1) * 255 + 0.5
    kind = "P5" if picture.ndim == 2 else "P6"
    sys.stdout.buffer.write(f"{kind}\n{picture.shape[1]} {picture.shape[0]}\n255\n".encode())
    sys.stdout.buffer.write(picture.astype("u1").tobytes())


main()
