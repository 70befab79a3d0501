#!/bin/sh
# Installs Chromium and the CJK fonts where they are absent and apt can bring them; called by
# `make browser`. Without a browser the tests that need one skip and say so.
set -eu

has_browser() { command -v chromium || command -v chromium-browser || command -v google-chrome; }
has_fonts() { command -v fc-list && fc-list | grep -qi "noto.*cjk"; }

wanted=""
has_browser >/dev/null 2>&1 || wanted="chromium"
has_fonts >/dev/null 2>&1 || wanted="$wanted fonts-noto-cjk"
[ -n "$wanted" ] || { echo "browser: Chromium and the CJK fonts are here"; exit 0; }

if ! command -v apt-get >/dev/null 2>&1; then
  echo "browser: not installed:$(printf ' %s' $wanted); this machine has no apt-get, so install Chromium (or Chrome) and Noto CJK yourself; until then the browser tests are skipped" >&2
  exit 0
fi
if [ "$(id -u)" = 0 ]; then as_root=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then as_root="sudo -n"
else
  echo "browser: not installed:$(printf ' %s' $wanted); run as root: apt-get install -y --no-install-recommends$(printf ' %s' $wanted); until then the browser tests are skipped" >&2
  exit 0
fi
$as_root apt-get update -qq
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $wanted
