#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# registry_units.sh - the test that no check of Wine's own registry units fails under pwk alone:
# run_wine_units.sh with the list registry. Skipped where Wine's source cannot be fetched.
exec bash "$(dirname "$0")/run_wine_units.sh" --list registry "$@"
