/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The licence section of the linked object: some helpers are for GPL-compatible programs only. */
char LICENSE[] __attribute__((section("license"), used)) = "Dual BSD/GPL";
