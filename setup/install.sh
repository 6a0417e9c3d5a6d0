#!/usr/bin/env bash
# Installs what Concord needs on a Debian machine that has only Go, git and make.
# usage: setup/install.sh build|demo|test|interop|lint|bench
#
# Run by the Makefile before each target, as root or with sudo. What is there already is left alone, so that a second
# run does nothing and prints nothing. Debian packages come from apt, ONNX Runtime from its npm package (checked against
# a pinned SHA-256), golangci-lint through the Go module proxy; the last two stay below .deps/.
set -euo pipefail
cd "$(dirname "$0")/.."

onnxruntime_version=1.30.0
onnxruntime_sha256=6e3390d6b783e7be946fad629292799da28d0b42f84856e50d2c1b0383291e75
golangci_version=v2.15.0

# gcc and libc6-dev: cgo (SQLite, the binding of ONNX Runtime). libopenjp2-7-dev and libcharls-dev: JPEG 2000 and
# JPEG-LS. libjpeg62-turbo-dev: JPEG of 8 bits. libjxl-dev: JPEG XL. ca-certificates: the Go module proxy.
build_packages=(gcc libc6-dev libopenjp2-7-dev libcharls-dev libjpeg62-turbo-dev libjxl-dev ca-certificates)
# orthanc: the PACS of the demo. dcmtk: dsrdump and other DICOM tools.
demo_packages=("${build_packages[@]}" orthanc dcmtk)
# dicom3tools: dciodvfy, which judges our SRs. libgdcm-tools: gdcmconv, which judges our pictures. libjxl-tools: cjxl, which
# encodes pictures for us. python3-*: the other
# side of interop and picture tests.
# chromium (113 MB): the browser in which the tests use the page; without it they are skipped.
# postgresql: the index's other home; the tests start servers of their own.
# rsyslog*: the audit repository of the tests, in two transports. libxml2-utils: xmllint, which judges our audit messages.
test_packages=("${demo_packages[@]}" dicom3tools libgdcm-tools libjxl-tools python3-hl7 python3-pydicom python3-numpy python3-pil chromium
  rsyslog rsyslog-gnutls libxml2-utils postgresql)

log=.deps/setup.log
# What Concord is measured beside: servers, and for pictures libraries; strace to count what a server syncs.
bench_packages=("${build_packages[@]}" orthanc dcmtk python3-hl7 python3-pydicom python3-numpy python3-onnx strace
  g++ libdcmtk-dev libgdcm-dev libgdcm-tools)

say() { echo "setup: $*" >&2; }
die() { say "$*"; exit 1; }

# logged COMMAND...: runs it with its output in the log; shows the end of the log if it fails.
logged() { "$@" >>$log 2>&1 || { tail -n 20 $log >&2; return 1; }; }

# as_root COMMAND...: runs it as root; may_be_root has to have been asked.
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
may_be_root() { [ "$(id -u)" = 0 ] || command -v sudo >/dev/null; }

# installed PACKAGE: is it?
installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# packages NAME...: installs those that are missing.
packages() {
  local package missing=()
  if ! command -v dpkg-query >/dev/null; then
    say "this is no Debian, so nothing is installed here; these Debian packages, or their like, have to be there: $*"
    return
  fi
  for package in "$@"; do
    installed "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  may_be_root || die "these Debian packages are missing, and installing them needs root or sudo: ${missing[*]}"
  say "installing with apt (log: $log): ${missing[*]}"
  logged as_root apt-get update -q || die "apt-get update failed; look at the network and /etc/apt."
  without_services logged as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends "${missing[@]}" || die "apt-get could not install: ${missing[*]}"
  for package in orthanc postgresql; do
    case " ${missing[*]} " in *" $package "*) keep_down "$package" ;; esac
  done
}

# without_services COMMAND...: runs it while Debian's policy-rc.d keeps packages from starting their services. The demo
# and the tests start an Orthanc of their own; the service would hold ports 4242 and 8042.
without_services() {
  local policy=/usr/sbin/policy-rc.d status=0
  if [ -e $policy ]; then
    "$@"
    return
  fi
  printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
  as_root chmod 755 $policy
  "$@" || status=$?
  as_root rm -f $policy
  return $status
}

