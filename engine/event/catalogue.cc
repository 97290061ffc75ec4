// SPDX-License-Identifier: Apache-2.0
#include "engine/event/field.h"

#include <algorithm>
#include <cerrno>
#include <functional>
#include <fcntl.h>
#include <fnmatch.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "engine/event/container.h"
#include "engine/event/descriptor.h"
#include "engine/event/params.h"
#include "engine/event/services.h"
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
const Socket* socket_of(const Extraction& x) {
  if (const auto* call = std::get_if<SocketCall>(&x.event.payload)) return &call->socket;
  const auto* call = std::get_if<Call>(&x.event.payload);
  return call != nullptr && call->socket.family != 0 ? &call->socket : nullptr;
}
const Socket* ip_of(const Extraction& x) {
  const Socket* socket = socket_of(x);
  return socket != nullptr && is_ip(*socket) ? socket : nullptr;
}

// `main`, and beside it what `part` makes of the other names of the same object.
template <class Names, class Part = std::identity>
Value also_named(const Extraction& x, Value main, const Names& names, Part part = {}) {
  if (names.empty()) [[likely]] {
    return main;
  }
  const std::span<Value> others = x.arena.array<Value>(names.size());
  std::ranges::transform(names, others.begin(), [&](std::string_view name) { return Value(std::string_view(part(name))); });
  main.also = {others.data(), others.size()};
  return main;
}

// --- evt

Value evt_res(const Extraction& x) {
  const auto ret = return_value(x.event);
  if (!ret) return {};
  return *ret >= 0 ? Value("SUCCESS") : Value(errno_name(x.arena, static_cast<int>(-*ret)));
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
  return type == EventType::kOpen || type == EventType::kOpenat || type == EventType::kOpenat2 ||
         type == EventType::kOpenByHandleAt;
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

Value evt_is_open_create(const Extraction& x) {
  const Open* open = open_of(x);
  const bool made = open != nullptr && (is_open_family(x.event.type) || x.event.type == EventType::kCreat);
  // O_TMPFILE has no name that could have been there before.
  return Value(made && (open->file.created || (open->ret >= 0 && (open->flags & (O_TMPFILE & ~O_DIRECTORY)) != 0)));
}

// The parameter the argument names, by name or by position.
const Param* param_of(const Extraction& x) {
  const std::span<const Param> params = event_types()[index(x.event.type)].params;
  if (x.argument.index) return *x.argument.index < params.size() ? &params[*x.argument.index] : nullptr;
  const auto found = std::ranges::find(params, std::string_view(x.argument.text), &Param::name);
  return found == params.end() ? nullptr : &*found;
}

Value evt_arg(const Extraction& x) {
  const Param* param = param_of(x);
  if (param == nullptr) return {};
  const auto value = param_text(x.event, x.context, x.arena, *param);
  if (!value) return {};
  const std::string_view shown = value->resolved.empty() ? value->raw : value->resolved;
  return shown.empty() ? Value("<NA>") : Value(shown);
}

// Of files' events without a type (kNone) absent.
Value type_name(const Extraction& x) { return x.event.type == EventType::kNone ? Value() : Value(name(x.event.type)); }

// How far the event is from the time in brackets, in ms, rounded up.
Value evt_around(const Extraction& x) {
  const std::uint64_t at = *x.argument.index;
  const std::uint64_t ns = at > x.event.time_ns ? at - x.event.time_ns : x.event.time_ns - at;
  return natural(ns / 1'000'000 + (ns % 1'000'000 == 0 ? 0 : 1));
}

Value evt_args(const Extraction& x) {
  ArenaText all(x.arena);
  for (const Param& param : event_types()[index(x.event.type)].params) {
    const auto value = param_text(x.event, x.context, x.arena, param);
    if (!value) continue;
    all.joined(' ', param.name).add("=").add(value->raw.empty() ? "<NA>" : printable(x.arena, value->raw));
    if (!value->resolved.empty()) all.add("(").add(printable(x.arena, value->resolved)).add(")");
  }
  return all.view();
}

bool is_send(const Extraction& x) {
  return x.event.type == EventType::kSendto || x.event.type == EventType::kSendmsg || x.event.type == EventType::kSendmmsg;
}
bool is_receive(const Extraction& x) { return x.event.type == EventType::kRecvfrom || x.event.type == EventType::kRecvmsg; }
bool is_io(const Extraction& x) { return is_send(x) || is_receive(x); }

// What a descriptor is for: where Falco goes by it.
std::string_view category_of(FdType type) {
  switch (type) {
    case FdType::kFile:
    case FdType::kDirectory:
      return "file";
    case FdType::kIpv4:
    case FdType::kIpv6:
      return "net";
    case FdType::kUnix:
    case FdType::kPipe:
    case FdType::kEvent:
    case FdType::kSignal:
    case FdType::kInotify:
      return "ipc";
    default:
      return "unknown";
  }
}

FdType fd_type_of(const Extraction& x) {
  const auto fd = descriptor_of(x.event);
  return fd ? fd->type : FdType::kUnknown;
}

// The path of a unix socket system logs are sent to: as the C library has it, and as systemd makes what that is a symlink to.
bool is_log(const Socket* socket) {
  return socket != nullptr && (socket->unix_path == "/dev/log" || socket->unix_path == "/run/systemd/journal/dev-log");
}

Value evt_buffer(const Extraction& x) {
  const auto* call = std::get_if<SocketCall>(&x.event.payload);
  return call != nullptr && is_io(x) ? Value(call->data) : Value();
}

// Bytes read or written. Of sendmmsg the result counts messages.
Value buffer_size(const Extraction& x, bool asked) {
  const auto* call = std::get_if<SocketCall>(&x.event.payload);
  const bool told = asked && call != nullptr && call->ret >= 0 && x.event.type != EventType::kSendmmsg;
  return told && is_io(x) && fd_type_of(x) != FdType::kUnknown ? natural(static_cast<std::uint64_t>(call->ret)) : Value();
}
bool is_network(const Extraction& x) { return category_of(fd_type_of(x)) == "net"; }

Value evt_category(const Extraction& x) {
  switch (x.event.type) {
    case EventType::kExecve:
    case EventType::kExecveat:
    case EventType::kPtrace:
      return "process";
    case EventType::kOpen:
    case EventType::kOpenat:
    case EventType::kOpenat2:
    case EventType::kCreat:
    case EventType::kOpenByHandleAt:
    case EventType::kSymlink:
    case EventType::kSymlinkat:
    case EventType::kLink:
    case EventType::kLinkat:
    case EventType::kRename:
    case EventType::kRenameat:
    case EventType::kRenameat2:
    case EventType::kRmdir:
    case EventType::kUnlink:
    case EventType::kUnlinkat:
    case EventType::kMkdir:
    case EventType::kMkdirat:
    case EventType::kChmod:
    case EventType::kFchmodat:
    case EventType::kFchmod:
      return "file";
    case EventType::kConnect:
    case EventType::kBind:
    case EventType::kAccept:
    case EventType::kAccept4:
    case EventType::kListen:
    case EventType::kSocket:
      return "net";
    case EventType::kDup:
    case EventType::kDup2:
    case EventType::kDup3:
    case EventType::kClose:
    case EventType::kSendto:
    case EventType::kSendmsg:
    case EventType::kSendmmsg:
    case EventType::kRecvfrom:
    case EventType::kRecvmsg:
      return category_of(fd_type_of(x));
    case EventType::kSetuid:
      return "user";
    case EventType::kSetns:
    case EventType::kUnshare:
      return "process";
    case EventType::kUserfaultfd:
      return "memory";
    case EventType::kBpf:
    case EventType::kInitModule:
    case EventType::kFinitModule:
      return "system";
    case EventType::kNone:
      break;
  }
  return "unknown";
}

// What errors are counted as: of what the call is about, be it known or not.
std::string_view error_kind(const Extraction& x) {
  if (open_of(x) != nullptr) return "file";
  if (x.event.type == EventType::kSocket || socket_of(x) != nullptr) return "net";
  if (x.event.type == EventType::kUserfaultfd) return "memory";
  return category_of(fd_type_of(x)) == "file" ? "file" : "other";
}

// 1 if the call failed, else 0, if it is one of those asked for.
Value error_count(const Extraction& x, bool asked) {
  const auto ret = return_value(x.event);
  return ret && asked ? natural(*ret < 0 ? 1 : 0) : Value();
}

constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

// Since an earlier event; 0 if there was none.
std::uint64_t since(const Extraction& x, std::uint64_t earlier_ns) {
  return earlier_ns == 0 || x.event.time_ns < earlier_ns ? 0 : x.event.time_ns - earlier_ns;
}
std::uint64_t reltime(const Extraction& x) { return since(x, x.context.first_ns); }
std::uint64_t deltatime(const Extraction& x) { return since(x, x.context.previous_ns); }

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
  std::size_t present = 0;  // of a process in between something may be unknown
  for (std::size_t i = 0; i < count; ++i, process = process->parent) {
    values[present] = get(*process);
    if (!values[present].absent()) ++present;
  }
  return present == 0 ? Value() : Value(ValueList{values.data(), present});
}

// How far up an index in brackets asks; one past the end for what is too far.
std::uint32_t level_of(const Extraction& x) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(*x.argument.index, kMaxAncestors + 1));
}

Value ancestor_pids(const Extraction& x) {
  if (x.argument.index) {
    const Process* process = ancestor(x, level_of(x));
    return process == nullptr ? Value() : integer(process->pid);
  }
  const Process* parent = x.event.process == nullptr ? nullptr : x.event.process->parent;
  return of_chain(x, parent, [](const Process&) { return true; }, [](const Process& p) { return integer(p.pid); });
}

