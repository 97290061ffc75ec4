// SPDX-License-Identifier: Apache-2.0
#include "engine/decode/decode.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <sys/socket.h>
#include <utility>

#include "bpf/abi/event.h"

namespace shrike::decode {
namespace {

using event::Event;

// The engine's table of event types begins with the kernel programs' own numbers.
static_assert(static_cast<int>(event::EventType::kExecve) == EVENT_TYPE_EXECVE);
static_assert(static_cast<int>(event::EventType::kConnect) == EVENT_TYPE_CONNECT);
static_assert(static_cast<int>(event::EventType::kPtrace) == EVENT_TYPE_PTRACE);
static_assert(static_cast<int>(event::EventType::kBind) == EVENT_TYPE_BIND);
static_assert(static_cast<int>(event::EventType::kFinitModule) == EVENT_TYPE_FINIT_MODULE &&
              EVENT_TYPE_FINIT_MODULE + 1 == EVENT_TYPE_COUNT);

// The kind of record that tells the calls of a type; execs that succeed have one of their own.
std::uint16_t kind_of(std::uint16_t type) {
  switch (type) {
    case EVENT_TYPE_OPEN:
    case EVENT_TYPE_OPENAT:
    case EVENT_TYPE_OPENAT2:
    case EVENT_TYPE_CREAT:
    case EVENT_TYPE_OPEN_BY_HANDLE_AT:
      return EVENT_KIND_OPEN;
    case EVENT_TYPE_CONNECT:
    case EVENT_TYPE_SENDTO:
    case EVENT_TYPE_SENDMSG:
    case EVENT_TYPE_SENDMMSG:
    case EVENT_TYPE_BIND:
    case EVENT_TYPE_ACCEPT:
    case EVENT_TYPE_ACCEPT4:
    case EVENT_TYPE_LISTEN:
    case EVENT_TYPE_RECVFROM:
    case EVENT_TYPE_RECVMSG:
      return EVENT_KIND_SOCKET;
    case EVENT_TYPE_EXECVE:
    case EVENT_TYPE_EXECVEAT: /* those that failed */
    case EVENT_TYPE_SYMLINK:
    case EVENT_TYPE_SYMLINKAT:
    case EVENT_TYPE_LINK:
    case EVENT_TYPE_LINKAT:
    case EVENT_TYPE_RENAME:
    case EVENT_TYPE_RENAMEAT:
    case EVENT_TYPE_RENAMEAT2:
    case EVENT_TYPE_RMDIR:
    case EVENT_TYPE_UNLINK:
    case EVENT_TYPE_UNLINKAT:
    case EVENT_TYPE_MKDIR:
    case EVENT_TYPE_MKDIRAT:
    case EVENT_TYPE_CHMOD:
    case EVENT_TYPE_FCHMODAT:
      return EVENT_KIND_PATHS;
    default:
      return EVENT_KIND_CALL;
  }
}

// Records of processes tell no call, or an exec.
bool fits(std::uint16_t kind, std::uint16_t type) {
  switch (kind) {
    case EVENT_KIND_EXEC:
    case EVENT_KIND_EXEC_CHECK:
      return type == EVENT_TYPE_EXECVE || type == EVENT_TYPE_EXECVEAT;
    case EVENT_KIND_TASK:
    case EVENT_KIND_FORK:
    case EVENT_KIND_EXIT:
    case EVENT_KIND_CGROUP:
      return type == EVENT_TYPE_NONE;
    default:
      return type != EVENT_TYPE_NONE && kind_of(type) == kind;
  }
}

// Records are 8-aligned in the ring; a copy keeps other callers (files, fuzzers) safe and costs a few words.
template <class Wire>
Result<Wire> read_as(std::span<const std::byte> record) {
  if (record.size() < sizeof(Wire))
    return fail(Code::kCorrupt, "record of " + std::to_string(record.size()) + " bytes is too short for its kind");
  Wire wire;
  std::memcpy(&wire, record.data(), sizeof(Wire));
  return wire;
}

// Blobs of one record; remembers the first that does not fit.
class Blobs {
 public:
  explicit Blobs(std::span<const std::byte> record) : record_(record) {}

