/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The floor: what every system call pays once anything at all is attached to sys_exit. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tp_btf/sys_exit")
int empty_sys_exit(void* ctx) { return 0; }

char LICENSE[] SEC("license") = "Dual BSD/GPL";
