#!/usr/bin/env bash
# The images of deploy/ where no base image can be had: their bases are made here, of this machine's own files, under
# names that begin with ganglion-ci/. deploy/Dockerfile itself is used as it is.
#
# Usage: scripts/deploy/images.sh PATH OF ganglion    needs a container engine; prometheus is optional
set -euo pipefail

binary=$(realpath "$1")
root=$(cd "$(dirname "$0")/../.." && pwd)
docker=${DOCKER:-docker}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Copies a program's libraries, and itself if a place is given.
libraries() {
    local program=$1 dir=$2 library
    while read -r library; do
        install -D "$library" "$dir$library"
    done < <(ldd "$program" | grep -o '/[^ ]*' | sort -u)
}

# In the place of gcr.io/distroless/cc-debian12:nonroot: a C library, a resolver's settings, a user.
mkdir -p "$work/runtime/etc" "$work/runtime/tmp"
chmod 1777 "$work/runtime/tmp"
libraries "$binary" "$work/runtime"
printf 'root:x:0:0:root:/:/none\nnonroot:x:65532:65532:nonroot:/:/none\n' >"$work/runtime/etc/passwd"
printf 'hosts: files dns\n' >"$work/runtime/etc/nsswitch.conf"
tar -C "$work/runtime" --owner=0 --group=0 -c . | "$docker" import - ganglion-ci/runtime >/dev/null

# In the place of the stage that compiles.
install -D -m 0755 "$binary" "$work/binary/out/ganglion"
strip "$work/binary/out/ganglion"
install -d -m 0770 "$work/binary/out/data"
tar -C "$work/binary" -c . | "$docker" import - ganglion-ci/binary >/dev/null

DOCKER_BUILDKIT=1 "$docker" build --quiet --file "$root/deploy/Dockerfile" \
    --build-arg BINARY=ganglion-ci/binary --build-arg RUNTIME=ganglion-ci/runtime \
    --tag ganglion-ci/ganglion "$root" >/dev/null
printf 'images: ganglion-ci/ganglion has %d MiB, the program %d MiB of it\n' \
    $(($("$docker" image inspect --format '{{.Size}}' ganglion-ci/ganglion) >> 20)) \
    $(($(stat -c %s "$work/binary/out/ganglion") >> 20))

if prometheus=$(command -v prometheus); then
    mkdir -p "$work/prometheus/etc" "$work/prometheus/tmp" "$work/prometheus/prometheus"
    libraries "$prometheus" "$work/prometheus"
    install -D "$prometheus" "$work/prometheus/bin/prometheus"
    cp "$work/runtime/etc/nsswitch.conf" "$work/prometheus/etc/"
    printf 'root:x:0:0:root:/:/none\nnobody:x:65534:65534:nobody:/:/none\n' >"$work/prometheus/etc/passwd"
    tar -C "$work/prometheus" --owner=65534 --group=65534 -c . | "$docker" import \
        --change 'USER 65534' --change 'ENTRYPOINT ["/bin/prometheus"]' --change 'EXPOSE 9090' \
        - ganglion-ci/prometheus >/dev/null
fi