  std::string_view text(const blob& at) {
    if (at.size == 0) return {};
    if (at.offset > record_.size() || at.size > record_.size() - at.offset) {
      fits_ = false;
      return {};
    }
    return {reinterpret_cast<const char*>(record_.data() + at.offset), at.size};
  }

  std::span<const std::byte> bytes(const blob& at) {
    const std::string_view found = text(at);
    return {reinterpret_cast<const std::byte*>(found.data()), found.size()};
  }

  bool fits() const { return fits_; }
  Result<void> check() const {
    if (!fits_) return fail(Code::kCorrupt, "a text leaves its record");
    return {};
  }

 private:
  std::span<const std::byte> record_;
  bool fits_ = true;
};

event::FileIdentity file_of(const event_file& file) {
  return {.ino = file.ino,
          .ctime_ns = file.ctime_ns,
          .mtime_ns = file.mtime_ns,
          .dev = file.dev,
          .mode = file.mode,
          .uid = file.uid,
          .gid = file.gid,
          .generation = file.generation,
          .memfd = (file.flags & EVENT_FILE_MEMFD) != 0,
          .deleted = (file.flags & EVENT_FILE_DELETED) != 0,
          .upper_layer = (file.flags & EVENT_FILE_UPPER) != 0,
          .lower_layer = (file.flags & EVENT_FILE_LOWER) != 0,
          .readonly = (file.flags & EVENT_FILE_READONLY) != 0,
          .created = (file.flags & EVENT_FILE_CREATED) != 0};
}

event::FileKey layer_of(const event_layer& layer) { return {layer.ino, layer.dev, layer.generation}; }

// The verdict's rules stay in the record. Whoever wrote it has 8-aligned records and fields.
Result<event::Verdict> decode_verdict(std::span<const std::byte> record, const blob& at) {
  static constexpr std::size_t kFixed = offsetof(event_verdict, rules);
  Blobs blobs(record);
  const std::span<const std::byte> bytes = blobs.bytes(at);
  TRY(blobs.check());
  if (bytes.size() < kFixed || bytes.size() > sizeof(event_verdict))
    return fail(Code::kCorrupt, "a verdict of " + std::to_string(bytes.size()) + " bytes");
  event_verdict wire{};
  std::memcpy(&wire, bytes.data(), kFixed);
  const std::size_t held = std::min<std::size_t>(wire.rule_count, EVENT_VERDICT_RULES_MAX);
  if (held == 0) return fail(Code::kCorrupt, "a verdict without a rule");
  if (held > (bytes.size() - kFixed) / sizeof(std::uint32_t)) return fail(Code::kCorrupt, "a verdict's rules leave it");
  const std::byte* rules = bytes.data() + kFixed;
  if (reinterpret_cast<std::uintptr_t>(rules) % alignof(std::uint32_t) != 0)
    return fail(Code::kCorrupt, "a verdict that is not aligned");
  event::Verdict verdict;
  verdict.generation = wire.generation;
  if (wire.decider != ~std::uint32_t{0}) verdict.decider = wire.decider;
  verdict.refused = (wire.flags & EVENT_VERDICT_REFUSED) != 0;
  verdict.killed = (wire.flags & EVENT_VERDICT_KILLED) != 0;
  verdict.unsure = (wire.flags & EVENT_VERDICT_UNSURE) != 0;
  verdict.rule_count = wire.rule_count;
  verdict.rules = {reinterpret_cast<const std::uint32_t*>(rules), held};
  return verdict;
}

// Names of the object, into `names`; none if the blob is empty.
Result<void> decode_names(std::span<const std::byte> record, const blob& at, Event& event,
                          std::vector<event::ObjectName>& names) {
  if (at.size == 0) return {};
  static constexpr std::size_t kFixed = offsetof(event_names, names);
  Blobs blobs(record);
  const std::span<const std::byte> bytes = blobs.bytes(at);
  TRY(blobs.check());
  if (bytes.size() < kFixed || bytes.size() > sizeof(event_names))
    return fail(Code::kCorrupt, "names of " + std::to_string(bytes.size()) + " bytes");
  event_names wire{};
  std::memcpy(&wire, bytes.data(), bytes.size());
  if (wire.count > (bytes.size() - kFixed) / sizeof(event_name)) return fail(Code::kCorrupt, "names leave their place");
  event.names_generation = wire.generation;
  names.reserve(wire.count);
  for (const event_name& name : std::span(wire.names).first(wire.count))
    names.push_back({.text = name.text, .below = name.below});
  return {};
}

event::ProcessChange::Kind change_kind(std::uint16_t kind) {
  switch (kind) {
    case EVENT_KIND_EXEC:
      return event::ProcessChange::Kind::kExec;
    case EVENT_KIND_EXEC_CHECK:
      return event::ProcessChange::Kind::kExecCheck;
    case EVENT_KIND_FORK:
      return event::ProcessChange::Kind::kFork;
    default:
      return event::ProcessChange::Kind::kExisting;
  }
}

Result<void> decode_process(std::span<const std::byte> record, std::uint16_t kind, Event& event) {
  const auto wire = TRY(read_as<event_process>(record));
  Blobs blobs(record);
  event::ProcessChange change;
  change.kind = change_kind(kind);
  const bool fork = kind == EVENT_KIND_FORK;
  change.parent_pid = fork ? wire.forker_tgid : wire.header.ppid;
  change.parent_start_ns = fork ? wire.forker_start_ns : wire.parent_start_ns;
  change.pidns_init_start_ns = wire.pidns_init_start_ns;
  change.pgid = wire.pgid;
  change.vpid = wire.vpid;
  change.vpgid = wire.vpgid;
  change.args_total = wire.args_total;
  change.environment_total = wire.env_total;
  change.usage = {.known = kind == EVENT_KIND_EXEC || kind == EVENT_KIND_TASK,
                  .fd_limit = wire.fd_limit,
                  .major_faults = wire.major_faults,
                  .minor_faults = wire.minor_faults,
                  .vm_size_kib = wire.vm_size,
                  .vm_rss_kib = wire.vm_rss,
                  .vm_swap_kib = wire.vm_swap};
  change.file = file_of(wire.exe);
  const char* comm = reinterpret_cast<const char*>(record.data()) + offsetof(event_process, comm);
  change.comm = {comm, strnlen(comm, sizeof(wire.comm))};
  change.exe_path = blobs.text(wire.exe_path);
  change.cwd = blobs.text(wire.cwd);
  change.args = blobs.text(wire.args);
  change.filename = blobs.text(wire.filename);
  change.script = blobs.text(wire.script);
  change.environment = blobs.text(wire.env);
  event.gaps.environment = wire.env.size != 0 && wire.env_total > wire.env.size;
  TRY(decode_names(record, wire.names, event, change.names));
  event.payload = std::move(change);
  return blobs.check();
}

constexpr std::uint32_t kModeRead = 1;   // FMODE_READ, include/linux/fs.h
constexpr std::uint32_t kModeWrite = 2;  // FMODE_WRITE

Result<void> decode_open(std::span<const std::byte> record, Event& event) {
  const auto wire = TRY(read_as<event_open>(record));
  Blobs blobs(record);
  event::Open open;
  open.ret = wire.ret;
  open.flags = wire.open_flags;
  open.resolve = wire.resolve;
  open.mode = wire.open_mode;
  open.dirfd = wire.dirfd;
  open.readable = (wire.fmode & kModeRead) != 0;
  open.writable = (wire.fmode & kModeWrite) != 0;
  open.file = file_of(wire.file);
  open.layer = layer_of(wire.layer);
  open.path = blobs.text(wire.path);
  open.name = blobs.text(wire.name);
  open.base = blobs.text(wire.base);
  open.above = blobs.text(wire.above);
  if (wire.in_mount <= open.path.size()) open.in_mount = wire.in_mount;
  open.assumed = (wire.header.flags & EVENT_FLAG_ASSUMED) != 0;
  event.cwd = blobs.text(wire.cwd);
  TRY(decode_names(record, wire.names, event, open.names));
  event.payload = std::move(open);
  return blobs.check();
}

event::IpAddress address(std::uint16_t family, const __u8 (&bytes)[16]) {
  if (family != AF_INET && family != AF_INET6) return {};
  event::IpAddress ip;
  ip.family = family == AF_INET ? 4 : 6;
  std::copy_n(bytes, ip.family == 4 ? 4 : 16, ip.bytes.begin());
  return event::canonical(ip);
}

// What else a record says of its socket.
struct SocketOf {
  std::uint16_t type;  // enum event_type
  std::uint8_t hook;
};

event::Socket socket_of(const event_sock& wire, SocketOf of, Blobs& blobs) {
  event::Socket socket;
  socket.family = wire.family;
  socket.protocol = wire.protocol;
  socket.socket_type = wire.socket_type;
  socket.remote = address(wire.remote_family, wire.remote_ip);
  socket.local = address(wire.family, wire.local_ip);
  socket.local_port = wire.local_port;
  socket.remote_port = wire.remote_port;
  socket.role = static_cast<event::SocketRole>(std::min<std::uint8_t>(wire.role, SOCKET_ROLE_SERVER));
  // Hooks see the address that is asked for: who asks is the client.
  const bool asks = of.type == EVENT_TYPE_CONNECT || (of.hook != HOOK_SYS_EXIT && of.type != EVENT_TYPE_BIND);
  if (socket.role == event::SocketRole::kUnknown && asks) socket.role = event::SocketRole::kClient;
  const bool alone = socket.remote.family == 0;
  socket.listening = of.type == EVENT_TYPE_BIND || of.type == EVENT_TYPE_LISTEN ||
                     (alone && socket.role == event::SocketRole::kServer && socket.local.family != 0);
  socket.received = of.type == EVENT_TYPE_RECVFROM || of.type == EVENT_TYPE_RECVMSG;
  if (socket.listening) {
    socket.remote = {};  // datagram sockets may have a peer while they are bound: not what this is about
    socket.remote_port = 0;
  } else if (alone ? socket.local_port == 0 : socket.local.family != socket.remote.family) {
    // Not bound; or an IPv6 socket that talks IPv4 and has no such address of its own yet.
    socket.local = {};
  }
  // A datagram socket has a peer and no state.
  const bool has_peer = wire.role == SOCKET_ROLE_CLIENT && wire.socket_type == SOCK_DGRAM && socket.remote.family != 0;
  socket.connected = wire.connected != 0 || has_peer;
  socket.unix_path = blobs.text(wire.unix_path);
  return socket;
}

Result<void> decode_socket(std::span<const std::byte> record, Event& event) {
  const auto wire = TRY(read_as<event_socket>(record));
  Blobs blobs(record);
  event::SocketCall call;
  call.ret = wire.ret;
  call.fd = wire.fd;
  call.size = wire.size;
  call.socket = socket_of(wire.sock, {.type = wire.header.type, .hook = wire.header.hook}, blobs);
  call.queue_length = wire.queue_length;
  call.queue_max = wire.queue_max;
  call.flags = wire.call_flags;
  call.data = blobs.text(wire.data);
  call.control = blobs.text(wire.control);
  event.cwd = blobs.text(wire.cwd);
  event.payload = call;
  return blobs.check();
}

Result<void> decode_paths(std::span<const std::byte> record, Event& event) {
  const auto wire = TRY(read_as<event_paths>(record));
  Blobs blobs(record);
  event::Paths paths;
  paths.ret = wire.ret;
  paths.flags = wire.arg_flags;
  paths.mode = wire.arg_mode;
  paths.dirfds[0] = wire.dirfds[0];
  paths.dirfds[1] = wire.dirfds[1];
  paths.first = blobs.text(wire.first);
  paths.first_base = blobs.text(wire.first_base);
  paths.second = blobs.text(wire.second);
  paths.second_base = blobs.text(wire.second_base);
  event.cwd = blobs.text(wire.cwd);
  event.payload = paths;
  return blobs.check();
}

Result<void> decode_call(std::span<const std::byte> record, Event& event) {
  const auto wire = TRY(read_as<event_call>(record));
  Blobs blobs(record);
  event::Call call;
  call.ret = wire.ret;
  std::ranges::copy(wire.args, call.args);
  call.fd = wire.fd;
  call.file = file_of(wire.file);
  if (wire.sock.family != 0) call.socket = socket_of(wire.sock, {.type = wire.header.type, .hook = HOOK_SYS_EXIT}, blobs);
  call.path = blobs.text(wire.path);
  call.text = blobs.text(wire.text);
  call.data = blobs.text(wire.data);
  event.cwd = blobs.text(wire.cwd);
  event.payload = call;
  return blobs.check();
}

Result<void> decode_cgroup(std::span<const std::byte> record, Event& event) {
  const auto wire = TRY(read_as<event_cgroup>(record));
  Blobs blobs(record);
  event.payload = event::CgroupChange{.id = wire.id, .removed = wire.removed != 0, .path = blobs.text(wire.path)};
  return blobs.check();
}

constexpr std::uint32_t kWholeFlags = EVENT_FLAG_COMPAT | EVENT_FLAG_PATH_UNREACHABLE | EVENT_FLAG_ASSUMED;

Result<void> decode_into(std::span<const std::byte> record, const WallClock& clock, Event& event) {
  const auto header = TRY(read_as<event_header>(record));
  if (header.version != ABI_VERSION) return fail(Code::kCorrupt, "record of version " + std::to_string(header.version));
  if (header.size != record.size()) {
    return fail(Code::kCorrupt, "record says " + std::to_string(header.size) + " bytes and has " + std::to_string(record.size()));
  }
  if (header.kind == 0 || header.kind >= EVENT_KIND_COUNT)
    return fail(Code::kCorrupt, "record of unknown kind " + std::to_string(header.kind));
  if (header.type >= event::event_types().size() || header.hook >= HOOK_COUNT)
    return fail(Code::kCorrupt, "record of unknown type or hook");
  if (!fits(header.kind, header.type)) {
    return fail(Code::kCorrupt, "a record of kind " + std::to_string(header.kind) + " does not tell events of type " +
                                    std::to_string(header.type));
  }

  event.type = static_cast<event::EventType>(header.type);
  event.boot_ns = header.time_ns;
  event.time_ns = clock.from_boot(header.time_ns);
  event.pid = header.tgid;
  event.tid = header.tid;
  event.ppid = header.ppid;
  event.start_ns = header.start_ns;
  event.cgroup_id = header.cgroup_id;
  event.sid = header.sid;
  event.exec_id = header.exec_id;
  event.pgid = header.pgid;
  event.vpgid = header.vpgid;
  event.vtid = header.vtid;
  event.cpu = header.cpu;
  event.hook = header.hook;
  event.seq = header.seq;
  event.uring = (header.flags & EVENT_FLAG_URING) != 0;
  event.verdict_only = (header.flags & EVENT_FLAG_VERDICT_ONLY) != 0;
  event.gaps = {.path = (header.flags & EVENT_FLAG_PATH_TRUNCATED) != 0,
                .arguments = (header.flags & EVENT_FLAG_ARGS_TRUNCATED) != 0,
                .user_unread = (header.flags & EVENT_FLAG_USER_UNREAD) != 0,
                .user_cut = (header.flags & EVENT_FLAG_USER_TRUNCATED) != 0,
                .fd_gone = (header.flags & EVENT_FLAG_FD_GONE) != 0,
                .names = (header.flags & EVENT_FLAG_NAMES_TRUNCATED) != 0};
  if (header.kind == 0 || header.kind >= EVENT_KIND_COUNT)
    return fail(Code::kCorrupt, "record of unknown kind " + std::to_string(header.kind));
  if (!fits(header.kind, header.type)) {
    return fail(Code::kCorrupt, "a record of kind " + std::to_string(header.kind) + " does not tell events of type " +
                                    std::to_string(header.type));
  }
  if (header.kind == EVENT_KIND_EXEC_CHECK && header.verdict.size == 0)
    return fail(Code::kCorrupt, "an exec check without a verdict");
  if (header.verdict.size != 0) {
    event.verdict = TRY(decode_verdict(record, header.verdict));
    event.gaps.rules = event.verdict->rule_count > EVENT_VERDICT_RULES_MAX;
  }
  event.creds = {.uid = header.creds.uid,
                 .gid = header.creds.gid,
                 .loginuid = header.creds.loginuid,
                 .tty = header.creds.tty,
                 .cap_effective = header.creds.cap_effective,
                 .cap_permitted = header.creds.cap_permitted,
                 .cap_inheritable = header.creds.cap_inheritable};
  switch (header.kind) {
    case EVENT_KIND_TASK:
    case EVENT_KIND_EXEC:
    case EVENT_KIND_FORK:
    case EVENT_KIND_EXEC_CHECK:
      TRY(decode_process(record, header.kind, event));
      break;
    case EVENT_KIND_EXIT:
      event.payload = event::ProcessExit{.exit_code = TRY(read_as<event_exit>(record)).exit_code};
      break;
    case EVENT_KIND_OPEN:
      TRY(decode_open(record, event));
      break;
    case EVENT_KIND_SOCKET:
      TRY(decode_socket(record, event));
      break;
    case EVENT_KIND_PATHS:
      TRY(decode_paths(record, event));
      break;
    case EVENT_KIND_CALL:
      TRY(decode_call(record, event));
      break;
    case EVENT_KIND_CGROUP:
      TRY(decode_cgroup(record, event));
      break;
    default:
      break;
  }
  return {};
}

}  // namespace

bool peek_open(std::span<const std::byte> record, OpenPeek& peek) {
  if (record.size() < sizeof(event_open)) return false;
  event_open wire;
  std::memcpy(&wire, record.data(), sizeof(wire));  // of which the compiler loads what is used
  const event_header& header = wire.header;
  if (header.kind != EVENT_KIND_OPEN || header.version != ABI_VERSION || header.size != record.size() ||
      !fits(header.kind, header.type) || header.hook >= HOOK_COUNT || (header.flags & ~kWholeFlags) != 0 ||
      header.verdict.size != 0 || wire.names.size != 0)
    return false;
  Blobs blobs(record);
  peek.type = static_cast<event::EventType>(header.type);
  peek.hook = header.hook;
  peek.pid = header.tgid;
  peek.exec_id = header.exec_id;
  peek.start_ns = header.start_ns;
  peek.cgroup_id = header.cgroup_id;
  peek.boot_ns = header.time_ns;
  peek.key = {.ret = wire.ret,
              .flags = wire.open_flags,
              .mode = wire.open_mode,
              .file_type = wire.file.mode & S_IFMT,
              .readable = (wire.fmode & kModeRead) != 0,
              .writable = (wire.fmode & kModeWrite) != 0,
              .created = (wire.file.flags & EVENT_FILE_CREATED) != 0,
              .path = blobs.text(wire.path),
              .name = blobs.text(wire.name),
              .base = blobs.text(wire.base)};
  peek.place = {.file = wire.ret < 0 ? event::FileKey{} : event::FileKey{wire.file.ino, wire.file.dev, wire.file.generation},
                .layer = layer_of(wire.layer),
                .overlay = (wire.file.flags & (EVENT_FILE_UPPER | EVENT_FILE_LOWER)) != 0,
                .path = peek.key.path,
                .in_mount = {},
                .above = blobs.text(wire.above)};
  if (wire.in_mount <= peek.key.path.size()) peek.place.in_mount = wire.in_mount;
  blobs.text(wire.cwd);
  return blobs.fits();
}

// Made where the caller wants it: an Event is some hundred bytes, and this is asked of every record.
Result<Event> decode(std::span<const std::byte> record, const WallClock& clock) {
  Result<Event> result(std::in_place);
  if (auto done = decode_into(record, clock, *result); !done) result = std::unexpected(std::move(done.error()));
  return result;
}

}  // namespace shrike::decode
