#!/bin/sh
# Compiles pause.c for one architecture and prints it as base64, to be put into src/agent/runtime/pause-binary.ts.
#   build/pause/build.sh            with the machine's own gcc (amd64 on amd64)
#   CC=aarch64-linux-gnu-gcc STRIP=aarch64-linux-gnu-strip build/pause/build.sh
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$(mktemp)
trap 'rm -f "$out"' EXIT
"${CC:-gcc}" ${CFLAGS:-} -Os -static -nostdlib -ffreestanding -fno-asynchronous-unwind-tables -fno-stack-protector -fno-pie -no-pie \
  -Wl,-z,noseparate-code,-z,norelro,-n,-s,--build-id=none -o "$out" "$here/pause.c"
"${STRIP:-strip}" -s -R .comment -R .note -R .note.gnu.property "$out"
base64 -w 0 "$out"
echo
wc -c <"$out" >&2
