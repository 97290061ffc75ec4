// SPDX-License-Identifier: Apache-2.0
// Event is one thing that happened, decoded. Its strings are borrowed from the record it was decoded from.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <sys/stat.h>
#include <variant>
#include <vector>

#include "engine/event/event_type.h"
#include "engine/event/process.h"
#include "engine/event/value.h"

namespace shrike::event {

// Credentials when it happened. Ids of the initial user namespace.
struct Credentials {
  std::uint32_t uid = 0;                // effective
  std::uint32_t gid = 0;                // effective
  std::uint32_t loginuid = 0xffffffff;  // 0xffffffff: unset
  std::uint32_t tty = 0;
  std::uint64_t cap_effective = 0;
  std::uint64_t cap_permitted = 0;
  std::uint64_t cap_inheritable = 0;
};

// A name under which loaded rules know an object: a text of the kernel plan, and how many components of the object's own path
// follow it (0: the text is the whole name).
struct ObjectName {
  std::uint32_t text = 0;
  std::uint32_t below = 0;
  bool operator==(const ObjectName&) const = default;
};

// What the kernel's policy made of an action (struct event_verdict of bpf/abi/event.h).
struct Verdict {
  std::uint32_t generation = 0;
  std::optional<std::uint32_t> decider;  // policy-local number of the rule that decided; none: only monitor rules hit
  bool refused = false;                  // the call fails with EPERM
  bool killed = false;
  bool unsure = false;                   // a field could not be told and fell as docs/threat_model.md says
  std::uint32_t rule_count = 0;          // how many hit; `rules` may be shorter
  std::span<const std::uint32_t> rules;  // policy-local numbers, in definition order; borrowed from the record
};

// A task that was there before us, exec, fork: what a process is now.
struct ProcessChange {
  enum class Kind : std::uint8_t { kExisting, kExec, kFork, kExecCheck };  // kExecCheck: what would run, if nothing refuses
  Kind kind = Kind::kExec;
  std::uint32_t parent_pid = 0;  // fork: who called it, be the child handed to another parent at once (CLONE_PARENT)
  std::uint64_t parent_start_ns = 0;
  std::uint64_t pidns_init_start_ns = 0;
  std::uint32_t pgid = 0;
  std::uint32_t vpid = 0;
  std::uint32_t vpgid = 0;
  std::uint32_t args_total = 0;
  std::uint32_t environment_total = 0;
  Usage usage;
  FileIdentity file;
  std::string_view comm, exe_path, cwd, args;
  std::string_view filename;      // exec: the name that was executed, as passed
  std::string_view script;        // the same, if what runs is its interpreter
  std::string_view environment;   // exec, if it is captured: each entry ended by NUL
  std::vector<ObjectName> names;  // of the executable
};

struct ProcessExit {
  std::uint32_t exit_code = 0;  // as wait(2)
};

struct Open {
  FileKey layer;  // as FilePlace has it
  std::int64_t ret = 0;
  std::uint64_t flags = 0;
  std::uint64_t resolve = 0;
  std::uint32_t mode = 0;
  std::int32_t dirfd = 0;
  bool readable = false;  // of the file that was opened
  bool writable = false;
  FileIdentity file;
  std::string_view path;  // the kernel's; empty if the open failed or the fd was gone
  std::string_view name;  // as passed
  std::string_view base;  // where a relative name of a failed open starts
  bool assumed = false;   // ret is not the call's: every LSM allowed it
  // Its place in its file system: the path of a directory (empty: the root), and how many last bytes of `path` lie below that.
  // Nothing: not known.
  std::string_view above;
  std::optional<std::uint32_t> in_mount;
  std::vector<ObjectName> names;
};

// What tells one open from another, but for its process and other names of its file; cheap to have before the rest is decoded.
struct OpenKey {
  std::int64_t ret = 0;
  std::uint64_t flags = 0;
  std::uint32_t mode = 0;
  std::uint32_t file_type = 0;  // S_IFMT of the file's mode
  bool readable = false;
  bool writable = false;
  bool created = false;
  std::string_view path, name, base;

