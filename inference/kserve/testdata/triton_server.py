"""Serves graphs by a Triton server, as models called PACK-GRAPH. It says "serving" when they are loaded, and ends with its
standard input.

usage: triton_server.py FOLDER PACK GRPC_PORT HTTP_PORT
"""
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

KINDS = {"tensor(float)": np.float32, "tensor(int64)": np.int64}


def described(nodes):
    return [Tensor(name=n.name, dtype=KINDS[n.type], shape=[s if isinstance(s, int) else -1 for s in n.shape]) for n in nodes]


def bind(triton, name, path):
    session = onnxruntime.InferenceSession(str(path))
    outputs = [o.name for o in session.get_outputs()]
    triton.bind(name, lambda requests: [dict(zip(outputs, session.run(outputs, dict(r.data)))) for r in requests],
                described(session.get_inputs()), described(session.get_outputs()), config=ModelConfig(batching=False))


def main():
    folder, pack, grpc, http = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    config = TritonConfig(grpc_address="127.0.0.1", grpc_port=grpc, http_address="127.0.0.1", http_port=http, allow_metrics=False)
    with Triton(config=config) as triton:
        for path in sorted(folder.glob("*.onnx")):
            bind(triton, f"{pack}-{path.stem}", path)
        print("serving", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
