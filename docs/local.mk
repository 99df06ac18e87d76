# SPDX-License-Identifier: LGPL-2.1-or-later
dist_doc_DATA += docs/audit.md docs/architecture.md docs/dependencies.md docs/performance.md docs/SECURITY.md
dist_man_MANS += docs/pwk-wine.1 docs/pwkctl.1
