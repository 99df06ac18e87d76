# SPDX-License-Identifier: LGPL-2.1-or-later
# Each kind of test says in its own local.mk what it is made of.
include tests/unit/local.mk
include tests/programs-native/local.mk
include tests/escape/local.mk
include tests/walls/local.mk
include tests/integration/local.mk
include tests/bench/local.mk
include tests/fuzz/local.mk
