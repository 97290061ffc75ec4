/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* All kernel programs, as one unit: libbpf's linker before 1.5 (Debian 12 has 1.1) can't join objects that use the same kernel
 * function. */
#include "bpf/cgroup/bind.bpf.c"
#include "bpf/cgroup/connect.bpf.c"
#include "bpf/cgroup/sendmsg.bpf.c"
#include "bpf/iter/file.bpf.c"
#include "bpf/iter/task.bpf.c"
#include "bpf/lsm/bprm_creds_from_file.bpf.c"
#include "bpf/lsm/file_open.bpf.c"
#include "bpf/lsm/path_mknod.bpf.c"
#include "bpf/lsm/socket_bind.bpf.c"
#include "bpf/lsm/socket_connect.bpf.c"
#include "bpf/lsm/socket_sendmsg.bpf.c"
#include "bpf/tracepoints/cgroup_mkdir.bpf.c"
#include "bpf/tracepoints/cgroup_rmdir.bpf.c"
#include "bpf/tracepoints/io_uring.bpf.c"
#include "bpf/tracepoints/sched_process_exec.bpf.c"
#include "bpf/tracepoints/sched_process_exit.bpf.c"
#include "bpf/tracepoints/sched_process_fork.bpf.c"
#include "bpf/tracepoints/sys_exit.bpf.c"
#include "bpf/tracepoints/sys_exit_call.bpf.c"
#include "bpf/tracepoints/sys_exit_open.bpf.c"
#include "bpf/tracepoints/sys_exit_paths.bpf.c"
#include "bpf/tracepoints/sys_exit_socket.bpf.c"

/* Some helpers are for GPL-compatible programs only. */
char LICENSE[] __attribute__((section("license"), used)) = "Dual BSD/GPL";
