#!/bin/sh
# Installs what VTK needs to draw off screen, Qt to start without a display, pages to be tested in a browser, and
# jobs to be tested on a Slurm of one machine; says so where it may not.
set -eu
PACKAGES="libosmesa6 libegl1 libgl1 libxkbcommon0 libfontconfig1 libdbus-1-3 libglib2.0-0 chromium slurm-wlm"
LIBRARIES="libOSMesa.so libEGL.so.1 libGL.so.1 libxkbcommon.so.0 libfontconfig.so.1 libdbus-1.so.3 libglib-2.0.so.0"

missing=""
for library in $LIBRARIES; do
    /sbin/ldconfig -p | grep -q "$library" || missing="$missing $library"
done
browser=""
for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null && browser="$name"
done
[ -n "$browser" ] || missing="$missing chromium"
for program in slurmctld slurmd sbatch; do
    PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$program" >/dev/null || missing="$missing $program"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $PACKAGES
else
    echo "The tests of views, panels, pages and jobs need:$missing." >&2
    echo "Install them as root: apt-get install --no-install-recommends $PACKAGES" >&2
    exit 1
fi
