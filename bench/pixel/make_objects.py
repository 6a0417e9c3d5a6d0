#!/usr/bin/env python3
"""Encodes one frame of each load in the syntaxes to compare.  usage: make_objects.py LOADS OUTDIR

LOADS is where gen_dicom.py put ct, dx and us. The encoders are DCMTK's and GDCM's.
"""
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
from pydicom.encaps import encapsulate

JOBS = [  # encoder, source, result
    ("dcmcjpeg +e1", "ct-native", "ct-jpeg-lossless"), ("dcmcjpeg +e1", "dx-native", "dx-jpeg-lossless"),
    ("dcmcjpls", "ct-native", "ct-jpegls"), ("dcmcjpls", "dx-native", "dx-jpegls"),
    ("dcmcjpeg +ee", "dx-native", "dx-jpeg12"), ("dcmcjpeg +eb", "us-native", "us-jpeg"),
    ("gdcmconv --j2k", "ct-native", "ct-j2k"), ("gdcmconv --j2k", "dx-native", "dx-j2k"),
    ("gdcmconv --rle", "ct-native", "ct-rle"), ("gdcmconv --rle", "dx-native", "dx-rle"),
]


def derive(source, result, change):
    ds = pydicom.dcmread(source)
    change(ds)
    ds.save_as(result, write_like_original=False)


def deepen(ds):
    """all 16 bits in use"""
    ds.BitsStored, ds.HighBit = 16, 15
    ds.WindowCenter, ds.WindowWidth = 16 * ds.WindowCenter, 16 * ds.WindowWidth
    ds.PixelData = (np.frombuffer(ds.PixelData, "<u2") * 16).tobytes()


def first_frame(ds):
    ds.PixelData = ds.PixelData[: ds.Rows * ds.Columns * 3]
    ds.NumberOfFrames = 1


def wrap(ds):
    """not compressed, but in a fragment: decoding costs the way to a worker and back"""
    ds.PixelData = encapsulate([ds.PixelData])
    ds["PixelData"].is_undefined_length = True
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1.98"


def main():
    loads, out = Path(sys.argv[1]), Path(sys.argv[2])
    if (out / "us-jpeg.dcm").exists():
        return
    out.mkdir(parents=True, exist_ok=True)
    (out / "ct-native.dcm").write_bytes((loads / "ct/ct00001.dcm").read_bytes())
    (out / "dx-native.dcm").write_bytes((loads / "dx/dx00001.dcm").read_bytes())
    derive(out / "dx-native.dcm", out / "dx16-native.dcm", deepen)
    derive(out / "ct-native.dcm", out / "ct-wrapped.dcm", wrap)
    derive(loads / "us/us00001.dcm", out / "us-native.dcm", first_frame)
    for encoder, source, result in JOBS:
        subprocess.run([*encoder.split(), out / f"{source}.dcm", out / f"{result}.dcm"], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