  bool operator==(const OpenKey&) const = default;
};
inline OpenKey key_of(const Open& open) {
  return {.ret = open.ret,
          .flags = open.flags,
          .mode = open.mode,
          .file_type = open.file.mode & S_IFMT,
          .readable = open.readable,
          .writable = open.writable,
          .created = open.file.created,
          .path = open.path,
          .name = open.name,
          .base = open.base};
}

// What an opened file is known by besides its name.
struct FilePlace {
  FileKey file;   // ino 0: nothing was opened
  FileKey layer;  // of an overlay's file: the one it shows; ino 0: none, or not known
  bool overlay = false;
  std::string_view path;
  std::optional<std::uint32_t> in_mount;  // as Open has it, as `above`
  std::string_view above;
};
inline FilePlace place_of(const Open& open) {
  return {.file = open.ret < 0 ? FileKey{} : FileKey{open.file.ino, open.file.dev, open.file.generation},
          .layer = open.layer,
          .overlay = open.file.upper_layer || open.file.lower_layer,
          .path = open.path,
          .in_mount = open.in_mount,
          .above = open.above};
}

// Who called whom. kServer: the local end was accepted, or listens.
enum class SocketRole : std::uint8_t { kUnknown, kClient, kServer };

// A socket as the kernel has it.
struct Socket {
  std::uint16_t family = 0;  // AF_*; 0: it is none
  std::uint16_t protocol = 0;
  std::uint16_t socket_type = 0;
  IpAddress local, remote;  // family 0: none
  std::uint16_t local_port = 0;
  std::uint16_t remote_port = 0;
  SocketRole role = SocketRole::kUnknown;
  bool connected = false;
  bool listening = false;      // the local end is a server's (bind, listen), and there is no other
  bool received = false;       // recvfrom, recvmsg: what was told came from the remote end
  std::string_view unix_path;  // the peer's, else its own; abstract: begins with NUL
};

// connect, accept, listen, bind, sends, receives.
struct SocketCall {
  std::int64_t ret = 0;
  std::int32_t fd = 0;     // accept: the new one
  std::uint32_t size = 0;  // sends and receives: bytes asked for; listen: the backlog
  Socket socket;
  std::uint32_t queue_length = 0;  // accept: of the listening socket
  std::uint32_t queue_max = 0;
  std::uint32_t flags = 0;   // accept4, sends, receives
  std::string_view data;     // the first bytes sent or received
  std::string_view control;  // recvmsg: the first bytes of control data
};

// symlink: first is the target's text, second the link. link, rename: first the old path, second the new. unlink, rmdir, mkdir,
// chmod, exec that failed: first is the name. A base is where a relative name starts; of a dirfd also told beside absolute names.
struct Paths {
  std::int64_t ret = 0;
  std::uint32_t flags = 0;
  std::uint32_t mode = 0;  // mkdir, chmod
  std::int32_t dirfds[2] = {};
  std::string_view first, first_base, second, second_base;
};

// Any other call: its arguments as passed, and the descriptor it is about (bpf/abi/event.h, struct event_call).
struct Call {
  std::int64_t ret = 0;
  std::uint64_t args[6] = {};
  std::int32_t fd = -1;  // -1: none
  FileIdentity file;     // of the descriptor
  Socket socket;
  std::string_view path;  // of the file, as the kernel names it
  std::string_view text;  // init_module, finit_module: the module's parameters
  std::string_view data;  // init_module: the first bytes of the image
};

// A cgroup of the default hierarchy was made or removed.
struct CgroupChange {
  std::uint64_t id = 0;
  bool removed = false;
  std::string_view path;  // from the hierarchy's root; empty: look it up
};

struct Container;
class RecordedEvent;

using Payload = std::variant<std::monostate, ProcessChange, ProcessExit, Open, SocketCall, Paths, Call, CgroupChange>;

// What the record could not say.
struct Gaps {
  bool path = false;         // a kernel path was too long: its front is missing
  bool arguments = false;    // argv was longer than what is kept
  bool environment = false;  // likewise
  bool user_unread = false;  // user memory could not be read: a name is empty
  bool user_cut = false;     // a name in user memory was longer than PATH_MAX
  bool fd_gone = false;      // the fd was closed by another thread before it could be looked up
  bool names = false;        // the object has more names that rules know than the record holds
  bool rules = false;        // more rules hit than the verdict holds
  bool unsure = false;  // the kernel could not tell a field and decided as docs/threat_model.md says; of verdicts' alerts only

  bool operator==(const Gaps&) const = default;
};

struct Event {
  std::uint64_t number = 0;  // evt.num: counts what rules are asked about, from 1
  EventType type = EventType::kNone;
  std::uint64_t boot_ns = 0;
  std::uint64_t time_ns = 0;  // epoch
  std::uint32_t pid = 0;
  std::uint32_t tid = 0;
  std::uint32_t ppid = 0;
  std::uint64_t start_ns = 0;
  std::uint64_t cgroup_id = 0;
  std::uint32_t sid = 0;
  std::uint32_t exec_id = 0;  // counts the execs of the process and of those it descends from
  std::uint32_t pgid = 0;     // if the record carries it, as the next two
  std::uint32_t vpgid = 0;
  std::uint32_t vtid = 0;
  std::uint16_t cpu = 0;
  std::uint8_t hook = 0;  // enum hook of bpf/abi/event.h
  std::uint64_t seq = 0;  // per CPU and hook
  Gaps gaps;
  Credentials creds;
  std::string_view cwd;  // if the record carries it
  std::optional<Verdict> verdict;
  bool uring = false;                       // io_uring's: no system call of this type was made
  bool verdict_only = false;                // another record tells the event itself: only the verdict's rules alert from this one
  std::uint32_t names_generation = 0;       // of the policy the payload's ObjectNames belong to
  std::span<const std::string_view> names;  // those names as paths: what fd.names gives. Set by the pipeline
  std::string_view cgroup;                  // path in the default hierarchy; set by enrich; empty: unknown
  const Container* container = nullptr;     // set by enrich: where it happened; null: the host, or unknown
  Payload payload;
  const Process* process = nullptr;         // set by enrich; null: unknown
  const RecordedEvent* recorded = nullptr;  // set: fields are answered from it, see engine/event/recorded.h
};

// The call's return value, if the event has one. A successful exec has 0, one that a policy refused -EPERM.
std::optional<std::int64_t> return_value(const Event& event);

}  // namespace shrike::event
