#!/bin/sh
# Install the programs that tests run and that pip does not bring, where that is allowed: as root, with apt-get.
# Without one of them its tests are skipped, and listed at the end.
#   tests/install_programs.sh [PROGRAM ...]     all of them if none is named
set -eu

present() {
    case $1 in
        chromium) command -v chromium || command -v chromium-browser || command -v google-chrome ;;
        festival) festival -b "(print (voice.list))" | grep kal_diphone | grep slt_arctic ;;
        *) command -v "$1" ;;
    esac >/dev/null 2>&1
}

packages_of() {
    case $1 in
        festival) echo festival festvox-kallpc16k festvox-us-slt-hts ;;
        npm) echo nodejs npm ;;
        *) echo "$1" ;;
    esac
}

[ $# -gt 0 ] || set -- chromium espeak-ng festival ffmpeg flite npm
missing=
for program; do
    present "$program" || missing="$missing $program"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing$missing"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq || true
    for program in $missing; do
        # shellcheck disable=SC2046
        apt-get install -qq --yes --no-install-recommends $(packages_of "$program") >/dev/null 2>&1 \
            || echo "$program cannot be installed: its tests will be skipped"
    done
else
    echo "not installed, and only root can, with apt-get:$missing; their tests will be skipped"
fi