# keep_down SERVICE: one that we installed does not start at the next boot either.
keep_down() {
  as_root update-rc.d "$1" disable >/dev/null 2>&1 || say "could not disable Debian's service $1; it may take its ports after a boot"
}

# onnxruntime: libonnxruntime.so.1 of this machine's architecture in .deps/onnxruntime. A tarball of the npm package in
# .deps is used instead of the network.
onnxruntime() {
  local folder=.deps/onnxruntime tarball=.deps/onnxruntime-node-$onnxruntime_version.tgz arch member
  if [ -s $folder/libonnxruntime.so.1 ] && [ "$(cat $folder/version 2>/dev/null)" = $onnxruntime_version ]; then
    return
  fi
  case "$(uname -m)" in
    x86_64) arch=x64 ;;
    aarch64) arch=arm64 ;;
    *) die "there is no ONNX Runtime for $(uname -m) in its npm package; x86_64 and aarch64 are supported." ;;
  esac
  mkdir -p $folder
  if [ ! -e "$tarball" ]; then
    command -v npm >/dev/null || packages npm
    say "fetching ONNX Runtime $onnxruntime_version from its npm package (114 MB)"
    npm pack "onnxruntime-node@$onnxruntime_version" --silent --pack-destination .deps >/dev/null || die "npm pack failed; look at the network."
  fi
  echo "$onnxruntime_sha256  $tarball" | sha256sum --check --status ||
    die "$tarball is not the file we know (SHA-256 differs). Remove it and run again."
  member=package/bin/napi-v6/linux/$arch/libonnxruntime.so.1
  tar -xzf "$tarball" -C $folder --no-same-owner --transform 's,.*/,,' "$member"
  echo $onnxruntime_version >$folder/version
  rm -f "$tarball"
  say "ONNX Runtime is in $folder"
}

# hl7_peers: the HL7 client and server of npm that the interop tests talk to.
hl7_peers() {
  local folder=.deps/node peers=(node-hl7-client@3.2.0 node-hl7-server@2.5.0)
  if [ "$(cat $folder/peers 2>/dev/null)" = "${peers[*]}" ]; then
    return
  fi
  command -v npm >/dev/null || packages npm
  say "installing with npm: ${peers[*]}"
  mkdir -p $folder
  logged npm install --prefix $folder --no-audit --no-fund --ignore-scripts "${peers[@]}" || die "npm install failed; look at the network (log: $log)."
  echo "${peers[*]}" >$folder/peers
}

# python_peers: further peers of PyPI in .deps/interop. nvidia-pytriton carries a Triton server; its Python must be Debian's.
python_peers() {
  local folder=.deps/interop peers=(nvidia-pytriton==0.7.0 onnxruntime==1.32.0)
  if [ "$(cat $folder/peers 2>/dev/null)" = "${peers[*]}" ]; then
    return
  fi
  say "installing with pip: ${peers[*]}"
  logged /usr/bin/python3 -m venv $folder
  logged $folder/bin/pip install "${peers[@]}" || die "pip install failed; look at the network (log: $log)."
  echo "${peers[*]}" >$folder/peers
}

# golangci: the linter in .deps/bin.
golangci() {
  local binary=.deps/bin/golangci-lint module=github.com/golangci/golangci-lint/v2
  if go version -m $binary 2>/dev/null | grep -q "${module}[[:space:]]$golangci_version"; then
    return
  fi
  say "building golangci-lint $golangci_version (two minutes, once)"
  GOBIN=$PWD/.deps/bin logged go install "$module/cmd/golangci-lint@$golangci_version" ||
    die "golangci-lint could not be built; look at the network (log: $log)."
}

command -v go >/dev/null || die "there is no 'go' in PATH. Install Go $(sed -n 's/^go //p' go.mod) or later; often PATH only lacks /usr/local/go/bin."
mkdir -p .deps
case "${1:-}" in
  build) packages "${build_packages[@]}"; onnxruntime ;;
  demo) packages "${demo_packages[@]}"; onnxruntime ;;
  test) packages "${test_packages[@]}"; onnxruntime; hl7_peers ;;
  interop) packages "${build_packages[@]}" python3-venv; onnxruntime; python_peers ;;
  lint) packages "${build_packages[@]}"; golangci ;;
  bench) packages "${bench_packages[@]}"; onnxruntime; hl7_peers ;;
  *) die "usage: setup/install.sh build|demo|test|interop|lint|bench" ;;
esac
