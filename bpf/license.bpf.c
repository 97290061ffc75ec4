/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The licence section of the linked object; helpers we need are for GPL-compatible programs only. */
#include "bpf/lib/kernel_types.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
