// SPDX-License-Identifier: Apache-2.0
#include "engine/event/constants.h"

#include <algorithm>
#include <fcntl.h>
#include <iterator>
#include <linux/sched.h>
#include <sys/socket.h>

namespace shrike::event {
namespace {

// In order of their numbers, from 0.
constexpr std::string_view kFamilies[] = {
    "AF_UNSPEC",  "AF_UNIX",    "AF_INET",    "AF_AX25",   "AF_IPX",        "AF_APPLETALK", "AF_NETROM",   "AF_BRIDGE",
    "AF_ATMPVC",  "AF_X25",     "AF_INET6",   "AF_ROSE",   "AF_DECnet",     "AF_NETBEUI",   "AF_SECURITY", "AF_KEY",
    "AF_NETLINK", "AF_PACKET",  "AF_ASH",     "AF_ECONET", "AF_ATMSVC",     "AF_RDS",       "AF_SNA",      "AF_IRDA",
    "AF_PPPOX",   "AF_WANPIPE", "AF_LLC",     "AF_IB",     "AF_MPLS",       "AF_CAN",       "AF_TIPC",     "AF_BLUETOOTH",
    "AF_IUCV",    "AF_RXRPC",   "AF_ISDN",    "AF_PHONET", "AF_IEEE802154", "AF_CAIF",      "AF_ALG",      "AF_NFC",
    "AF_VSOCK",   "AF_KCM",     "AF_QIPCRTR", "AF_SMC",    "AF_XDP",        "AF_MCTP"};

struct BpfCommand {
  std::string_view name;
  bool descriptor = false;  // it returns one
};

constexpr BpfCommand kBpfCommands[] = {
    {"BPF_MAP_CREATE", true},
    {"BPF_MAP_LOOKUP_ELEM"},
    {"BPF_MAP_UPDATE_ELEM"},
    {"BPF_MAP_DELETE_ELEM"},
    {"BPF_MAP_GET_NEXT_KEY"},
    {"BPF_PROG_LOAD", true},
    {"BPF_OBJ_PIN"},
    {"BPF_OBJ_GET", true},
    {"BPF_PROG_ATTACH"},
    {"BPF_PROG_DETACH"},
    {"BPF_PROG_TEST_RUN"},
    {"BPF_PROG_GET_NEXT_ID"},
    {"BPF_MAP_GET_NEXT_ID"},
    {"BPF_PROG_GET_FD_BY_ID", true},
    {"BPF_MAP_GET_FD_BY_ID", true},
    {"BPF_OBJ_GET_INFO_BY_FD"},
    {"BPF_PROG_QUERY"},
    {"BPF_RAW_TRACEPOINT_OPEN", true},
    {"BPF_BTF_LOAD", true},
    {"BPF_BTF_GET_FD_BY_ID", true},
    {"BPF_TASK_FD_QUERY"},
    {"BPF_MAP_LOOKUP_AND_DELETE_ELEM"},
    {"BPF_MAP_FREEZE"},
    {"BPF_BTF_GET_NEXT_ID"},
    {"BPF_MAP_LOOKUP_BATCH"},
    {"BPF_MAP_LOOKUP_AND_DELETE_BATCH"},
    {"BPF_MAP_UPDATE_BATCH"},
    {"BPF_MAP_DELETE_BATCH"},
    {"BPF_LINK_CREATE", true},
    {"BPF_LINK_UPDATE"},
    {"BPF_LINK_GET_FD_BY_ID", true},
    {"BPF_LINK_GET_NEXT_ID"},
    {"BPF_ENABLE_STATS", true},
    {"BPF_ITER_CREATE", true},
    {"BPF_LINK_DETACH"},
    {"BPF_PROG_BIND_MAP"},
    {"BPF_TOKEN_CREATE", true},
    {"BPF_PROG_STREAM_READ_BY_FD"},
};

// Not in every libc's or kernel's headers. Kernel: include/uapi/linux/{fs,module,userfaultfd,sched}.h.
constexpr Bit kRenameFlags[] = {{1, "RENAME_NOREPLACE"}, {2, "RENAME_EXCHANGE"}, {4, "RENAME_WHITEOUT"}};
constexpr Bit kUnlinkFlags[] = {{AT_REMOVEDIR, "AT_REMOVEDIR"}};
constexpr Bit kLinkFlags[] = {{AT_SYMLINK_FOLLOW, "AT_SYMLINK_FOLLOW"}, {AT_EMPTY_PATH, "AT_EMPTY_PATH"}};
constexpr Bit kDupFlags[] = {{O_CLOEXEC, "O_CLOEXEC"}};
constexpr Bit kSocketFlags[] = {{SOCK_NONBLOCK, "SOCK_NONBLOCK"}, {SOCK_CLOEXEC, "SOCK_CLOEXEC"}};
constexpr Bit kUserfaultFlags[] = {{O_NONBLOCK, "O_NONBLOCK"}, {O_CLOEXEC, "O_CLOEXEC"}, {1, "UFFD_USER_MODE_ONLY"}};
constexpr Bit kModuleFlags[] = {
    {1, "MODULE_INIT_IGNORE_MODVERSIONS"}, {2, "MODULE_INIT_IGNORE_VERMAGIC"}, {4, "MODULE_INIT_COMPRESSED_FILE"}};
constexpr Bit kNamespaceFlags[] = {{CLONE_FILES, "CLONE_FILES"},         {CLONE_FS, "CLONE_FS"},
                                   {CLONE_NEWCGROUP, "CLONE_NEWCGROUP"}, {CLONE_NEWIPC, "CLONE_NEWIPC"},
                                   {CLONE_NEWNET, "CLONE_NEWNET"},       {CLONE_NEWNS, "CLONE_NEWNS"},
                                   {CLONE_NEWPID, "CLONE_NEWPID"},       {0x80, "CLONE_NEWTIME"},
                                   {CLONE_NEWUSER, "CLONE_NEWUSER"},     {CLONE_NEWUTS, "CLONE_NEWUTS"},
                                   {CLONE_SIGHAND, "CLONE_SIGHAND"},     {CLONE_SYSVSEM, "CLONE_SYSVSEM"},
                                   {CLONE_THREAD, "CLONE_THREAD"},       {CLONE_VM, "CLONE_VM"}};

}  // namespace

std::span<const Bit> flag_names(EventType type) {
  switch (type) {
    case EventType::kRenameat2:
      return kRenameFlags;
    case EventType::kUnlinkat:
      return kUnlinkFlags;
    case EventType::kLinkat:
      return kLinkFlags;
    case EventType::kDup3:
      return kDupFlags;
    case EventType::kSocket:
      return kSocketFlags;
    case EventType::kUserfaultfd:
      return kUserfaultFlags;
    case EventType::kFinitModule:
      return kModuleFlags;
    case EventType::kSetns:
    case EventType::kUnshare:
      return kNamespaceFlags;
    default:
      return {};
  }
}

std::string_view address_family_name(std::uint64_t family) {
  return family < std::size(kFamilies) ? kFamilies[family] : std::string_view();
}

std::string_view bpf_command_name(std::uint64_t command) {
  return command < std::size(kBpfCommands) ? kBpfCommands[command].name : std::string_view();
}

bool returns_descriptor(std::uint64_t bpf_command) {
  return bpf_command < std::size(kBpfCommands) && kBpfCommands[bpf_command].descriptor;
}

}  // namespace shrike::event
