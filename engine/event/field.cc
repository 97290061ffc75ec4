// SPDX-License-Identifier: Apache-2.0
#include "engine/event/field.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <sys/stat.h>
#include <unordered_map>

#include "engine/event/containers.h"
#include "engine/event/params.h"
#include "engine/event/sockets.h"
#include "engine/event/text.h"
#include "engine/event/times.h"

namespace shrike::event {
namespace {

using enum Type;
using enum ArgumentKind;
using enum Origin;

Value text(const Extraction& x, std::string_view value) { return x.arena.concat(value); }
Value integer(std::int64_t number) { return Value(number); }
Value natural(std::uint64_t number) { return Value(number); }

const Open* open_of(const Extraction& x) { return std::get_if<Open>(&x.event.payload); }
const Connect* connect_of(const Extraction& x) { return std::get_if<Connect>(&x.event.payload); }
const Connect* ip_of(const Extraction& x) {
  const Connect* connect = connect_of(x);
  return connect != nullptr && is_ip(*connect) ? connect : nullptr;
}

// `main`, and beside it the other names of the same object.
template <class Names>
Value also_named(const Extraction& x, Value main, const Names& names) {
  if (names.empty()) [[likely]] {
    return main;
  }
  const std::span<Value> others = x.arena.array<Value>(names.size());
  std::ranges::transform(names, others.begin(), [](std::string_view name) { return Value(name); });
  main.also = {others.data(), others.size()};
  return main;
}

// --- evt

Value evt_res(const Extraction& x) {
  const auto ret = return_value(x.event);
  if (!ret) return {};
  return *ret >= 0 ? Value("SUCCESS") : text(x, errno_name(static_cast<int>(-*ret)));
}

Value evt_rawres(const Extraction& x) {
  const auto ret = return_value(x.event);
  return ret ? integer(*ret) : Value();
}

Value evt_failed(const Extraction& x) {
  const auto ret = return_value(x.event);
  return ret ? Value(*ret < 0) : Value();
}

bool is_open_family(EventType type) {
  return type == EventType::kOpen || type == EventType::kOpenat || type == EventType::kOpenat2;
}

// The access asked for. Where the open succeeded it is the file's own mode: user memory (openat2) can't lie about it.
// O_PATH counts by its access bits, as upstream has it.
bool opens_for(const Extraction& x, bool write) {
  const Open* open = open_of(x);
  if (open == nullptr || !is_open_family(x.event.type)) return false;
  if (open->readable || open->writable) return write ? open->writable : open->readable;
  const std::uint64_t access = open->flags & O_ACCMODE;
  return access == O_RDWR || access == (write ? O_WRONLY : O_RDONLY);
}

Value evt_is_open_exec(const Extraction& x) {
  const Open* open = open_of(x);
  if (open == nullptr) return Value(false);
  const bool creates = x.event.type == EventType::kCreat || (open->flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) != 0;
  return Value(creates && (open->mode & (S_IXUSR | S_IXGRP | S_IXOTH)) != 0);
}

// As param_text has them, but without the heap: rules ask for them often.
Value open_flags(const Extraction& x, const Open& open) {
  std::array<std::string_view, kOpenFlagNames> names;
  std::size_t size = 0;
  const std::size_t count = open_flag_names(open.flags, names);
  for (std::size_t i = 0; i < count; ++i) size += names[i].size() + 1;
  const std::span<char> joined = x.arena.bytes(size);
  char* at = joined.data();
  for (std::size_t i = 0; i < count; ++i) {
    if (i != 0) *at++ = '|';
    at = std::ranges::copy(names[i], at).out;
  }
  const std::string_view all(joined.data(), at);
  if (!open.file.created && !open.file.upper_layer && !open.file.lower_layer) return all;
  return x.arena.concat(all, open.file.created ? "|O_F_CREATED" : "", open.file.upper_layer ? "|FD_UPPER_LAYER" : "",
                        open.file.lower_layer ? "|FD_LOWER_LAYER" : "");
}

Value evt_arg(const Extraction& x) {
  const std::span<const Param> params = event_types()[index(x.event.type)].params;
  const Param* param = nullptr;
  if (x.argument.index) {
    if (*x.argument.index < params.size()) param = &params[*x.argument.index];
  } else {
    const auto found = std::ranges::find(params, std::string_view(x.argument.text), &Param::name);
    if (found != params.end()) param = &*found;
  }
  if (param == nullptr) return {};
  const Open* open = open_of(x);
  if (open != nullptr && param->name == "flags") return open_flags(x, *open);
  const auto value = param_text(x.event, x.context, *param);
  if (!value) return {};
  const std::string& shown = value->resolved.empty() ? value->raw : value->resolved;
  return shown.empty() ? Value("<NA>") : text(x, shown);
}

Value evt_args(const Extraction& x) {
  std::string all;
  for (const Param& param : event_types()[index(x.event.type)].params) {
    const auto value = param_text(x.event, x.context, param);
    if (!value) continue;
    if (!all.empty()) all += ' ';
    all += std::string(param.name) + '=' + (value->raw.empty() ? std::string("<NA>") : printable(value->raw));
    if (!value->resolved.empty()) all += '(' + printable(value->resolved) + ')';
  }
  return text(x, all);
}

// --- processes

const Image* image_of(const Process* process) { return process == nullptr ? nullptr : process->image.get(); }
const Image* self(const Extraction& x) { return image_of(x.event.process); }

// Ancestor `level`: 0 the process itself, 1 its parent.
const Process* ancestor(const Extraction& x, std::uint32_t level) {
  const Process* process = x.event.process;
  for (std::uint32_t i = 0; i < level && process != nullptr; ++i) {
    if (i >= static_cast<std::uint32_t>(kMaxAncestors)) return nullptr;
    process = process->parent;
  }
  return process;
}

// What ancestor `level` ran when it forked the one below it; 0: what the process itself runs.
const Image* ancestor_image(const Extraction& x, std::uint32_t level) {
  if (level == 0) return self(x);
  if (level > static_cast<std::uint32_t>(kMaxAncestors)) return nullptr;
  const Process* child = ancestor(x, level - 1);
  return child == nullptr ? nullptr : child->parent_image.get();
}

// `get` of each process of the chain that begins with `first` and for which `known` holds.
template <class Known, class Get>
Value of_chain(const Extraction& x, const Process* first, Known known, Get get) {
  std::size_t count = 0;
  for (const Process* p = first; p != nullptr && known(*p) && count < kMaxAncestors; p = p->parent) ++count;
  if (count == 0) return {};
  const std::span<Value> values = x.arena.array<Value>(count);
  const Process* process = first;
  for (Value& value : values) {
    value = get(*process);
    process = process->parent;
  }
  return Value(ValueList{values.data(), values.size()});
}

Value ancestor_pids(const Extraction& x) {
  if (x.argument.index) {
    const Process* process = ancestor(x, *x.argument.index);
    return process == nullptr ? Value() : integer(process->pid);
  }
  const Process* parent = x.event.process == nullptr ? nullptr : x.event.process->parent;
  return of_chain(x, parent, [](const Process&) { return true; }, [](const Process& p) { return integer(p.pid); });
}

// `get` of the image of the ancestor the index names, or of all ancestors' but the process's own: as recorded at fork, in the
// kernel (FIELD_PNAME, FIELD_ANAME of bpf/abi/policy.h) and here alike.
Value of_ancestors(const Extraction& x, std::string_view (Image::*get)() const) {
  if (x.argument.index) {
    const Image* image = ancestor_image(x, *x.argument.index);
    return image == nullptr ? Value() : Value((image->*get)());
  }
  return of_chain(
      x, x.event.process, [](const Process& child) { return child.parent_image != nullptr; },
      [&](const Process& child) { return Value((*child.parent_image.*get)()); });
}

Value of_parent(const Extraction& x, std::string_view (Image::*get)() const) {
  const Image* image = ancestor_image(x, 1);
  return image == nullptr ? Value() : Value((image->*get)());
}

Value proc_exepath(const Extraction& x) {
  const Image* image = self(x);
  return image == nullptr ? Value("") : also_named(x, image->exe_path(), image->names());
}

Value proc_args(const Extraction& x) {
  const Image* image = self(x);
  if (image == nullptr) return "";
  if (!x.argument.index) return image->args();
  const auto& arguments = image->arguments();
  return *x.argument.index < arguments.size() ? Value(arguments[*x.argument.index]) : Value("");
}

Value proc_cwd(const Extraction& x) {
  if (!x.event.cwd.empty()) return x.event.cwd.ends_with('/') ? Value(x.event.cwd) : Value(x.arena.concat(x.event.cwd, "/"));
  const Image* image = self(x);
  return image == nullptr ? Value("") : Value(image->cwd());
}

// The session leader, or the nearest known ancestor in the session.
const Process* session_leader(const Extraction& x) {
  const Process* leader = x.context.processes.find(x.event.sid);
  if (leader != nullptr && leader->sid == x.event.sid) return leader;
  const Process* nearest = nullptr;
  int steps = 0;
  for (const Process* p = x.event.process; p != nullptr && steps < kMaxAncestors; p = p->parent, ++steps) {
    if (p->sid == x.event.sid && p != x.event.process) nearest = p;
  }
  return nearest;
}

std::uint64_t to_epoch(const Extraction& x, std::uint64_t boot_ns) {
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(boot_ns) + x.context.wall_minus_boot_ns);
}

// --- users: the databases of the host, "<NA>" where they do not know, "root" for 0 always (rule-language.md 4.2)

Value user_name(const Extraction& x, std::uint32_t uid) {
  if (uid == 0) return "root";
  const std::string_view name = x.context.names.user_name(uid);
  return name.empty() ? Value("<NA>") : Value(name);
}

Value group_name(const Extraction& x) {
  if (x.event.creds.gid == 0) return "root";
  const std::string_view name = x.context.names.group_name(x.event.creds.gid);
  return name.empty() ? Value("<NA>") : Value(name);
}

// --- fd: open and connect

bool opened(const Open& open) { return open.ret >= 0; }

// The kernel's path; of a failed open (or one whose fd was gone) the name as passed, made absolute.
std::string_view open_path(const Extraction& x, const Open& open) {
  if (!open.path.empty()) return open.path;
  return open.name.empty() ? std::string_view() : absolute_path(open.base, open.name, x.arena);
}

Value fd_name(const Extraction& x) {
  if (const Open* open = open_of(x)) return also_named(x, open_path(x, *open), x.event.names);
  if (const Connect* connect = connect_of(x)) return socket_name(*connect, x.arena);
  return {};
}

Value object_names(const Extraction& x) {
  const std::span<Value> names = x.arena.array<Value>(x.event.names.size());
  std::ranges::copy(x.event.names, names.begin());
  return Value(ValueList{names.data(), names.size()});
}

Value fd_nameraw(const Extraction& x) {
  const Open* open = open_of(x);
  if (open != nullptr) return open->name;
  return connect_of(x) != nullptr ? fd_name(x) : Value();
}

Value fd_num(const Extraction& x) {
  if (const Open* open = open_of(x)) return integer(std::max<std::int64_t>(open->ret, -1));
  if (const Connect* connect = connect_of(x)) return integer(connect->fd);
  return {};
}

bool is_directory(const Open& open) { return S_ISDIR(open.file.mode); }

Value fd_directory(const Extraction& x) {
  const Open* open = open_of(x);
  if (open == nullptr) return {};
  const std::string_view path = open_path(x, *open);
  if (opened(*open) && is_directory(*open)) return path;
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos || slash == 0 ? Value("/") : Value(path.substr(0, slash));
}

Value fd_filename(const Extraction& x) {
  const Open* open = open_of(x);
  if (open == nullptr || !opened(*open) || is_directory(*open)) return {};
  const std::string_view path = open_path(x, *open);
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

Value fd_type(const Extraction& x) {
  if (const Open* open = open_of(x)) {
    if (!opened(*open)) return {};
    return is_directory(*open) ? "directory" : "file";
  }
  if (const Connect* connect = connect_of(x)) {
    switch (type_char(*connect)) {
      case '4':
        return "ipv4";
      case '6':
        return "ipv6";
      case 'u':
        return "unix";
      default:
        return "<NA>";
    }
  }
  return {};
}

Value fd_typechar(const Extraction& x) {
  if (const Open* open = open_of(x)) return opened(*open) && is_directory(*open) ? "d" : "f";
  if (const Connect* connect = connect_of(x)) {
    switch (type_char(*connect)) {
      case '4':
        return "4";
      case '6':
        return "6";
      case 'u':
        return "u";
      default:
        return "o";
    }
  }
  return {};
}

// connect makes the local end the client, bind the server.
Value local_ip(const Extraction& x) {
  const Connect* c = ip_of(x);
  return c != nullptr && c->local.family != 0 ? Value(c->local) : Value();
}
Value remote_ip(const Extraction& x) {
  const Connect* c = ip_of(x);
  return c != nullptr && c->remote.family != 0 ? Value(c->remote) : Value();
}
Value local_port(const Extraction& x) {
  const Connect* c = ip_of(x);
  return c != nullptr ? natural(c->local_port) : Value();
}
Value remote_port(const Extraction& x) {
  const Connect* c = ip_of(x);
  return c != nullptr && !c->server ? natural(c->remote_port) : Value();
}
bool serves(const Extraction& x) { return connect_of(x) != nullptr && connect_of(x)->server; }
Value client_ip(const Extraction& x) { return serves(x) ? Value() : local_ip(x); }
Value server_ip(const Extraction& x) { return serves(x) ? local_ip(x) : remote_ip(x); }
Value client_port(const Extraction& x) { return serves(x) ? Value() : local_port(x); }
Value server_port(const Extraction& x) { return serves(x) ? local_port(x) : remote_port(x); }

Value both(const Extraction& x, const Value& first, const Value& second) {
  const std::span<Value> ends = x.arena.array<Value>(2);
  std::size_t count = 0;
  if (!first.absent()) ends[count++] = first;
  if (!second.absent()) ends[count++] = second;
  return count == 0 ? Value() : Value(ValueList{ends.data(), count});
}

Value socket_text(const Extraction& x, std::string_view (*get)(const Connect&)) {
  const Connect* connect = connect_of(x);
  return connect == nullptr ? Value() : Value(get(*connect));
}

Value file_of_open(const Extraction& x, Value (*get)(const FileIdentity&)) {
  const Open* open = open_of(x);
  return open == nullptr || !opened(*open) ? Value() : get(open->file);
}

Value exe_file(const Extraction& x, Value (*get)(const FileIdentity&)) {
  const Image* image = self(x);
  return image == nullptr ? Value() : get(image->file());
}

Value container_short_id(const Extraction& x) {
  const std::string_view id = container_id(x.event.cgroup);
  return id.empty() ? Value("host") : Value(id.substr(0, 12));
}

// A host process has a metadata record whose strings are present and empty (rule-language.md 4.5).
Value host_empty(const Extraction&) { return ""; }
Value host_false(const Extraction&) { return Value(false); }
Value never(const Extraction&) { return {}; }

constexpr std::uint8_t kNoRef = kNoRhs | kNoTransform;
constexpr std::uint8_t kCondition = kConditionOnly | kNoRhs | kNoTransform;
constexpr std::uint8_t kAncestors = kExistential | kNoRhs | kNoTransform;
constexpr std::uint8_t kEnds = kBothEnds | kCondition;

#define GET(expression) []([[maybe_unused]] const Extraction& x) -> Value { return expression; }

// One line per field, so that one can be read beside the other.
// clang-format off
constexpr Field kFields[] = {
    // events
    {"evt.num", kUint, kNone, 0, kEngine, "running number of the event, from 1", GET(natural(x.event.number))},
    {"evt.type", kString, kNone, 0, kKernel, "name of the system call", GET(name(x.event.type))},
    {"syscall.type", kString, kNone, 0, kKernel, "as evt.type", GET(name(x.event.type))},
    {"evt.dir", kString, kNone, kDeprecated, kEngine, "always <", GET("<")},
    {"evt.source", kString, kNone, 0, kEngine, "event source: syscall", GET("syscall")},
    {"evt.time", kString, kNone, 0, kKernel, "local time of day, HH:MM:SS.nnnnnnnnn", GET(text(x, local_time_text(x.event.time_ns)))},
    {"evt.time.s", kString, kNone, 0, kKernel, "local time of day, HH:MM:SS", GET(text(x, local_time_text(x.event.time_ns).substr(0, 8)))},
    {"evt.time.iso8601", kString, kNone, 0, kKernel, "UTC, ISO 8601 with nanoseconds", GET(text(x, iso_time_text(x.event.time_ns, "+0000")))},
    {"evt.rawtime", kTime, kNone, 0, kKernel, "time, epoch ns", GET(natural(x.event.time_ns))},
    {"evt.hostname", kString, kNone, 0, kEngine, "host name (SHRIKE_HOSTNAME or FALCO_HOSTNAME wins)", GET(std::string_view(x.context.hostname))},
    {"evt.cpu", kInt, kNone, 0, kKernel, "CPU number", GET(integer(x.event.cpu))},
    {"evt.res", kString, kNone, 0, kKernel, "SUCCESS, or the errno's name", evt_res},
    {"evt.rawres", kInt, kNone, 0, kKernel, "return value; negative errno on failure", evt_rawres},
    {"evt.failed", kBool, kNone, 0, kKernel, "the return value is negative", evt_failed},
    {"evt.args", kString, kNone, 0, kUserMemory, "all parameters, name=raw(resolved)", evt_args},
    {"evt.info", kString, kNone, 0, kUserMemory, "as evt.args", evt_args},
    {"evt.arg", kString, kParameter, 0, kUserMemory, "a parameter as text, by name or position; paths as the program passed them, made absolute", evt_arg},
    {"evt.is_open_read", kBool, kNone, 0, kKernel, "open, openat or openat2 with read access", GET(Value(opens_for(x, false)))},
    {"evt.is_open_write", kBool, kNone, 0, kKernel, "open, openat or openat2 with write access; not creat", GET(Value(opens_for(x, true)))},
    {"evt.is_open_exec", kBool, kNone, 0, kKernel, "a file is created with an execute bit", evt_is_open_exec},
    {"evt.is_open_create", kBool, kNone, 0, kKernel, "the open made the file",
     GET(Value(open_of(x) != nullptr && open_of(x)->file.created))},
    {"evt.buffer", kBuffer, kNone, 0, kNotCaptured, "bytes read or written"},

    // processes
    {"proc.pid", kInt, kNone, 0, kKernel, "process id", GET(integer(x.event.pid))},
    {"proc.ppid", kInt, kNone, 0, kKernel, "process id of the parent", GET(integer(x.event.ppid))},
    {"proc.name", kString, kNone, 0, kProcessTable, "comm as set by exec, at most 15 bytes",
     GET(self(x) == nullptr ? Value("<NA>") : Value(self(x)->comm()))},
    {"proc.exe", kString, kNone, 0, kUserMemory, "argv[0] as passed: the program's to choose", GET(self(x) == nullptr ? Value("") : Value(self(x)->exe()))},
    {"proc.exepath", kString, kNone, 0, kProcessTable, "path of the executable, the kernel's", proc_exepath},
    {"proc.args", kString, kOptionalIndex, 0, kUserMemory, "arguments after argv[0], blank-joined; [0] is the first", proc_args},
    {"proc.cmdline", kString, kNone, 0, kUserMemory, "comm and arguments", GET(self(x) == nullptr ? Value("") : Value(self(x)->cmdline()))},
    {"proc.cmdnargs", kUint, kNone, 0, kUserMemory, "number of arguments", GET(self(x) == nullptr ? Value() : natural(self(x)->arguments().size()))},
    {"proc.exeline", kString, kNone, 0, kUserMemory, "argv[0] and arguments",
     GET(self(x) == nullptr ? Value() : self(x)->args().empty() ? Value(self(x)->exe()) : Value(x.arena.concat(self(x)->exe(), " ", self(x)->args())))},
    {"proc.cwd", kString, kNone, 0, kKernel, "working directory, with a trailing slash", proc_cwd},
    {"proc.env", kString, kOptionalKey, 0, kNotCaptured, "environment: one variable, or all"},
    {"proc.tty", kUint, kNone, 0, kKernel, "device number of the controlling terminal, 0: none", GET(natural(x.event.creds.tty))},
    {"proc.sid", kInt, kNone, 0, kKernel, "session id", GET(integer(x.event.sid))},
    {"proc.sname", kString, kNone, 0, kProcessTable, "comm of the session leader, or of the nearest known ancestor in the session",
     GET(session_leader(x) == nullptr ? Value("") : Value(session_leader(x)->image->comm()))},
    {"proc.pgid", kInt, kNone, 0, kProcessTable, "process group", GET(x.event.process == nullptr ? integer(-1) : integer(x.event.process->pgid))},
    {"proc.vpid", kInt, kNone, 0, kProcessTable, "process id in its own pid namespace", GET(x.event.process == nullptr ? Value() : integer(x.event.process->vpid))},
    {"proc.vpgid", kInt, kNone, 0, kProcessTable, "process group in its own pid namespace", GET(x.event.process == nullptr ? Value() : integer(x.event.process->vpgid))},
    {"proc.is_vpgid_leader", kBool, kNone, 0, kProcessTable, "vpgid equals vpid",
     GET(Value(x.event.process != nullptr && x.event.process->vpgid == x.event.process->vpid))},
    {"proc.duration", kDuration, kNone, 0, kKernel, "age of the process, ns",
     GET(x.event.start_ns == 0 || x.event.boot_ns < x.event.start_ns ? Value() : natural(x.event.boot_ns - x.event.start_ns))},
    {"proc.pid.ts", kDuration, kNone, 0, kKernel, "start of the process, epoch ns", GET(x.event.start_ns == 0 ? Value() : natural(to_epoch(x, x.event.start_ns)))},
    {"proc.pname", kString, kNone, 0, kProcessTable, "comm of the parent when it forked the process", GET(of_parent(x, &Image::comm))},
    {"proc.pexe", kString, kNone, 0, kUserMemory, "argv[0] of the parent when it forked the process", GET(of_parent(x, &Image::exe))},
    {"proc.pexepath", kString, kNone, 0, kProcessTable, "executable of the parent when it forked the process", GET(of_parent(x, &Image::exe_path))},
    {"proc.pcmdline", kString, kNone, 0, kUserMemory, "command line of the parent when it forked the process", GET(of_parent(x, &Image::cmdline))},
    {"proc.aname", kString, kOptionalIndex, kAncestors, kProcessTable, "comm of an ancestor when it forked the next one: [1] the parent; without index any of them",
     GET(of_ancestors(x, &Image::comm))},
    {"proc.aexe", kString, kOptionalIndex, kAncestors, kUserMemory, "argv[0] of an ancestor, as proc.aname",
     GET(of_ancestors(x, &Image::exe))},
    {"proc.aexepath", kString, kOptionalIndex, kAncestors, kProcessTable, "executable of an ancestor, as proc.aname",
     GET(of_ancestors(x, &Image::exe_path))},
    {"proc.acmdline", kString, kOptionalIndex, kAncestors, kUserMemory, "command line of an ancestor, as proc.aname",
     GET(of_ancestors(x, &Image::cmdline))},
    {"proc.apid", kInt, kOptionalIndex, kAncestors, kProcessTable, "process id of an ancestor",
     ancestor_pids},
    {"proc.exe_ino", kInt, kNone, 0, kProcessTable, "inode of the executable", GET(exe_file(x, [](const FileIdentity& f) { return f.ino == 0 ? Value() : integer(static_cast<std::int64_t>(f.ino)); }))},
    {"proc.exe_ino.ctime", kTime, kNone, 0, kProcessTable, "ctime of the executable at exec, epoch ns",
     GET(exe_file(x, [](const FileIdentity& f) { return f.ctime_ns == 0 ? Value() : natural(f.ctime_ns); }))},
    {"proc.exe_ino.mtime", kTime, kNone, 0, kProcessTable, "mtime of the executable at exec, epoch ns",
     GET(exe_file(x, [](const FileIdentity& f) { return f.mtime_ns == 0 ? Value() : natural(f.mtime_ns); }))},
    {"proc.exe_ino.ctime_duration_proc_start", kTime, kNone, 0, kProcessTable, "from the executable's ctime to the start of the process, ns",
     GET(self(x) == nullptr || self(x)->file().ctime_ns == 0 || to_epoch(x, x.event.start_ns) < self(x)->file().ctime_ns
             ? Value()
             : natural(to_epoch(x, x.event.start_ns) - self(x)->file().ctime_ns))},
    {"proc.is_exe_writable", kBool, kNone, 0, kProcessTable, "the process could write its own executable (owner and mode; no ACLs)", GET(Value(exe_writable(x.event)))},
    {"proc.is_exe_upper_layer", kBool, kNone, 0, kProcessTable, "the executable lies in an overlay's upper layer",
     GET(exe_file(x, [](const FileIdentity& f) { return Value(f.upper_layer); }))},
    {"proc.is_exe_lower_layer", kBool, kNone, 0, kProcessTable, "the executable lies in an overlay's lower layer",
     GET(exe_file(x, [](const FileIdentity& f) { return Value(f.lower_layer); }))},
    {"proc.is_exe_from_memfd", kBool, kNone, 0, kProcessTable, "the executable is a memfd",
     GET(exe_file(x, [](const FileIdentity& f) { return Value(f.memfd); }))},
    {"proc.pidns_init_start_ts", kUint, kNone, 0, kProcessTable, "start of the pid namespace's init, epoch ns",
     GET(x.event.process == nullptr || x.event.process->pidns_init_start_ns == 0 ? Value() : natural(to_epoch(x, x.event.process->pidns_init_start_ns)))},

    // threads and credentials
    {"thread.tid", kInt, kNone, 0, kKernel, "thread id", GET(integer(x.event.tid))},
    {"thread.ismain", kBool, kNone, 0, kKernel, "the thread is the process's first", GET(Value(x.event.tid == x.event.pid))},
    {"thread.cap_effective", kString, kNone, 0, kKernel, "effective capabilities, blank-joined", GET(text(x, capabilities_text(x.event.creds.cap_effective)))},
    {"thread.cap_permitted", kString, kNone, 0, kKernel, "permitted capabilities, blank-joined", GET(text(x, capabilities_text(x.event.creds.cap_permitted)))},
    {"thread.cap_inheritable", kString, kNone, 0, kKernel, "inheritable capabilities, blank-joined", GET(text(x, capabilities_text(x.event.creds.cap_inheritable)))},
    {"user.uid", kUint, kNone, 0, kKernel, "effective user id", GET(natural(x.event.creds.uid))},
    {"user.name", kString, kNone, 0, kHostFiles, "its name in the host's /etc/passwd; <NA> if unknown", GET(user_name(x, x.event.creds.uid))},
    {"user.loginuid", kInt, kNone, 0, kKernel, "audit login uid, -1 if unset",
     GET(integer(x.event.creds.loginuid == 0xffffffff ? -1 : static_cast<std::int64_t>(x.event.creds.loginuid)))},
    {"user.loginname", kString, kNone, 0, kHostFiles, "its name; <NA> if unset or unknown",
     GET(x.event.creds.loginuid == 0xffffffff ? Value("<NA>") : user_name(x, x.event.creds.loginuid))},
    {"cgroup.path", kString, kNone, 0, kKernel, "the process's cgroup in the default hierarchy (v2), from its root: /system.slice/ssh.service",
     GET(x.event.cgroup.empty() ? Value() : Value(x.event.cgroup))},
    {"group.gid", kUint, kNone, 0, kKernel, "effective group id", GET(natural(x.event.creds.gid))},
    {"group.name", kString, kNone, 0, kHostFiles, "its name in the host's /etc/group; <NA> if unknown", GET(group_name(x))},

    // file descriptors
    {"fd.num", kInt, kNone, 0, kKernel, "fd number; -1 after a failed open", fd_num},
    {"fd.type", kString, kNone, 0, kKernel, "file, directory, ipv4, ipv6, unix; absent after a failed open", fd_type},
    {"fd.typechar", kString, kNone, 0, kKernel, "f file, d directory, 4, 6, u unix, o other; f after a failed open", fd_typechar},
    {"fd.name", kString, kNone, 0, kKernel, "the kernel's path of the opened file, seen from the process's root; after a failed open the name as passed, made absolute (user memory); of a socket client->server", fd_name},
    {"fd.names", kString, kNone, kExistential | kNoRhs | kNoTransform, kKernel, "every name loaded rules know the opened file (of an exec the executable) by besides its path: hard links, bind mounts, other roots", GET(x.event.names.empty() ? Value() : object_names(x))},
    {"fd.nameraw", kString, kNone, 0, kUserMemory, "the name as the program passed it", fd_nameraw},
    {"fd.directory", kString, kNone, 0, kKernel, "directory part of fd.name", fd_directory},
    {"fd.filename", kString, kNone, 0, kKernel, "last component of fd.name; absent for directories and failed opens", fd_filename},
    {"fd.ino", kInt, kNone, 0, kKernel, "inode number", GET(file_of_open(x, [](const FileIdentity& f) { return integer(static_cast<std::int64_t>(f.ino)); }))},
    {"fd.dev", kInt, kNone, 0, kKernel, "device number of the file system, major << 20 | minor", GET(file_of_open(x, [](const FileIdentity& f) { return integer(f.dev); }))},
    {"fd.dev.major", kInt, kNone, 0, kKernel, "its major part", GET(file_of_open(x, [](const FileIdentity& f) { return integer(f.dev >> 20U); }))},
    {"fd.dev.minor", kInt, kNone, 0, kKernel, "its minor part", GET(file_of_open(x, [](const FileIdentity& f) { return integer(f.dev & 0xfffffU); }))},
    {"fd.is_upper_layer", kBool, kNone, 0, kKernel, "the file lies in an overlay's upper layer", GET(file_of_open(x, [](const FileIdentity& f) { return Value(f.upper_layer); }))},
    {"fd.is_lower_layer", kBool, kNone, 0, kKernel, "the file lies in an overlay's lower layer", GET(file_of_open(x, [](const FileIdentity& f) { return Value(f.lower_layer); }))},
    {"fd.sockfamily", kString, kNone, 0, kKernel, "ip or unix",
     GET(connect_of(x) == nullptr ? Value() : is_ip(*connect_of(x)) ? Value("ip") : type_char(*connect_of(x)) == 'u' ? Value("unix") : Value())},
    {"fd.l4proto", kString, kNone, 0, kKernel, "tcp, udp, icmp, raw; <NA> if undetermined", GET(socket_text(x, l4_protocol))},
    {"fd.connected", kBool, kNone, 0, kKernel, "the socket is connected", GET(connect_of(x) != nullptr ? Value(connect_of(x)->ret == 0 && !serves(x)) : open_of(x) != nullptr && opened(*open_of(x)) ? Value(false) : Value())},
    {"fd.name_changed", kBool, kNone, 0, kKernel, "the event gave the fd a new name", GET(connect_of(x) != nullptr ? Value(connect_of(x)->ret == 0) : open_of(x) != nullptr && opened(*open_of(x)) ? Value(false) : Value())},
    {"fd.is_server", kBool, kNone, 0, kKernel, "the process is the server side", GET(connect_of(x) == nullptr ? Value() : Value(serves(x)))},
    {"fd.ip", kIp, kNone, kEnds, kKernel, "either address", GET(both(x, local_ip(x), remote_ip(x)))},
    {"fd.cip", kIp, kNone, 0, kKernel, "client address", GET(client_ip(x))},
    {"fd.sip", kIp, kNone, 0, kKernel, "server address", GET(server_ip(x))},
    {"fd.lip", kIp, kNone, 0, kKernel, "local address", GET(local_ip(x))},
    {"fd.rip", kIp, kNone, 0, kKernel, "remote address", GET(remote_ip(x))},
    {"fd.net", kNet, kNone, kEnds, kKernel, "either address, compared with networks", GET(both(x, local_ip(x), remote_ip(x)))},
    {"fd.cnet", kNet, kNone, kCondition, kKernel, "client address, compared with networks", GET(client_ip(x))},
    {"fd.snet", kNet, kNone, kCondition, kKernel, "server address, compared with networks", GET(server_ip(x))},
    {"fd.lnet", kNet, kNone, kCondition, kKernel, "local address, compared with networks", GET(local_ip(x))},
    {"fd.rnet", kNet, kNone, kCondition, kKernel, "remote address, compared with networks", GET(remote_ip(x))},
    {"fd.port", kPort, kNone, kEnds, kKernel, "either port", GET(both(x, local_port(x), remote_port(x)))},
    {"fd.cport", kPort, kNone, 0, kKernel, "client port", GET(client_port(x))},
    {"fd.sport", kPort, kNone, 0, kKernel, "server port", GET(server_port(x))},
    {"fd.lport", kPort, kNone, 0, kKernel, "local port", GET(local_port(x))},
    {"fd.rport", kPort, kNone, 0, kKernel, "remote port", GET(remote_port(x))},
    {"fd.cip.name", kString, kNone, kNoRef, kNotCaptured, "client host name"},
    {"fd.sip.name", kString, kNone, kNoRef, kNotCaptured, "server host name"},
    {"fd.lip.name", kString, kNone, kNoRef, kNotCaptured, "local host name"},
    {"fd.rip.name", kString, kNone, kNoRef, kNotCaptured, "remote host name"},

    // containers: ids from the cgroup; every other value is a host process's
    {"container.id", kString, kNone, 0, kHostConstant, "first 12 characters of the container id, as the cgroup is named after it; host for host processes", container_short_id},
    {"container.full_id", kString, kNone, 0, kHostConstant, "full container id, as the cgroup is named after it; empty for host processes", GET(container_id(x.event.cgroup))},
    {"container.name", kString, kNone, 0, kHostConstant, "name; host for host processes", GET("host")},
    {"container.image", kString, kNone, 0, kHostConstant, "image with tag", host_empty},
    {"container.image.id", kString, kNone, 0, kHostConstant, "image id", host_empty},
    {"container.image.repository", kString, kNone, 0, kHostConstant, "image name without tag", host_empty},
    {"container.image.tag", kString, kNone, 0, kHostConstant, "image tag", host_empty},
    {"container.image.digest", kString, kNone, 0, kHostConstant, "image digest", host_empty},
    {"container.type", kString, kNone, 0, kHostConstant, "runtime; host for host processes", GET("host")},
    {"container.privileged", kBool, kNone, 0, kHostConstant, "the container runs privileged", host_false},
    {"container.mounts", kString, kNone, 0, kHostConstant, "all mounts, comma-joined", host_empty},
    {"container.mount.dest", kString, kRequiredKey, 0, kHostConstant, "destination of the mount whose source matches", never},
    {"container.start_ts", kTime, kNone, 0, kProcessTable, "start of the pid namespace's init, epoch ns",
     GET(x.event.process == nullptr || x.event.process->pidns_init_start_ns == 0 ? Value() : natural(to_epoch(x, x.event.process->pidns_init_start_ns)))},
    {"k8s.ns.name", kString, kNone, 0, kHostConstant, "pod namespace", never},
    {"k8s.pod.name", kString, kNone, 0, kHostConstant, "pod name", never},
    {"k8s.pod.uid", kString, kNone, 0, kHostConstant, "pod UID", never},
};
// clang-format on

#undef GET

Error unknown_field(std::string_view name) { return {Code::kNotFound, "unknown field \"" + std::string(name) + "\""}; }

}  // namespace

std::optional<std::int64_t> return_value(const Event& event) {
  struct Visitor {
    bool refused;
    std::optional<std::int64_t> operator()(const Open& open) const { return open.ret; }
    std::optional<std::int64_t> operator()(const Connect& connect) const { return connect.ret; }
    std::optional<std::int64_t> operator()(const Paths& paths) const { return paths.ret; }
    std::optional<std::int64_t> operator()(const Ptrace& ptrace) const { return ptrace.ret; }
    std::optional<std::int64_t> operator()(const ProcessChange& change) const {
      return refused && change.kind == ProcessChange::Kind::kExecCheck ? -EPERM : 0;
    }
    std::optional<std::int64_t> operator()(const ProcessExit&) const { return std::nullopt; }
    std::optional<std::int64_t> operator()(std::monostate) const { return std::nullopt; }
  };
  return std::visit(Visitor{.refused = event.verdict && event.verdict->refused}, event.payload);
}

std::string_view spelling(Type type) {
  static constexpr std::string_view kNames[] = {"string",   "int",  "uint", "bool", "time",
                                                "duration", "port", "ip",   "net",  "buffer"};
  return kNames[static_cast<std::size_t>(type)];
}

std::string_view spelling(Origin origin) {
  static constexpr std::string_view kNames[] = {"kernel", "user memory",   "process table", "host files",
                                                "engine", "host constant", "not captured"};
  return kNames[static_cast<std::size_t>(origin)];
}

std::span<const Field> fields() { return kFields; }

std::string FieldUse::text() const {
  std::string text(field->name);
  if (!argument.present) return text;
  if (field->argument == kParameter && !argument.index) return text + '.' + argument.text;
  return text + '[' + argument.text + ']';
}

Result<FieldUse> resolve_field(std::string_view name, const std::optional<std::string>& argument) {
  static const auto kByName = [] {
    std::unordered_map<std::string_view, const Field*> by_name;
    for (const Field& field : kFields) by_name.emplace(field.name, &field);
    return by_name;
  }();
  const auto found = kByName.find(name);
  if (found == kByName.end()) {
    // evt.arg.NAME: the only field whose argument is a dotted suffix so far.
    static constexpr std::string_view kPrefix = "evt.arg.";
    if (!name.starts_with(kPrefix)) return std::unexpected(unknown_field(name));
    const std::string_view param = name.substr(kPrefix.size());
    if (!is_known_param(param)) return fail(Code::kInvalid, "unknown event argument \"" + std::string(param) + "\"");
    if (argument) return fail(Code::kInvalid, "evt.arg." + std::string(param) + " takes no argument in brackets");
    return FieldUse{kByName.at("evt.arg"), {.text = std::string(param), .index = std::nullopt, .present = true}};
  }
  const Field& field = *found->second;
  const std::string quoted = '"' + std::string(name) + '"';
  if (!argument) {
    if (field.argument == kRequiredKey) return fail(Code::kInvalid, quoted + " needs an argument: " + std::string(name) + "[…]");
    if (field.argument == kParameter) return fail(Code::kInvalid, quoted + " needs a parameter: evt.arg.name or evt.arg[0]");
    return FieldUse{&field, {}};
  }
  FieldUse use{&field, {.text = *argument, .index = std::nullopt, .present = true}};
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(argument->data(), argument->data() + argument->size(), number);
  if (error == std::errc() && end == argument->data() + argument->size() && !argument->empty()) use.argument.index = number;
  switch (field.argument) {
    case kNone:
      return fail(Code::kInvalid, quoted + " takes no argument");
    case kOptionalIndex:
    case kParameter:
      if (!use.argument.index) return fail(Code::kInvalid, quoted + " takes a number as argument, not \"" + *argument + "\"");
      break;
    case kOptionalKey:
    case kRequiredKey:
      break;
  }
  return use;
}

std::string field_text(const FieldUse& use, const Value& value) {
  if (use.field->type == kBuffer) return printable(to_text(value));
  return to_text(value);
}

}  // namespace shrike::event
