#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# registry_units.sh - the test that no check of Wine's own registry units fails under pwk alone:
# run_wine_units.sh with the list registry, with the registry as a layer over the prefix's and as
# a copy of it. Skipped where Wine's source cannot be fetched.
here=$(dirname "$0")
if [ $# -gt 0 ]; then
    exec bash "$here/run_wine_units.sh" --list registry "$@"
fi
for mode in overlay private; do
    bash "$here/run_wine_units.sh" --list registry -- --registry "$mode" || exit
done
