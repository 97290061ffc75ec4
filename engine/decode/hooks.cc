// SPDX-License-Identifier: Apache-2.0
#include "engine/decode/hooks.h"

#include <iterator>

#include "bpf/abi/event.h"

namespace shrike::decode {
namespace {

// In the order of enum hook.
constexpr std::string_view kNames[] = {
    "sched_process_exec",   "sched_process_fork", "sched_process_exit", "sys_exit",       "iter_task",
    "bprm_creds_from_file", "file_open",          "path_mknod",         "socket_connect", "socket_sendmsg",
    "socket_bind",          "cgroup_connect",     "cgroup_sendmsg",     "cgroup_bind",    "io_uring"};
static_assert(std::size(kNames) == HOOK_COUNT);

}  // namespace

std::string_view hook_name(std::size_t hook) { return hook < HOOK_COUNT ? kNames[hook] : std::string_view("unknown"); }

}  // namespace shrike::decode