// `get` of the image of the ancestor the index names, or of all ancestors' but the process's own: as recorded at fork, in the
// kernel (FIELD_PNAME, FIELD_ANAME of bpf/abi/policy.h) and here alike.
Value of_ancestors(const Extraction& x, std::string_view (Image::*get)() const) {
  if (x.argument.index) {
    const Image* image = ancestor_image(x, level_of(x));
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

// Text of the process that leads a group or session; empty if it is not known.
Value of_leader(const Process* leader, std::string_view (Image::*get)() const) {
  return leader == nullptr ? Value("") : Value((*leader->image.*get)());
}

// All entries; absent if they are not known.
Value environment_text(const Extraction& x, const Image* image) {
  if (image == nullptr || !image->environment().known) return {};
  ArenaText all(x.arena);
  image->environment().each([&](std::string_view entry) { all.joined(' ', entry); });
  return all.view();
}

Value proc_env(const Extraction& x) {
  const Image* image = self(x);
  if (image == nullptr || !image->environment().known || !x.argument.present) return environment_text(x, image);
  return image->environment().find(x.argument.text).value_or("");
}

// [N]: of that ancestor. [KEY]: of the nearest that has it. Neither: of all.
Value ancestor_env(const Extraction& x) {
  if (x.argument.index) return environment_text(x, ancestor_image(x, level_of(x)));
  const auto known = [](const Process& child) { return child.parent_image != nullptr; };
  if (!x.argument.present) {
    return of_chain(x, x.event.process, known,
                    [&](const Process& child) { return environment_text(x, child.parent_image.get()); });
  }
  const Process* child = x.event.process;
  for (int steps = 0; child != nullptr && known(*child) && steps < kMaxAncestors; child = child->parent, ++steps) {
    if (const auto value = child->parent_image->environment().find(x.argument.text)) return *value;
  }
  return {};
}

Value of_usage(const Extraction& x, Value (*get)(const Usage&)) {
  const Image* image = self(x);
  return image == nullptr || !image->usage().known ? Value() : get(image->usage());
}

Value of_first_thread(const Extraction& x, Value (*get)(const Usage&)) {
  return x.event.tid == x.event.pid || self(x) == nullptr ? of_usage(x, get) : natural(0);
}

// Of a process that was found in /proc only, the numbers of its own namespace are not known.
Value known_id(std::uint32_t id) { return integer(id == 0 ? -1 : std::int64_t{id}); }

// The leader of the process's group, or the nearest known ancestor in it.
const Process* group_leader(const Extraction& x) {
  const Process* process = x.event.process;
  if (process == nullptr) return nullptr;
  const Process* leader = x.context.processes.find(process->pgid);
  if (leader != nullptr && leader->pgid == process->pgid) return leader;
  const Process* nearest = nullptr;
  int steps = 0;
  for (const Process* p = process->parent; p != nullptr && steps < kMaxAncestors; p = p->parent, ++steps) {
    if (p->pgid == process->pgid) nearest = p;
  }
  return nearest;
}

// The outermost of the process and its ancestors whose comm ends in "sh".
Value login_shell(const Extraction& x) {
  const Process* outermost = nullptr;
  int steps = 0;
  for (const Process* p = x.event.process; p != nullptr && steps <= kMaxAncestors; p = p->parent, ++steps) {
    if (p->image->comm().ends_with("sh")) outermost = p;
  }
  return outermost == nullptr ? Value() : integer(outermost->pid);
}

// Arguments of one ancestor, or of all of them in one text: no list, unlike the other fields of ancestors.
Value ancestor_args(const Extraction& x) {
  if (x.argument.index) return of_ancestors(x, &Image::args);
  const Process* process = x.event.process;
  if (process == nullptr || process->parent_image == nullptr) return {};
  ArenaText all(x.arena);
  for (int steps = 0; process != nullptr && process->parent_image != nullptr && steps < kMaxAncestors; ++steps) {
    if (!process->parent_image->args().empty()) all.joined(' ', process->parent_image->args());
    process = process->parent;
  }
  return all.view();
}

Value arguments_size(const Extraction& x) {
  const Image* image = self(x);
  if (image == nullptr) return {};
  std::uint64_t size = 0;
  for (const std::string_view argument : image->arguments()) size += argument.size();
  return natural(size);
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

Value epoch(const Extraction& x, std::uint64_t boot_ns) { return boot_ns == 0 ? Value() : natural(to_epoch(x, boot_ns)); }
Value age(const Extraction& x, std::uint64_t boot_ns) {
  return boot_ns == 0 || x.event.boot_ns < boot_ns ? Value() : natural(x.event.boot_ns - boot_ns);
}
std::uint64_t parent_start(const Extraction& x) { return x.event.process == nullptr ? 0 : x.event.process->parent_start_ns; }
std::uint64_t pidns_start(const Extraction& x) { return x.event.process == nullptr ? 0 : x.event.process->pidns_init_start_ns; }

// From `earlier` to `later`, epoch ns; absent if one is unknown or they are the other way round.
Value between(std::uint64_t earlier, std::uint64_t later) {
  return earlier == 0 || later < earlier ? Value() : natural(later - earlier);
}
std::uint64_t exe_ctime(const Extraction& x) { return self(x) == nullptr ? 0 : self(x)->file().ctime_ns; }

// --- users: the databases of the host, of a container its own; "<NA>" where they do not know, "root" for 0 always
// (rule-language.md 4.2)

Value or_na(std::string_view text) { return text.empty() ? Value("<NA>") : Value(text); }

Value user_name(const Extraction& x, std::uint32_t uid) {
  if (uid == 0) return "root";
  return or_na(names_of(x.event, x.context).user_name(uid));
}

// Who logged in to the host, be it in a container by now.
Value login_name(const Extraction& x) {
  if (x.event.creds.loginuid == 0) return "root";
  return x.event.creds.loginuid == 0xffffffff ? Value("<NA>") : or_na(x.context.names.user_name(x.event.creds.loginuid));
}

Value group_name(const Extraction& x) {
  if (x.event.creds.gid == 0) return "root";
  return or_na(names_of(x.event, x.context).group_name(x.event.creds.gid));
}

// --- fd

bool opened(const Open& open) { return open.ret >= 0; }

// The kernel's path; of a failed open (or one whose fd was gone) the name as passed, made absolute.
std::string_view open_path(const Extraction& x, const Open& open) {
  if (!open.path.empty()) return open.path;
  return open.name.empty() ? std::string_view() : absolute_path(open.base, open.name, x.arena);
}

// Of an open, which most events are, the getters below do not ask for the descriptor.
Value fd_name(const Extraction& x) {
  if (const Open* open = open_of(x)) return also_named(x, open_path(x, *open), x.event.names);
  const auto fd = descriptor_of(x.event);
  if (!fd) return {};
  return fd->socket != nullptr ? socket_name(x.arena, *fd->socket) : fd->path;
}

Value object_names(const Extraction& x) {
  const std::span<Value> names = x.arena.array<Value>(x.event.names.size());
  std::ranges::copy(x.event.names, names.begin());
  return Value(ValueList{names.data(), names.size()});
}

// Of files that were opened earlier nobody knows any more by which name.
Value fd_nameraw(const Extraction& x) {
  if (const Open* open = open_of(x)) return open->name;
  const auto fd = descriptor_of(x.event);
  return fd && fd->socket != nullptr ? Value(socket_name(x.arena, *fd->socket)) : Value();
}

Value fd_num(const Extraction& x) {
  if (const Open* open = open_of(x)) return integer(std::max<std::int64_t>(open->ret, -1));
  const auto fd = descriptor_of(x.event);
  return fd ? integer(fd->number) : Value();
}

bool is_directory(const Open& open) { return S_ISDIR(open.file.mode); }

std::string_view directory_part(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos || slash == 0 ? "/" : path.substr(0, slash);
}

Value fd_directory(const Extraction& x) {
  if (const Open* open = open_of(x)) {
    const std::string_view path = open_path(x, *open);
    const auto directory = [&](std::string_view of) { return opened(*open) && is_directory(*open) ? of : directory_part(of); };
    return also_named(x, directory(path), x.event.names, directory);
  }
  const auto fd = descriptor_of(x.event);
  if (!fd || (fd->type != FdType::kFile && fd->type != FdType::kDirectory)) return {};
  return fd->type == FdType::kDirectory ? Value(fd->path) : directory_part(fd->path);
}

Value fd_filename(const Extraction& x) {
  const auto last = [](std::string_view path) { return path.substr(path.rfind('/') + 1); };  // npos + 1 is 0
  if (const Open* open = open_of(x)) {
    if (!opened(*open) || is_directory(*open)) return {};
    return also_named(x, last(open_path(x, *open)), x.event.names, last);
  }
  const auto fd = descriptor_of(x.event);
  return fd && fd->type == FdType::kFile ? Value(last(fd->path)) : Value();
}

Value fd_type(const Extraction& x) {
  const auto fd = descriptor_of(x.event);
  return fd && fd->type != FdType::kUnknown ? Value(type_name(fd->type)) : Value();
}

Value fd_typechar(const Extraction& x) {
  if (const Open* open = open_of(x)) return opened(*open) && is_directory(*open) ? "d" : "f";
  const auto fd = descriptor_of(x.event);
  return fd ? Value(type_letter(fd->type, x.event.type)) : Value();
}

// Now that the call is over. A connect that is pending is not yet.
bool is_connected(const Extraction& x, const Socket& socket) {
  return x.event.type == EventType::kConnect ? return_value(x.event) == 0 : socket.connected;
}

Value fd_connected(const Extraction& x) {
  const auto fd = descriptor_of(x.event);
  if (!fd || fd->type == FdType::kUnknown) return {};
  return Value(fd->socket != nullptr && !fd->socket->listening && is_connected(x, *fd->socket));
}

// Sends and receives rename a datagram socket that is not connected, each of them: what it was called before is not kept.
Value fd_name_changed(const Extraction& x) {
  const auto fd = descriptor_of(x.event);
  if (!fd || fd->type == FdType::kUnknown) return {};
  if (fd->socket == nullptr) return Value(false);
  const std::int64_t ret = return_value(x.event).value_or(-1);
  if (x.event.type == EventType::kConnect) return Value(ret == 0 || ret == -EINPROGRESS);
  if (x.event.type == EventType::kBind) return Value(ret == 0);
  return Value(is_io(x) && ret >= 0 && fd->socket->remote.family != 0 && !is_connected(x, *fd->socket));
}

Value local_ip(const Extraction& x) {
  const Socket* c = ip_of(x);
  return c != nullptr && c->local.family != 0 ? Value(c->local) : Value();
}
Value remote_ip(const Extraction& x) {
  const Socket* c = ip_of(x);
  return c != nullptr && c->remote.family != 0 ? Value(c->remote) : Value();
}
// A socket that is not bound has port 0, if it talks to somebody.
Value local_port(const Extraction& x) {
  const Socket* c = ip_of(x);
  return c != nullptr && (c->local.family != 0 || c->remote.family != 0) ? natural(c->local_port) : Value();
}
Value remote_port(const Extraction& x) {
  const Socket* c = ip_of(x);
  return c != nullptr && c->remote.family != 0 ? natural(c->remote_port) : Value();
}

enum class End : std::uint8_t { kNeither, kLocal, kRemote };

// The client's end: who connects. The server's: who accepts, or listens, which nobody has called yet.
End client_end(const Extraction& x) {
  const Socket* socket = socket_of(x);
  if (socket == nullptr || socket->listening || socket->role == SocketRole::kUnknown) return End::kNeither;
  return socket->role == SocketRole::kClient ? End::kLocal : End::kRemote;
}
End server_end(const Extraction& x) {
  const Socket* socket = socket_of(x);
  if (socket != nullptr && socket->listening) return End::kLocal;
  const End client = client_end(x);
  return client == End::kNeither ? client : client == End::kLocal ? End::kRemote : End::kLocal;
}
bool serves(const Extraction& x) { return server_end(x) == End::kLocal; }

Value ip_of_end(const Extraction& x, End end) {
  return end == End::kNeither ? Value() : end == End::kLocal ? local_ip(x) : remote_ip(x);
}
Value port_of_end(const Extraction& x, End end) {
  return end == End::kNeither ? Value() : end == End::kLocal ? local_port(x) : remote_port(x);
}
Value client_ip(const Extraction& x) { return ip_of_end(x, client_end(x)); }
Value server_ip(const Extraction& x) { return ip_of_end(x, server_end(x)); }
// A text, or several: rules may know a host by more than one name.
Value host_names(const Extraction& x, const Value& ip) {
  const auto* address = std::get_if<IpAddress>(&ip.data);
  const std::span<const std::string_view> names =
      address == nullptr ? std::span<const std::string_view>() : x.context.names.host_names(*address);
  if (names.size() < 2) return names.empty() ? Value() : Value(names.front());
  const std::span<Value> all = x.arena.array<Value>(names.size());
  std::ranges::copy(names, all.begin());
  return Value(ValueList{all.data(), all.size()});
}
Value client_port(const Extraction& x) { return port_of_end(x, client_end(x)); }
Value server_port(const Extraction& x) { return port_of_end(x, server_end(x)); }

Value both(const Extraction& x, const Value& first, const Value& second) {
  const std::span<Value> ends = x.arena.array<Value>(2);
  std::size_t count = 0;
  if (!first.absent()) ends[count++] = first;
  if (!second.absent()) ends[count++] = second;
  return count == 0 ? Value() : Value(ValueList{ends.data(), count});
}

Value socket_text(const Extraction& x, std::string_view (*get)(const Socket&)) {
  const Socket* socket = socket_of(x);
  return socket == nullptr ? Value() : Value(get(*socket));
}

// Service names, or numbers where a port has none.
Value service(const Extraction& x, const Value& port) {
  const auto* number = std::get_if<std::uint64_t>(&port.data);
  if (number == nullptr) return {};
  const std::string_view name = service_name(static_cast<std::uint16_t>(*number));
  return name.empty() ? Value(decimal_text(x.arena, *number)) : Value(name);
}

Value file_of_fd(const Extraction& x, Value (*get)(const FileIdentity&)) {
  const auto fd = descriptor_of(x.event);
  return fd && fd->file != nullptr ? get(*fd->file) : Value();
}

Value exe_file(const Extraction& x, Value (*get)(const FileIdentity&)) {
  const Image* image = self(x);
  return image == nullptr ? Value() : get(image->file());
}

// --- paths of calls that are about a path

const Paths* paths_of(const Extraction& x) {
  const Paths* paths = std::get_if<Paths>(&x.event.payload);
  return paths != nullptr && x.event.type != EventType::kExecve && x.event.type != EventType::kExecveat ? paths : nullptr;
}
bool is_symlink(EventType type) { return type == EventType::kSymlink || type == EventType::kSymlinkat; }

std::string_view first_path(const Extraction& x, const Paths& paths) {
  return paths.first.empty() ? paths.first : absolute_path(paths.first_base, paths.first, x.arena);
}
std::string_view second_path(const Extraction& x, const Paths& paths) {
  return paths.second.empty() ? paths.second : absolute_path(paths.second_base, paths.second, x.arena);
}

// How many names of the call are paths.
enum class PathCount : std::uint8_t { kNone, kOne, kTwo };

PathCount path_count(EventType type) {
  switch (type) {
    case EventType::kSymlink:
    case EventType::kSymlinkat:
    case EventType::kLink:
    case EventType::kLinkat:
    case EventType::kRename:
    case EventType::kRenameat:
    case EventType::kRenameat2:
      return PathCount::kTwo;
    case EventType::kRmdir:
    case EventType::kUnlink:
    case EventType::kUnlinkat:
    case EventType::kMkdir:
    case EventType::kMkdirat:
    case EventType::kChmod:
    case EventType::kFchmodat:
      return PathCount::kOne;
    default:
      return PathCount::kNone;
  }
}

bool takes_directory(EventType type) {
  switch (type) {
    case EventType::kSymlinkat:
    case EventType::kLinkat:
    case EventType::kRenameat:
    case EventType::kRenameat2:
    case EventType::kUnlinkat:
    case EventType::kMkdirat:
    case EventType::kFchmodat:
      return true;
    default:
      return false;
  }
}

Value unless_empty(std::string_view text) { return text.empty() ? Value() : Value(text); }

// The path of a call that takes a directory's fd beside it. Of two the first, unless the suffix asks for the other.
Value evt_abspath(const Extraction& x) {
  if (const Open* open = open_of(x)) {
    const bool at = x.event.type == EventType::kOpenat || x.event.type == EventType::kOpenat2;
    const bool by_handle = x.event.type == EventType::kOpenByHandleAt && opened(*open);
    return at || by_handle ? unless_empty(open_path(x, *open)) : Value();
  }
  const Paths* paths = paths_of(x);
  if (paths == nullptr || !takes_directory(x.event.type)) return {};
  const bool two = path_count(x.event.type) == PathCount::kTwo;
  const bool second = x.event.type == EventType::kSymlinkat || (two && x.argument.text == "dst");
  return unless_empty(second ? second_path(x, *paths) : first_path(x, *paths));
}

// The file a successful open, openat or openat2 opened.
const Open* opened_path(const Extraction& x) {
  const Open* open = open_of(x);
  const bool asked =
      open != nullptr && opened(*open) && is_open_family(x.event.type) && x.event.type != EventType::kOpenByHandleAt;
  return asked ? open : nullptr;
}

// The names of a call that succeeded, if it has so many.
const Paths* succeeded(const Extraction& x, PathCount count) {
  const Paths* paths = paths_of(x);
  return paths != nullptr && paths->ret == 0 && path_count(x.event.type) == count ? paths : nullptr;
}

Value path_name(const Extraction& x) {
  if (const Open* open = opened_path(x)) return open_path(x, *open);
  if (const Paths* paths = succeeded(x, PathCount::kOne)) return unless_empty(first_path(x, *paths));
  return x.event.type == EventType::kFchmod && return_value(x.event) == 0 ? fd_name(x) : Value();
}

Value path_nameraw(const Extraction& x) {
  if (const Open* open = opened_path(x)) return open->name;
  const Paths* paths = succeeded(x, PathCount::kOne);
  return paths == nullptr ? Value() : unless_empty(paths->first);
}

// Of rename the old and the new name; of link and symlink the new one and what it leads to.
bool is_rename(EventType type) {
  return type == EventType::kRename || type == EventType::kRenameat || type == EventType::kRenameat2;
}

Value path_source(const Extraction& x) {
  const Paths* paths = succeeded(x, PathCount::kTwo);
  if (paths == nullptr) return {};
  return unless_empty(is_rename(x.event.type) ? first_path(x, *paths) : second_path(x, *paths));
}
Value path_sourceraw(const Extraction& x) {
  const Paths* paths = succeeded(x, PathCount::kTwo);
  return paths == nullptr ? Value() : unless_empty(is_rename(x.event.type) ? paths->first : paths->second);
}
Value path_targetraw(const Extraction& x) {
  const Paths* paths = succeeded(x, PathCount::kTwo);
  return paths == nullptr ? Value() : unless_empty(is_rename(x.event.type) ? paths->second : paths->first);
}

Value path_target(const Extraction& x) {
  const Paths* paths = succeeded(x, PathCount::kTwo);
  if (paths == nullptr) return {};
  if (is_rename(x.event.type)) return unless_empty(second_path(x, *paths));
  if (!is_symlink(x.event.type)) return unless_empty(first_path(x, *paths));
  if (paths->first.empty()) return {};
  // A symlink's text starts where the link is.
  const std::string_view link = second_path(x, *paths);
  if (!link.starts_with('/')) return absolute_path({}, paths->first, x.arena);
  return absolute_path(link.substr(0, link.rfind('/') + 1), paths->first, x.arena);
}

// --- containers

bool in_container(const Extraction& x) { return x.event.container != nullptr; }

std::string_view container_short_id(const Extraction& x) {
  return in_container(x) ? x.event.container->short_id() : std::string_view("host");
}

Value with_container(const Extraction& x, const Value& value) {
  const auto* text = std::get_if<std::string_view>(&value.data);
  return text == nullptr ? Value() : Value(x.arena.concat(container_short_id(x), ":", *text));
}

Value or_absent(const std::optional<std::string>& text) { return text ? Value(std::string_view(*text)) : Value(); }
Value or_absent(std::optional<bool> flag) { return flag ? Value(*flag) : Value(); }

// A host process has a metadata record whose strings are present and empty (rule-language.md 4.5); of a container whose facts are
// not known yet they are absent.
template <class Get>
Value container_fact(const Extraction& x, Value of_host, Get get) {
  if (!in_container(x)) return of_host;
  return x.event.container->facts ? get(*x.event.container->facts) : Value();
}

template <class Get>
Value pod_fact(const Extraction& x, Get get) {
  return container_fact(x, {}, [&](const ContainerFacts& facts) { return facts.pod ? get(*facts.pod) : Value(); });
}

#define GET(expression) []([[maybe_unused]] const Extraction& x) -> Value { return expression; }
#define FACT(member) GET(container_fact(x, "", [](const ContainerFacts& facts) { return or_absent(facts.member); }))
#define FLAG(member) GET(container_fact(x, Value(false), [](const ContainerFacts& facts) { return or_absent(facts.member); }))
#define POD(member) GET(pod_fact(x, [](const Pod& pod) { return or_absent(pod.member); }))

Value label(const Extraction& x, const std::optional<Labels>& labels) {
  if (!labels) return {};
  const auto found = std::ranges::find(*labels, x.argument.text, &Labels::value_type::first);
  return found == labels->end() ? Value() : Value(std::string_view(found->second));
}

// What Kubernetes itself puts there is left out.
Value all_labels(const Extraction& x, const std::optional<Labels>& labels) {
  if (!labels) return {};
  ArenaText all(x.arena);
  for (const auto& [key, value] : *labels) {
    if (!key.starts_with("io.kubernetes.")) all.joined(',', key).add(":").add(value);
  }
  return all.view();
}

Value mount_text(const Extraction& x, const Mount& mount) {
  return x.arena.concat(mount.source, ":", mount.dest, ":", mount.mode, ":",
                        mount.writable ? "true:" : "false:", mount.propagation);
}

Value all_mounts(const Extraction& x, const ContainerFacts& facts) {
  if (!facts.mounts) return {};
  ArenaText all(x.arena);
  for (const Mount& mount : *facts.mounts) all.joined(',', std::get<std::string_view>(mount_text(x, mount).data));
  return all.view();
}

// The mount of a number, or the first whose `by` the key's glob matches; absent if there is none.
template <class Get>
Value mount(const Extraction& x, std::string Mount::* by, Get get) {
  return container_fact(x, {}, [&](const ContainerFacts& facts) -> Value {
    if (!facts.mounts) return {};
    if (x.argument.index) return *x.argument.index < facts.mounts->size() ? get((*facts.mounts)[*x.argument.index]) : Value();
    for (const Mount& one : *facts.mounts) {
      if (fnmatch(x.argument.text.c_str(), (one.*by).c_str(), 0) == 0) return get(one);
    }
    return {};
  });
}

Value never(const Extraction&) { return {}; }

constexpr std::uint8_t kNoRef = kNoRhs | kNoTransform;
constexpr std::uint8_t kCondition = kConditionOnly | kNoRhs | kNoTransform;
constexpr std::uint8_t kAncestors = kExistential | kNoRhs | kNoTransform;
constexpr std::uint8_t kEnds = kBothEnds | kCondition;

// One line per field, so that one can be read beside the other.
// clang-format off
constexpr Field kFields[] = {
    // events
    {"evt.num", kUint, kNone, 0, kEngine, "running number of the event, from 1", GET(natural(x.event.number))},
    {"evt.type", kString, kNone, 0, kKernel, "name of the system call", type_name},
    {"syscall.type", kString, kNone, 0, kKernel, "as evt.type", type_name},
    {"evt.type.is", kUint, kEventType, 0, kKernel, "1 if the event is of the type behind the last dot, else 0", GET(natural(x.argument.index == index(x.event.type) ? 1 : 0)), 32},
    {"evt.dir", kString, kNone, kDeprecated, kEngine, "always <", GET("<")},
    {"evt.category", kString, kNone, 0, kKernel, "process, file, net, user, memory, system; of sends, receives, dup and close by the descriptor: file, net, ipc, or unknown", evt_category},
    {"evt.source", kString, kNone, 0, kEngine, "event source: syscall", GET("syscall")},
    {"evt.is_async", kBool, kNone, 0, kEngine, "the event is an asynchronous notification: always false", GET(Value(false))},
    {"evt.asynctype", kString, kNone, 0, kNotCaptured, "name of an asynchronous notification"},
    {"evt.pluginname", kString, kNone, 0, kNotCaptured, "plugin that made the event"},
    {"evt.plugininfo", kString, kNone, 0, kNotCaptured, "summary made by a plugin"},
    {"evt.hostname", kString, kNone, 0, kEngine, "host name (SHRIKE_HOSTNAME or FALCO_HOSTNAME wins)", GET(std::string_view(x.context.hostname))},
    {"evt.cpu", kInt, kNone, 0, kKernel, "CPU number", GET(integer(x.event.cpu)), 16},
    {"evt.time", kString, kNone, 0, kKernel, "local time of day, HH:MM:SS.nnnnnnnnn", GET(text(x, local_time(x.event.time_ns).view()))},
    {"evt.time.s", kString, kNone, 0, kKernel, "local time of day, HH:MM:SS", GET(text(x, local_time(x.event.time_ns).view().substr(0, 8)))},
    {"evt.time.iso8601", kString, kNone, 0, kKernel, "UTC, ISO 8601 with nanoseconds", GET(text(x, utc_time(x.event.time_ns, "+0000").view()))},
    {"evt.datetime", kString, kNone, 0, kKernel, "local date and time, YYYY-MM-DD HH:MM:SS.nnnnnnnnn", GET(text(x, local_datetime(x.event.time_ns).view()))},
    {"evt.datetime.s", kString, kNone, 0, kKernel, "local date and time, YYYY-MM-DD HH:MM:SS", GET(text(x, local_datetime(x.event.time_ns).view().substr(0, 19)))},
    {"evt.outputtime", kString, kNone, 0, kKernel, "as evt.time", GET(text(x, local_time(x.event.time_ns).view())), 64, Listing::kOutputOnly},
    {"evt.rawtime", kTime, kNone, 0, kKernel, "time, epoch ns", GET(natural(x.event.time_ns))},
    {"evt.rawtime.s", kTime, kNone, 0, kKernel, "evt.rawtime in whole seconds", GET(natural(x.event.time_ns / kNsPerSecond))},
    {"evt.rawtime.ns", kTime, kNone, 0, kKernel, "nanoseconds of evt.rawtime below a second", GET(natural(x.event.time_ns % kNsPerSecond)), 64, Listing::kListed, Display::kPadded},
    {"evt.reltime", kDuration, kNone, 0, kEngine, "time since the first event rules were asked about, ns", GET(natural(reltime(x)))},
    {"evt.reltime.s", kDuration, kNone, 0, kEngine, "evt.reltime in whole seconds", GET(natural(reltime(x) / kNsPerSecond))},
    {"evt.reltime.ns", kDuration, kNone, 0, kEngine, "nanoseconds of evt.reltime below a second", GET(natural(reltime(x) % kNsPerSecond)), 64, Listing::kListed, Display::kPadded},
    {"evt.deltatime", kDuration, kNone, 0, kEngine, "time since the last event rules were asked about before this one, ns; 0 for the first", GET(natural(deltatime(x)))},
    {"evt.deltatime.s", kDuration, kNone, 0, kEngine, "evt.deltatime in whole seconds", GET(natural(deltatime(x) / kNsPerSecond))},
    {"evt.deltatime.ns", kDuration, kNone, 0, kEngine, "nanoseconds of evt.deltatime below a second", GET(natural(deltatime(x) % kNsPerSecond)), 64, Listing::kListed, Display::kPadded},
    {"evt.around", kUint, kRequiredIndex, kCondition | kWithin, kKernel, "evt.around[T]=D: the event's time is within D ms of T, epoch ns", evt_around},
    {"evt.latency", kDuration, kNone, kDeprecated, kEngine, "always 0", GET(natural(0))},
    {"evt.latency.s", kDuration, kNone, kDeprecated, kEngine, "always 0", GET(natural(0))},
    {"evt.latency.ns", kDuration, kNone, kDeprecated, kEngine, "always 0", GET(natural(0)), 64, Listing::kListed, Display::kPadded},
    {"evt.latency.quantized", kUint, kNone, kDeprecated, kEngine, "always 0", GET(natural(0)), 64, Listing::kHidden},
    {"evt.latency.human", kString, kNone, kDeprecated, kEngine, "always 0ns", GET("0ns")},
    {"evt.wait_latency", kDuration, kNone, kDeprecated, kEngine, "always 0", GET(natural(0))},

    // what the call was given and gave back
    {"evt.res", kString, kNone, 0, kKernel, "SUCCESS, or the errno's name", evt_res},
    {"evt.rawres", kInt, kNone, 0, kKernel, "return value; negative errno on failure", evt_rawres},
    {"evt.failed", kBool, kNone, 0, kKernel, "the return value is negative", evt_failed},
    {"evt.args", kString, kNone, 0, kUserMemory, "all parameters, name=raw(resolved)", evt_args},
    {"evt.info", kString, kNone, 0, kUserMemory, "as evt.args", evt_args},
    {"evt.arg", kString, kParameter, 0, kUserMemory, "a parameter as text, by name or position; paths as the program passed them, made absolute", evt_arg},
    {"evt.rawarg", kOpaque, kRawParameter, kNoRef, kUserMemory, "a parameter by name, with the type it has in the event; paths as passed", never},
    {"evt.abspath", kString, kOptionalSuffix, 0, kUserMemory, "path of a call with a directory fd, made absolute: openat, openat2, mkdirat, unlinkat, fchmodat, symlinkat, linkat, renameat, renameat2 (of the last three .src, the default, or .dst); open_by_handle_at", evt_abspath},
    {"evt.is_io_uring", kBool, kNone, 0, kKernel, "io_uring did it: no system call of this type was made", GET(Value(x.event.uring))},
    {"evt.is_open_read", kBool, kNone, 0, kKernel, "open, openat, openat2 or open_by_handle_at with read access", GET(Value(opens_for(x, false)))},
    {"evt.is_open_write", kBool, kNone, 0, kKernel, "open, openat, openat2 or open_by_handle_at with write access; not creat", GET(Value(opens_for(x, true)))},
    {"evt.is_open_exec", kBool, kNone, 0, kKernel, "a file is created with an execute bit", evt_is_open_exec},
    {"evt.is_open_create", kBool, kNone, 0, kKernel, "the open, or creat, made the file", evt_is_open_create},
    {"evt.is_io", kBool, kNone, 0, kKernel, "the call reads or writes an fd: sends and receives", GET(Value(is_io(x)))},
    {"evt.is_io_read", kBool, kNone, 0, kKernel, "the call reads from an fd: receives", GET(Value(is_receive(x)))},
    {"evt.is_io_write", kBool, kNone, 0, kKernel, "the call writes to an fd: sends", GET(Value(is_send(x)))},
    {"evt.io_dir", kString, kNone, 0, kKernel, "write of sends, read of receives, else absent", GET(is_send(x) ? Value("write") : is_receive(x) ? Value("read") : Value())},
    {"evt.is_wait", kBool, kNone, 0, kKernel, "the call is one that waits: none that is captured", GET(Value(false))},
    {"evt.is_syslog", kBool, kNone, 0, kKernel, "a send to /dev/log, by its own name or systemd's", GET(Value(is_send(x) && is_log(socket_of(x))))},
    {"evt.buffer", kBuffer, kNone, 0, kUserMemory, "bytes sent or received: the first of them", evt_buffer},
    {"evt.buflen", kUint, kNone, 0, kKernel, "bytes sent or received, all of them; absent if it failed", GET(buffer_size(x, true))},
    {"evt.buflen.in", kUint, kNone, 0, kKernel, "evt.buflen of receives", GET(buffer_size(x, is_receive(x))), 64, Listing::kHidden},
    {"evt.buflen.out", kUint, kNone, 0, kKernel, "evt.buflen of sends", GET(buffer_size(x, is_send(x))), 64, Listing::kHidden},
    {"evt.buflen.file", kUint, kNone, 0, kNotCaptured, "evt.buflen of files", nullptr, 64, Listing::kHidden},
    {"evt.buflen.file.in", kUint, kNone, 0, kNotCaptured, "evt.buflen of reads of files", nullptr, 64, Listing::kHidden},
    {"evt.buflen.file.out", kUint, kNone, 0, kNotCaptured, "evt.buflen of writes of files", nullptr, 64, Listing::kHidden},
    {"evt.buflen.net", kUint, kNone, 0, kKernel, "evt.buflen of IP sockets", GET(buffer_size(x, is_network(x))), 64, Listing::kHidden},
    {"evt.buflen.net.in", kUint, kNone, 0, kKernel, "evt.buflen of receives from IP sockets", GET(buffer_size(x, is_receive(x) && is_network(x))), 64, Listing::kHidden},
    {"evt.buflen.net.out", kUint, kNone, 0, kKernel, "evt.buflen of sends to IP sockets", GET(buffer_size(x, is_send(x) && is_network(x))), 64, Listing::kHidden},
    {"evt.count", kUint, kNone, 0, kEngine, "always 1", GET(natural(1)), 32},
    {"evt.count.error", kUint, kNone, 0, kKernel, "1 if the call failed, else 0; absent without a return value", GET(error_count(x, true)), 32},
    {"evt.count.error.file", kUint, kNone, 0, kKernel, "evt.count.error of calls on files", GET(error_count(x, error_kind(x) == "file")), 32},
    {"evt.count.error.net", kUint, kNone, 0, kKernel, "evt.count.error of calls on sockets", GET(error_count(x, error_kind(x) == "net")), 32},
    {"evt.count.error.memory", kUint, kNone, 0, kKernel, "evt.count.error of calls on memory: userfaultfd", GET(error_count(x, error_kind(x) == "memory")), 32},
    {"evt.count.error.other", kUint, kNone, 0, kKernel, "evt.count.error of all other calls", GET(error_count(x, error_kind(x) == "other")), 32},
    {"evt.count.exit", kUint, kNone, 0, kEngine, "always 1: calls are seen when they end", GET(natural(1)), 32},
    {"evt.count.procinfo", kUint, kNone, 0, kEngine, "always 0", GET(natural(0)), 32, Listing::kHidden},
    {"evt.count.threadinfo", kUint, kNone, 0, kEngine, "always 0", GET(natural(0)), 32, Listing::kHidden},
    {"evt.infra.docker.name", kString, kNone, 0, kNotCaptured, "name of a Docker event", nullptr, 64, Listing::kHidden},
    {"evt.infra.docker.container.id", kString, kNone, 0, kNotCaptured, "container's id of a Docker event", nullptr, 64, Listing::kHidden},
    {"evt.infra.docker.container.name", kString, kNone, 0, kNotCaptured, "container's name of a Docker event", nullptr, 64, Listing::kHidden},
    {"evt.infra.docker.container.image", kString, kNone, 0, kNotCaptured, "container's image of a Docker event", nullptr, 64, Listing::kHidden},
    {"util.cnt", kUint, kNone, 0, kEngine, "counts the events rules are asked about, as evt.num", GET(natural(x.event.number))},

    // paths of calls that succeeded
    {"fs.path.name", kString, kNone, 0, kUserMemory, "path acted upon by open, mkdir, rmdir, unlink, chmod and their kin: of open, openat, openat2 and fchmod the kernel's, as fd.name", path_name},
    {"fs.path.nameraw", kString, kNone, 0, kUserMemory, "fs.path.name as the program passed it; absent of fchmod", path_nameraw},
    {"fs.path.source", kString, kNone, 0, kUserMemory, "of rename the old name; of link and symlink the new one", path_source},
    {"fs.path.sourceraw", kString, kNone, 0, kUserMemory, "fs.path.source as the program passed it", path_sourceraw},
    {"fs.path.target", kString, kNone, 0, kUserMemory, "of rename the new name; of link and symlink what the new one leads to", path_target},
    {"fs.path.targetraw", kString, kNone, 0, kUserMemory, "fs.path.target as the program passed it", path_targetraw},

    // processes
    {"proc.pid", kInt, kNone, 0, kKernel, "process id", GET(integer(x.event.pid))},
    {"proc.ppid", kInt, kNone, 0, kKernel, "process id of the parent", GET(integer(x.event.ppid))},
    {"proc.name", kString, kNone, 0, kProcessTable, "comm as set by exec, at most 15 bytes; a process that was there before the engine: as it was then", GET(self(x) == nullptr ? Value("<NA>") : Value(self(x)->comm()))},
    {"proc.exe", kString, kNone, 0, kUserMemory, "argv[0] as passed: the program's to choose", GET(self(x) == nullptr ? Value("") : Value(self(x)->exe()))},
    {"proc.exepath", kString, kNone, 0, kProcessTable, "path of the executable, the kernel's", proc_exepath},
    {"proc.args", kString, kOptionalIndex, 0, kUserMemory, "arguments after argv[0], blank-joined; [0] is the first", proc_args},
    {"proc.cmdline", kString, kNone, 0, kUserMemory, "comm and arguments", GET(self(x) == nullptr ? Value("") : Value(self(x)->cmdline()))},
    {"proc.cmdnargs", kUint, kNone, 0, kUserMemory, "number of arguments", GET(self(x) == nullptr ? Value() : natural(self(x)->arguments().size()))},
    {"proc.cmdlenargs", kUint, kNone, 0, kUserMemory, "length of all arguments together", arguments_size},
    {"proc.exeline", kString, kNone, 0, kUserMemory, "argv[0] and arguments", GET(self(x) == nullptr ? Value() : self(x)->args().empty() ? Value(self(x)->exe()) : Value(x.arena.concat(self(x)->exe(), " ", self(x)->args())))},
    {"proc.cwd", kString, kNone, 0, kKernel, "working directory, with a trailing slash", proc_cwd},
    {"proc.env", kString, kOptionalKey, 0, kUserMemory, "environment given to exec, one variable (empty if it is not set) or all; captured where a loaded rule names it, up to 8192 bytes", proc_env},
    {"proc.aenv", kString, kOptionalKey, kAncestors, kUserMemory, "environment of an ancestor: [N] the ancestor, [KEY] one variable of the nearest that has it", ancestor_env},
    {"proc.tty", kUint, kNone, 0, kKernel, "device number of the controlling terminal, 0: none", GET(natural(x.event.creds.tty)), 32},
    {"proc.sid", kInt, kNone, 0, kKernel, "session id", GET(integer(x.event.sid))},
    {"proc.sname", kString, kNone, 0, kProcessTable, "comm of the session leader, or of the nearest known ancestor in the session", GET(session_leader(x) == nullptr ? Value("") : Value(session_leader(x)->image->comm()))},
    {"proc.sid.exe", kString, kNone, 0, kUserMemory, "argv[0] of the process that proc.sname tells", GET(of_leader(session_leader(x), &Image::exe))},
    {"proc.sid.exepath", kString, kNone, 0, kProcessTable, "executable of the process that proc.sname tells", GET(of_leader(session_leader(x), &Image::exe_path))},
    {"proc.is_sid_leader", kBool, kNone, 0, kKernel, "the process leads its session", GET(Value(x.event.sid == x.event.pid))},
    {"proc.pgid", kInt, kNone, 0, kKernel, "process group", GET(x.event.pgid != 0 ? integer(x.event.pgid) : x.event.process == nullptr ? integer(-1) : integer(x.event.process->pgid))},
    {"proc.pgid.name", kString, kNone, 0, kProcessTable, "comm of the group's leader, or of the nearest known ancestor in the group", GET(of_leader(group_leader(x), &Image::comm))},
    {"proc.pgid.exe", kString, kNone, 0, kUserMemory, "argv[0] of the process that proc.pgid.name tells", GET(of_leader(group_leader(x), &Image::exe))},
    {"proc.pgid.exepath", kString, kNone, 0, kProcessTable, "executable of the process that proc.pgid.name tells", GET(of_leader(group_leader(x), &Image::exe_path))},
    {"proc.is_pgid_leader", kBool, kNone, 0, kProcessTable, "pgid equals pid", GET(Value(x.event.process != nullptr && x.event.process->pgid == x.event.pid))},
    {"proc.vpgid", kInt, kNone, 0, kKernel, "process group in its own pid namespace", GET(x.event.vpgid != 0 ? integer(x.event.vpgid) : x.event.process == nullptr ? Value() : known_id(x.event.process->vpgid))},
    {"proc.vpgid.name", kString, kNone, 0, kProcessTable, "comm of the group's leader, or of the nearest known ancestor in the group", GET(of_leader(group_leader(x), &Image::comm))},
    {"proc.vpgid.exe", kString, kNone, 0, kUserMemory, "argv[0] of the process that proc.vpgid.name tells", GET(of_leader(group_leader(x), &Image::exe))},
    {"proc.vpgid.exepath", kString, kNone, 0, kProcessTable, "executable of the process that proc.vpgid.name tells", GET(of_leader(group_leader(x), &Image::exe_path))},
    {"proc.is_vpgid_leader", kBool, kNone, 0, kProcessTable, "vpgid equals vpid", GET(Value(x.event.process != nullptr && x.event.process->vpgid == x.event.process->vpid))},
    {"proc.vpid", kInt, kNone, 0, kProcessTable, "process id in its own pid namespace; -1 if unknown", GET(x.event.process == nullptr ? integer(-1) : known_id(x.event.process->vpid))},
    {"proc.pvpid", kInt, kNone, 0, kProcessTable, "process id of the parent in its own pid namespace", GET(x.event.process == nullptr || x.event.process->parent == nullptr ? Value() : known_id(x.event.process->parent->vpid))},
    {"proc.loginshellid", kInt, kNone, 0, kProcessTable, "process id of the outermost of the process and its ancestors whose comm ends in sh", login_shell},
    {"proc.duration", kDuration, kNone, 0, kKernel, "age of the process, ns", GET(age(x, x.event.start_ns))},
    {"proc.ppid.duration", kDuration, kNone, 0, kProcessTable, "age of the parent, ns", GET(age(x, parent_start(x)))},
    {"proc.pid.ts", kDuration, kNone, 0, kKernel, "start of the process, epoch ns", GET(epoch(x, x.event.start_ns))},
    {"proc.ppid.ts", kDuration, kNone, 0, kProcessTable, "start of the parent, epoch ns", GET(epoch(x, parent_start(x)))},
    {"proc.pname", kString, kNone, 0, kProcessTable, "comm of the parent when it forked the process", GET(of_parent(x, &Image::comm))},
    {"proc.pexe", kString, kNone, 0, kUserMemory, "argv[0] of the parent when it forked the process", GET(of_parent(x, &Image::exe))},
    {"proc.pexepath", kString, kNone, 0, kProcessTable, "executable of the parent when it forked the process", GET(of_parent(x, &Image::exe_path))},
    {"proc.pcmdline", kString, kNone, 0, kUserMemory, "command line of the parent when it forked the process", GET(of_parent(x, &Image::cmdline))},
    {"proc.aname", kString, kOptionalIndex, kAncestors, kProcessTable, "comm of an ancestor when it forked the next one: [1] the parent; without index any of them", GET(of_ancestors(x, &Image::comm))},
    {"proc.aexe", kString, kOptionalIndex, kAncestors, kUserMemory, "argv[0] of an ancestor, as proc.aname", GET(of_ancestors(x, &Image::exe))},
    {"proc.aexepath", kString, kOptionalIndex, kAncestors, kProcessTable, "executable of an ancestor, as proc.aname", GET(of_ancestors(x, &Image::exe_path))},
    {"proc.acmdline", kString, kOptionalIndex, kAncestors, kUserMemory, "command line of an ancestor, as proc.aname", GET(of_ancestors(x, &Image::cmdline))},
    {"proc.aargs", kString, kOptionalIndex, 0, kUserMemory, "arguments of an ancestor; without index those of all in one text", ancestor_args},
    {"proc.apid", kInt, kOptionalIndex, kAncestors, kProcessTable, "process id of an ancestor", ancestor_pids},
    {"proc.exe_ino", kInt, kNone, 0, kProcessTable, "inode of the executable", GET(exe_file(x, [](const FileIdentity& f) { return f.ino == 0 ? Value() : integer(static_cast<std::int64_t>(f.ino)); }))},
    {"proc.exe_ino.ctime", kTime, kNone, 0, kProcessTable, "ctime of the executable at exec, epoch ns", GET(exe_file(x, [](const FileIdentity& f) { return f.ctime_ns == 0 ? Value() : natural(f.ctime_ns); }))},
    {"proc.exe_ino.mtime", kTime, kNone, 0, kProcessTable, "mtime of the executable at exec, epoch ns", GET(exe_file(x, [](const FileIdentity& f) { return f.mtime_ns == 0 ? Value() : natural(f.mtime_ns); }))},
    {"proc.exe_ino.ctime_duration_proc_start", kTime, kNone, 0, kProcessTable, "from the executable's ctime to the start of the process, ns", GET(between(exe_ctime(x), x.event.start_ns == 0 ? 0 : to_epoch(x, x.event.start_ns)))},
    {"proc.exe_ino.ctime_duration_pidns_start", kTime, kNone, 0, kProcessTable, "from the start of the pid namespace's init to the executable's ctime, ns", GET(between(pidns_start(x) == 0 ? 0 : to_epoch(x, pidns_start(x)), exe_ctime(x)))},
    {"proc.is_exe_writable", kBool, kNone, 0, kProcessTable, "the process could write its own executable (owner and mode; no ACLs)", GET(Value(exe_writable(x.event)))},
    {"proc.is_exe_upper_layer", kBool, kNone, 0, kProcessTable, "the executable lies in an overlay's upper layer", GET(exe_file(x, [](const FileIdentity& f) { return Value(f.upper_layer); }))},
    {"proc.is_exe_lower_layer", kBool, kNone, 0, kProcessTable, "the executable lies in an overlay's lower layer", GET(exe_file(x, [](const FileIdentity& f) { return Value(f.lower_layer); }))},
    {"proc.is_exe_from_memfd", kBool, kNone, 0, kProcessTable, "the executable is a memfd", GET(exe_file(x, [](const FileIdentity& f) { return Value(f.memfd); }))},
    {"proc.pidns_init_start_ts", kUint, kNone, 0, kProcessTable, "start of the pid namespace's init, epoch ns", GET(epoch(x, pidns_start(x)))},
    {"proc.fdopencount", kUint, kNone, 0, kNotCaptured, "open fds; there is no table of them"},
    {"proc.fdlimit", kInt, kNone, 0, kProcessTable, "most fds allowed (soft limit), at exec", GET(of_usage(x, [](const Usage& u) { return integer(static_cast<std::int64_t>(u.fd_limit)); }))},
    {"proc.fdusage", kDouble, kNone, 0, kNotCaptured, "open fds as percentage of those allowed; as proc.fdopencount"},
    {"proc.vmsize", kUint, kNone, 0, kProcessTable, "virtual memory at exec, KiB", GET(of_usage(x, [](const Usage& u) { return natural(u.vm_size_kib); }))},
    {"proc.vmrss", kUint, kNone, 0, kProcessTable, "resident memory at exec, KiB, about", GET(of_usage(x, [](const Usage& u) { return natural(u.vm_rss_kib); }))},
    {"proc.vmswap", kUint, kNone, 0, kProcessTable, "swapped memory at exec, KiB", GET(of_usage(x, [](const Usage& u) { return natural(u.vm_swap_kib); }))},
    {"proc.nthreads", kUint, kNone, 0, kNotCaptured, "live threads; the beginning and end of threads is not captured"},
    {"proc.nchilds", kUint, kNone, 0, kNotCaptured, "live threads besides the first; as proc.nthreads"},
    {"proc.stdin.type", kString, kNone, 0, kNotCaptured, "type of fd 0; there is no table of open fds"},
    {"proc.stdin.name", kString, kNone, 0, kNotCaptured, "name of fd 0"},
    {"proc.stdout.type", kString, kNone, 0, kNotCaptured, "type of fd 1"},
    {"proc.stdout.name", kString, kNone, 0, kNotCaptured, "name of fd 1"},
    {"proc.stderr.type", kString, kNone, 0, kNotCaptured, "type of fd 2"},
    {"proc.stderr.name", kString, kNone, 0, kNotCaptured, "name of fd 2"},
    {"proc.is_container_healthcheck", kBool, kNone, 0, kNothing, "always absent", never},
    {"proc.is_container_liveness_probe", kBool, kNone, 0, kNothing, "always absent", never},
    {"proc.is_container_readiness_probe", kBool, kNone, 0, kNothing, "always absent", never},

    // threads and credentials
    {"thread.tid", kInt, kNone, 0, kKernel, "thread id", GET(integer(x.event.tid))},
    {"thread.ismain", kBool, kNone, 0, kKernel, "the thread is the process's first", GET(Value(x.event.tid == x.event.pid))},
    {"thread.vtid", kInt, kNone, 0, kKernel, "thread id in its own pid namespace", GET(x.event.vtid != 0 ? integer(x.event.vtid) : x.event.process == nullptr || x.event.tid != x.event.pid ? Value() : known_id(x.event.process->vpid))},
    {"thread.nametid", kString, kNone, 0, kProcessTable, "comm and thread id", GET(self(x) == nullptr ? Value() : Value(x.arena.concat(self(x)->comm(), decimal_text(x.arena, std::uint64_t{x.event.tid})))), 64, Listing::kHidden},
    {"thread.cgroups", kString, kNone, 0, kNotCaptured, "subsystem=path of all cgroups, blank-joined; only the default hierarchy (v2) is looked at, see cgroup.path"},
    {"thread.cgroup", kString, kSuffix, 0, kNotCaptured, "cgroup of the subsystem behind the last dot; as thread.cgroups"},
    {"thread.exectime", kDuration, kNone, 0, kNotCaptured, "CPU time of the last slice; only events of the scheduler have it, which are not captured"},
    {"thread.totexectime", kDuration, kNone, 0, kNotCaptured, "CPU time so far; as thread.exectime"},
    {"thread.cpu", kDouble, kNone, 0, kNotCaptured, "CPU usage, percent; only periodic events have it, which are not captured"},
    {"thread.cpu.user", kDouble, kNone, 0, kNotCaptured, "thread.cpu in user mode"},
    {"thread.cpu.system", kDouble, kNone, 0, kNotCaptured, "thread.cpu in the kernel"},
    {"thread.vmsize", kUint, kNone, 0, kProcessTable, "as proc.vmsize of the first thread, 0 of others", GET(of_first_thread(x, [](const Usage& u) { return natural(u.vm_size_kib); }))},
    {"thread.vmrss", kUint, kNone, 0, kProcessTable, "as proc.vmrss of the first thread, 0 of others", GET(of_first_thread(x, [](const Usage& u) { return natural(u.vm_rss_kib); }))},
    {"thread.vmsize.b", kUint, kNone, 0, kProcessTable, "thread.vmsize in bytes", GET(of_first_thread(x, [](const Usage& u) { return natural(std::uint64_t{u.vm_size_kib} * 1024); })), 64, Listing::kHidden},
    {"thread.vmrss.b", kUint, kNone, 0, kProcessTable, "thread.vmrss in bytes", GET(of_first_thread(x, [](const Usage& u) { return natural(std::uint64_t{u.vm_rss_kib} * 1024); })), 64, Listing::kHidden},
    {"thread.pfmajor", kUint, kNone, 0, kProcessTable, "major page faults until exec", GET(of_usage(x, [](const Usage& u) { return natural(u.major_faults); }))},
    {"thread.pfminor", kUint, kNone, 0, kProcessTable, "minor page faults until exec", GET(of_usage(x, [](const Usage& u) { return natural(u.minor_faults); }))},
    {"thread.cap_effective", kString, kNone, 0, kKernel, "effective capabilities, blank-joined", GET(capabilities_text(x.arena, x.event.creds.cap_effective))},
    {"thread.cap_permitted", kString, kNone, 0, kKernel, "permitted capabilities, blank-joined", GET(capabilities_text(x.arena, x.event.creds.cap_permitted))},
    {"thread.cap_inheritable", kString, kNone, 0, kKernel, "inheritable capabilities, blank-joined", GET(capabilities_text(x.arena, x.event.creds.cap_inheritable))},
    {"user.uid", kUint, kNone, 0, kKernel, "effective user id", GET(natural(x.event.creds.uid)), 32},
    {"user.name", kString, kNone, 0, kHostFiles, "name of user.uid in /etc/passwd, a container's own or the host's; <NA> if unknown", GET(user_name(x, x.event.creds.uid))},
    {"user.homedir", kString, kNone, 0, kHostFiles, "home directory in /etc/passwd, a container's own or the host's; <NA> if unknown", GET(or_na(names_of(x.event, x.context).user_home(x.event.creds.uid)))},
    {"user.shell", kString, kNone, 0, kHostFiles, "login shell in /etc/passwd, a container's own or the host's; <NA> if unknown", GET(or_na(names_of(x.event, x.context).user_shell(x.event.creds.uid)))},
    {"user.loginuid", kInt, kNone, 0, kKernel, "audit login uid, -1 if unset", GET(integer(x.event.creds.loginuid == 0xffffffff ? -1 : static_cast<std::int64_t>(x.event.creds.loginuid)))},
    {"user.loginname", kString, kNone, 0, kHostFiles, "name of user.loginuid in the host's /etc/passwd; <NA> if unset or unknown", GET(login_name(x))},
    {"group.gid", kUint, kNone, 0, kKernel, "effective group id", GET(natural(x.event.creds.gid)), 32},
    {"group.name", kString, kNone, 0, kHostFiles, "name of group.gid in /etc/group, a container's own or the host's; <NA> if unknown", GET(group_name(x))},
    {"cgroup.path", kString, kNone, 0, kKernel, "the process's cgroup in the default hierarchy (v2), from its root: /system.slice/ssh.service", GET(x.event.cgroup.empty() ? Value() : Value(x.event.cgroup))},

    // file descriptors
    {"fd.num", kInt, kNone, 0, kKernel, "fd number; -1 if the call that was to make one failed; of calls with a directory fd beside a path that one", fd_num},
    {"fd.type", kString, kNone, 0, kKernel, "file, directory, ipv4, ipv6, unix, netlink, pipe, event, eventpoll, inotify, signalfd, timerfd, bpf, userfaultfd, io_uring, memfd, pidfd, <NA>; absent if there is no descriptor", fd_type},
    {"fd.typechar", kString, kNone, 0, kKernel, "f file, d directory, 4, 6, u unix, n netlink, p pipe, e event, l eventpoll, i inotify, s signalfd, t timerfd, b bpf, u userfaultfd, r io_uring, m memfd, P pidfd, o other; without a descriptor f of opens, 4 of socket and accept, else o", fd_typechar},
    {"fd.name", kString, kNone, 0, kKernel, "the kernel's path of the file, seen from the process's root; after a failed open the name as passed, made absolute (user memory); of a socket client->server; of what has no path the kernel's name; empty if there is no descriptor", fd_name},
    {"fd.names", kString, kNone, kExistential | kNoRhs | kNoTransform, kKernel, "names of the opened file besides its path: those loaded rules name, those the host's mounts give it; of an exec the names block and kill rules have for the executable", GET(x.event.names.empty() ? Value() : object_names(x))},
    {"fd.nameraw", kString, kNone, 0, kUserMemory, "the name as the program passed it to open; of a socket fd.name", fd_nameraw},
    {"fd.directory", kString, kNone, 0, kKernel, "directory part of fd.name; of a directory fd.name", fd_directory},
    {"fd.filename", kString, kNone, 0, kKernel, "last component of fd.name; of files only; absent after failed opens", fd_filename},
    {"fd.ino", kInt, kNone, 0, kKernel, "inode number", GET(file_of_fd(x, [](const FileIdentity& f) { return integer(static_cast<std::int64_t>(f.ino)); }))},
    {"fd.dev", kInt, kNone, 0, kKernel, "device number of the file system, major * 2^20 + minor; outputs show it in hex", GET(file_of_fd(x, [](const FileIdentity& f) { return integer(f.dev); })), 32, Listing::kListed, Display::kHex},
    {"fd.dev.major", kInt, kNone, 0, kKernel, "major part of fd.dev", GET(file_of_fd(x, [](const FileIdentity& f) { return integer(f.dev >> 20U); })), 32},
    {"fd.dev.minor", kInt, kNone, 0, kKernel, "minor part of fd.dev", GET(file_of_fd(x, [](const FileIdentity& f) { return integer(f.dev & 0xfffffU); })), 32},
    {"fd.is_upper_layer", kBool, kNone, 0, kKernel, "the file lies in an overlay's upper layer", GET(file_of_fd(x, [](const FileIdentity& f) { return Value(f.upper_layer); }))},
    {"fd.is_lower_layer", kBool, kNone, 0, kKernel, "the file lies in an overlay's lower layer", GET(file_of_fd(x, [](const FileIdentity& f) { return Value(f.lower_layer); }))},
    {"fd.uid", kString, kNone, 0, kKernel, "thread id and fd number in one text", GET(fd_num(x).absent() ? Value() : Value(ArenaText(x.arena).decimal(std::uint64_t{x.event.tid}).decimal(std::get<std::int64_t>(fd_num(x).data)).view()))},
    {"fd.types", kString, kOptionalIndex, kList | kNoRhs, kNotCaptured, "types of all fds the process has open; [N] the type of one"},
    {"fd.sockfamily", kString, kNone, 0, kKernel, "ip or unix", GET(ip_of(x) != nullptr ? Value("ip") : fd_type_of(x) == FdType::kUnix ? Value("unix") : Value())},
    {"fd.l4proto", kString, kNone, 0, kKernel, "tcp, udp, icmp, raw; <NA> if undetermined", GET(socket_text(x, l4_protocol))},
    {"fd.connected", kBool, kNone, 0, kKernel, "the socket is connected", fd_connected},
    {"fd.name_changed", kBool, kNone, 0, kKernel, "the event gave the fd a new name: connect, bind, sends and receives of a datagram socket that is not connected", fd_name_changed},
    {"fd.is_server", kBool, kNone, 0, kKernel, "the process is the server side", GET(socket_of(x) == nullptr ? Value() : Value(serves(x)))},
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
    {"fd.proto", kPort, kNone, kEnds, kKernel, "as fd.port", GET(both(x, local_port(x), remote_port(x)))},
    {"fd.cproto", kString, kNone, 0, kKernel, "client port as the name of a service, or its number", GET(service(x, client_port(x)))},
    {"fd.sproto", kString, kNone, 0, kKernel, "server port as the name of a service, or its number", GET(service(x, server_port(x)))},
    {"fd.lproto", kString, kNone, 0, kKernel, "local port as the name of a service, or its number", GET(service(x, local_port(x)))},
    {"fd.rproto", kString, kNone, 0, kKernel, "remote port as the name of a service, or its number", GET(service(x, remote_port(x)))},
    {"fd.cip.name", kString, kNone, kNoRef | kExistential, kEngine, "client host, by those of the names that loaded rules compare with which resolve to its address", GET(host_names(x, client_ip(x)))},
    {"fd.sip.name", kString, kNone, kNoRef | kExistential, kEngine, "server host, by those of the names that loaded rules compare with which resolve to its address", GET(host_names(x, server_ip(x)))},
    {"fd.lip.name", kString, kNone, kNoRef | kExistential, kEngine, "local host, by those of the names that loaded rules compare with which resolve to its address", GET(host_names(x, local_ip(x)))},
    {"fd.rip.name", kString, kNone, kNoRef | kExistential, kEngine, "remote host, by those of the names that loaded rules compare with which resolve to its address", GET(host_names(x, remote_ip(x)))},
    {"fd.containername", kString, kNone, 0, kKernel, "container.id:fd.name", GET(with_container(x, fd_name(x)))},
    {"fd.containerdirectory", kString, kNone, 0, kKernel, "container.id:fd.directory", GET(with_container(x, fd_directory(x)))},
    {"fdlist.nums", kString, kNone, 0, kNotCaptured, "fds of a poll, comma-joined"},
    {"fdlist.names", kString, kNone, 0, kNotCaptured, "names of the fds of a poll, comma-joined"},
    {"fdlist.cips", kString, kNone, 0, kNotCaptured, "client addresses of the fds of a poll, comma-joined"},
    {"fdlist.sips", kString, kNone, 0, kNotCaptured, "server addresses of the fds of a poll, comma-joined"},
    {"fdlist.cports", kString, kNone, 0, kNotCaptured, "client ports of the fds of a poll, comma-joined"},
    {"fdlist.sports", kString, kNone, 0, kNotCaptured, "server ports of the fds of a poll, comma-joined"},

    // containers: ids from the cgroup, the rest from the files of their runtimes
    {"container.id", kString, kNone, 0, kKernel, "first 12 characters of the container id, as the cgroup is named after it or the runtime has it; host for host processes", GET(container_short_id(x))},
    {"container.full_id", kString, kNone, 0, kKernel, "full container id, as the cgroup is named after it or the runtime has it; empty for host processes", GET(in_container(x) ? std::string_view(x.event.container->id) : std::string_view())},
    {"container.name", kString, kNone, 0, kContainerFiles, "name; host for host processes", GET(container_fact(x, "host", [](const ContainerFacts& facts) { return or_absent(facts.name); }))},
    {"container.type", kString, kNone, 0, kContainerFiles, "runtime; host for host processes", GET(container_fact(x, "host", [](const ContainerFacts& facts) { return Value(std::string_view(facts.type)); }))},
    {"container.image", kString, kNone, 0, kContainerFiles, "image with tag", FACT(image)},
    {"container.image.id", kString, kNone, 0, kContainerFiles, "image id", FACT(image_id)},
    {"container.image.repository", kString, kNone, 0, kContainerFiles, "image name without tag", FACT(repository)},
    {"container.image.tag", kString, kNone, 0, kContainerFiles, "image tag", FACT(tag)},
    {"container.image.digest", kString, kNone, 0, kContainerFiles, "image digest", FACT(digest)},
    {"container.privileged", kBool, kNone, 0, kContainerFiles, "the container runs privileged", FLAG(privileged)},
    {"container.host_pid", kBool, kNone, 0, kContainerFiles, "it shares the host's pid namespace", FLAG(host_pid)},
    {"container.host_network", kBool, kNone, 0, kContainerFiles, "it shares the host's network namespace", FLAG(host_network)},
    {"container.host_ipc", kBool, kNone, 0, kContainerFiles, "it shares the host's ipc namespace", FLAG(host_ipc)},
    {"container.ip", kString, kNone, 0, kContainerFiles, "primary IPv4 address", FACT(ip)},
    {"container.cni.json", kString, kNone, 0, kContainerFiles, "result of CNI", FACT(cni)},
    {"container.label", kString, kRequiredKey, 0, kContainerFiles, "one label", GET(container_fact(x, {}, [&](const ContainerFacts& facts) { return label(x, facts.labels); }))},
    {"container.labels", kString, kNone, 0, kContainerFiles, "all labels, key:value, comma-joined", GET(container_fact(x, "", [&](const ContainerFacts& facts) { return all_labels(x, facts.labels); }))},
    {"container.mounts", kString, kNone, 0, kContainerFiles, "all mounts, source:dest:mode:rdwr:propagation, comma-joined", GET(container_fact(x, "", [&](const ContainerFacts& facts) { return all_mounts(x, facts); }))},
    {"container.mount", kString, kRequiredKey, 0, kContainerFiles, "a mount by number or source, its five parts colon-joined", GET(mount(x, &Mount::source, [&](const Mount& m) { return mount_text(x, m); }))},
    {"container.mount.dest", kString, kRequiredKey, 0, kContainerFiles, "destination of a mount by number or source", GET(mount(x, &Mount::source, [](const Mount& m) { return Value(std::string_view(m.dest)); }))},
    {"container.mount.source", kString, kRequiredKey, 0, kContainerFiles, "source of a mount by number or destination", GET(mount(x, &Mount::dest, [](const Mount& m) { return Value(std::string_view(m.source)); }))},
    {"container.mount.mode", kString, kRequiredKey, 0, kContainerFiles, "mode of a mount by number or source", GET(mount(x, &Mount::source, [](const Mount& m) { return Value(std::string_view(m.mode)); }))},
    {"container.mount.rdwr", kString, kRequiredKey, 0, kContainerFiles, "true if it is writable", GET(mount(x, &Mount::source, [](const Mount& m) { return Value(m.writable ? "true" : "false"); }))},
    {"container.mount.propagation", kString, kRequiredKey, 0, kContainerFiles, "its propagation", GET(mount(x, &Mount::source, [](const Mount& m) { return Value(std::string_view(m.propagation)); }))},
    {"container.start_ts", kTime, kNone, 0, kProcessTable, "start of the pid namespace's init, epoch ns", GET(epoch(x, pidns_start(x)))},
    {"container.duration", kDuration, kNone, 0, kProcessTable, "age of the pid namespace's init, ns; absent of host processes", GET(in_container(x) ? age(x, pidns_start(x)) : Value())},
    {"container.healthcheck", kString, kNone, 0, kNothing, "always absent", never},
    {"container.liveness_probe", kString, kNone, 0, kNothing, "always absent", never},
    {"container.readiness_probe", kString, kNone, 0, kNothing, "always absent", never},
    {"k8s.ns.name", kString, kNone, 0, kContainerFiles, "pod namespace", POD(space)},
    {"k8s.pod.name", kString, kNone, 0, kContainerFiles, "pod name", POD(name)},
    {"k8s.pod.id", kString, kNone, 0, kContainerFiles, "pod UID", POD(uid)},
    {"k8s.pod.uid", kString, kNone, 0, kContainerFiles, "pod UID", POD(uid)},
    {"k8s.pod.sandbox_id", kString, kNone, 0, kContainerFiles, "first 12 characters of the id of the pod's sandbox", GET(pod_fact(x, [](const Pod& pod) { return pod.sandbox ? Value(std::string_view(*pod.sandbox).substr(0, 12)) : Value(); }))},
    {"k8s.pod.full_sandbox_id", kString, kNone, 0, kContainerFiles, "id of the pod's sandbox", POD(sandbox)},
    {"k8s.pod.ip", kString, kNone, 0, kContainerFiles, "primary IPv4 address", POD(ip)},
    {"k8s.pod.cni.json", kString, kNone, 0, kContainerFiles, "result of CNI", POD(cni)},
    {"k8s.pod.labels", kString, kNone, 0, kContainerFiles, "all pod labels, key:value, comma-joined", GET(pod_fact(x, [&](const Pod& pod) { return all_labels(x, pod.labels); }))},
    {"k8s.pod.label", kString, kRequiredKey, 0, kContainerFiles, "one pod label", GET(pod_fact(x, [&](const Pod& pod) { return label(x, pod.labels); }))},
    {"k8s.rc.name", kString, kNone, 0, kNothing, "always absent", never},
    {"k8s.rc.id", kString, kNone, 0, kNothing, "always absent", never},
    {"k8s.rc.labels", kString, kNone, 0, kNothing, "always absent", never},
    {"k8s.rc.label", kString, kRequiredKey, 0, kNothing, "always absent", never},
    {"k8s.svc.name", kString, kNone, 0, kNothing, "always absent", never},
    {"k8s.svc.id", kString, kNone, 0, kNothing, "always absent", never},
    {"k8s.svc.labels", kString, kNone, 0, kNothing, "always absent", never},
    {"k8s.svc.label", kString, kRequiredKey, 0, kNothing, "always absent", never},
    {"k8s.rs.name", kString, kNone, 0, kNothing, "always absent", never},
    {"k8s.rs.id", kString, kNone, 0, kNothing, "always absent", never},
    {"k8s.rs.labels", kString, kNone, 0, kNothing, "always absent", never},
    {"k8s.rs.label", kString, kRequiredKey, 0, kNothing, "always absent", never},
    {"k8s.deployment.name", kString, kNone, 0, kNothing, "always absent", never},
    {"k8s.deployment.id", kString, kNone, 0, kNothing, "always absent", never},
    {"k8s.deployment.labels", kString, kNone, 0, kNothing, "always absent", never},
    {"k8s.deployment.label", kString, kRequiredKey, 0, kNothing, "always absent", never},
    {"k8s.ns.id", kString, kNone, 0, kNothing, "always absent", never},
    {"k8s.ns.labels", kString, kNone, 0, kNothing, "always absent", never},
    {"k8s.ns.label", kString, kRequiredKey, 0, kNothing, "always absent", never},
};
// clang-format on

#undef POD
#undef FLAG
#undef FACT
#undef GET

}  // namespace

std::span<const Field> fields() { return kFields; }

}  // namespace shrike::event
