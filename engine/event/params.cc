// SPDX-License-Identifier: Apache-2.0
#include "engine/event/params.h"

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <iterator>
#include <sys/socket.h>
#include <sys/stat.h>

#include "engine/event/constants.h"
#include "engine/event/container.h"
#include "engine/event/descriptor.h"
#include "engine/event/sockets.h"
#include "engine/event/text.h"

namespace shrike::event {
namespace {

// What a parameter's text is made of.
struct Asked {
  const Event& event;
  const Context& context;
  Arena& arena;
  std::string_view name;

  std::string_view decimal(std::int64_t number) const { return decimal_text(arena, number); }
  std::string_view decimal(std::uint64_t number) const { return decimal_text(arena, number); }
  std::string_view decimal(std::uint32_t number) const { return decimal_text(arena, std::uint64_t{number}); }

  std::string_view octal(std::uint64_t number) const {
    ArenaText text(arena);
    text.add("0");
    return number == 0 ? text.view() : text.octal(number).view();
  }

  // A call's result where success is a plain number.
  ParamText result(std::int64_t ret) const {
    return {decimal(ret), ret < 0 ? errno_name(arena, static_cast<int>(-ret)) : std::string_view()};
  }
  // A directory's descriptor; `path` is empty where it is not told.
  ParamText dirfd(std::int32_t fd, std::string_view path) const {
    if (fd == AT_FDCWD) return {decimal(std::int64_t{fd}), "AT_FDCWD"};
    if (fd < 0) return result(fd);
    return {decimal(std::int64_t{fd}), path.empty() ? path : arena.concat("<d>", path)};
  }
  ParamText path(std::string_view base, std::string_view passed) const {
    const std::string_view absolute = passed.empty() ? std::string_view() : absolute_path(base, passed, arena);
    return {passed, absolute == passed ? std::string_view() : absolute};
  }
  // Of a user or a group.
  ParamText id(std::uint32_t id, std::string_view owner) const {
    if (id == 0xffffffff) return {"-1", "<NONE>"};
    return {decimal(id), id == 0 ? "root" : owner.empty() ? "<NA>" : owner};
  }
  ParamText flags(std::uint64_t raw, std::string_view names) const {
    return {raw == 0 ? "0" : hex_text(arena, raw), raw == 0 && names == "0" ? std::string_view() : names};
  }
};

std::optional<ParamText> open_param(const Asked& asked, const Open& open) {
  const std::string_view name = asked.name;
  if (name == "fd") {
    if (open.ret < 0) return asked.result(open.ret);
    return ParamText{asked.decimal(open.ret), open.path.empty() ? open.path : fd_label(asked.arena, *descriptor_of(asked.event))};
  }
  if (name == "dirfd") return asked.dirfd(open.dirfd, open.base);
  if (name == "name") {
    // A call that succeeded has the kernel's path: no need to guess what a relative name or a symlink meant.
    if (open.ret >= 0 && !open.path.empty() && open.name != open.path) return ParamText{open.name, open.path};
    return asked.path(open.base, open.name);
  }
  if (name == "path") return ParamText{open.path, {}};
  if (name == "flags") {
    ArenaText names(asked.arena);
    names.add(open_flags_text(asked.arena, open.flags));
    if (open.file.created) names.joined('|', "O_F_CREATED");
    if (open.file.upper_layer) names.joined('|', "FD_UPPER_LAYER");
    if (open.file.lower_layer) names.joined('|', "FD_LOWER_LAYER");
    return ParamText{asked.decimal(open.flags), names.view()};
  }
  if (name == "creat_flags") return asked.flags(0, "0");
  if (name == "mode") return ParamText{asked.octal(open.mode), {}};
  if (name == "resolve") return asked.flags(open.resolve, {});
  if (name == "dev") return ParamText{hex_text(asked.arena, open.file.dev), {}};
  if (name == "ino") return ParamText{asked.decimal(open.file.ino), {}};
  return std::nullopt;
}

std::uint64_t exe_flags(const Event& event, const FileIdentity& file) {
  return (exe_writable(event) ? 1U : 0U) | (file.upper_layer ? 2U : 0U) | (file.memfd ? 4U : 0U) | (file.lower_layer ? 8U : 0U);
}

std::string_view exe_flags_text(Arena& arena, std::uint64_t flags) {
  static constexpr std::string_view kNames[] = {"EXE_WRITABLE", "EXE_UPPER_LAYER", "EXE_FROM_MEMFD", "EXE_LOWER_LAYER"};
  ArenaText text(arena);
  for (std::size_t bit = 0; bit < std::size(kNames); ++bit) {
    if ((flags >> bit & 1U) != 0) text.joined('|', kNames[bit]);
  }
  return text.view();
}

// What an exec says of what the process uses and may use.
std::optional<std::uint64_t> usage_number(const Usage& usage, std::string_view name) {
  if (!usage.known) return std::nullopt;
  if (name == "fdlimit") return usage.fd_limit;
  if (name == "pgft_maj") return usage.major_faults;
  if (name == "pgft_min") return usage.minor_faults;
  if (name == "vm_size") return usage.vm_size_kib;
  if (name == "vm_rss") return usage.vm_rss_kib;
  if (name == "vm_swap") return usage.vm_swap_kib;
  return std::nullopt;
}

// Each argument and the NUL that ends it.
std::string_view arguments_text(Arena& arena, const Image& image) {
  ArenaText text(arena);
  for (const std::string_view argument : image.arguments()) text.add(argument).add({"\0", 1});
  return text.view();
}

// Of an exec that succeeded the new image; one that failed left the caller as it was.
std::optional<ParamText> exec_param(const Asked& asked) {
  const std::string_view name = asked.name;
  const Event& event = asked.event;
  const Process* process = event.process;
  const Credentials& creds = event.creds;
  const std::string_view comm = process == nullptr ? std::string_view() : process->image->comm();
  if (name == "res") return asked.result(return_value(event).value_or(0));
  if (name == "tid") return ParamText{asked.decimal(event.tid), comm};
  if (name == "pid") return ParamText{asked.decimal(event.pid), comm};
  if (name == "ptid") {
    const Image* parent = process == nullptr ? nullptr : process->parent_image.get();
    return ParamText{asked.decimal(event.ppid), parent == nullptr ? std::string_view() : parent->comm()};
  }
  if (name == "tty") return ParamText{asked.decimal(creds.tty), {}};
  if (name == "uid") return asked.id(creds.uid, names_of(asked.event, asked.context).user_name(creds.uid));
  if (name == "gid") return asked.id(creds.gid, names_of(asked.event, asked.context).group_name(creds.gid));
  if (name == "loginuid") return asked.id(creds.loginuid, asked.context.names.user_name(creds.loginuid));
  const auto capabilities = [&](std::uint64_t set) {
    return ParamText{hex_text(asked.arena, set), capabilities_text(asked.arena, set)};
  };
  if (name == "cap_effective") return capabilities(creds.cap_effective);
  if (name == "cap_permitted") return capabilities(creds.cap_permitted);
  if (name == "cap_inheritable") return capabilities(creds.cap_inheritable);
  if (process == nullptr) return std::nullopt;
  const Image& image = *process->image;
  if (name == "exe") return ParamText{image.exe(), {}};
  if (name == "args") return ParamText{printable(asked.arena, arguments_text(asked.arena, image)), {}};
  if (name == "cwd") return ParamText{image.cwd(), {}};
  if (name == "comm") return ParamText{image.comm(), {}};
  if (name == "vpgid") return ParamText{asked.decimal(process->vpgid), {}};
  if (name == "pgid") return ParamText{asked.decimal(process->pgid), {}};
  if (name == "exe_ino") return ParamText{asked.decimal(image.file().ino), {}};
  if (name == "exe_ino_ctime") return ParamText{asked.decimal(image.file().ctime_ns), {}};
  if (name == "exe_ino_mtime") return ParamText{asked.decimal(image.file().mtime_ns), {}};
  if (name == "trusted_exepath") return ParamText{image.exe_path(), {}};
  if (name == "filename") {
    // Where what runs is an interpreter this is the script, else what was asked for: a link's own name.
    const auto* change = std::get_if<ProcessChange>(&event.payload);
    return change == nullptr ? std::nullopt : std::optional(asked.path(change->cwd, change->filename));
  }
  if (name == "env") {
    if (!image.environment().known) return std::nullopt;
    return ParamText{printable(asked.arena, image.environment().bytes), {}};
  }
  if (const auto number = usage_number(image.usage(), name)) return ParamText{asked.decimal(*number), {}};
  if (name == "flags") {
    const std::uint64_t flags = exe_flags(event, image.file());
    return ParamText{asked.decimal(flags), exe_flags_text(asked.arena, flags)};
  }
  return std::nullopt;
}

bool is_exec(EventType type) { return type == EventType::kExecve || type == EventType::kExecveat; }

std::optional<ParamText> ptrace_param(const Asked& asked, const Call& ptrace) {
  const std::string_view name = asked.name;
  if (name == "res") return asked.result(ptrace.ret);
  if (name == "request") return ParamText{asked.decimal(ptrace.args[0]), ptrace_request_name(ptrace.args[0])};
  if (name == "addr") return ParamText{hex_text(asked.arena, ptrace.args[2]), {}};
  if (name == "data") return ParamText{hex_text(asked.arena, ptrace.args[3]), {}};
  if (name == "pid") {
    const Process* target = static_cast<std::uint32_t>(ptrace.args[1]) == 0
                                ? asked.event.process
                                : asked.context.processes.find(static_cast<std::uint32_t>(ptrace.args[1]));
    return ParamText{asked.decimal(static_cast<std::uint32_t>(ptrace.args[1])),
                     target == nullptr ? std::string_view() : target->image->comm()};
  }
  return std::nullopt;
}

// --- with their own types

Value integer(std::int64_t number) { return Value(number); }
Value natural(std::uint64_t number) { return Value(number); }

Value open_value(const Open& open, std::string_view name) {
  if (name == "fd") return integer(open.ret);
  if (name == "dirfd") return integer(open.dirfd);
  if (name == "name") return open.name;
  if (name == "path") return open.path;
  if (name == "flags") return natural(open.flags);
  if (name == "creat_flags") return natural(0);
  if (name == "mode") return natural(open.mode);
  if (name == "resolve") return natural(open.resolve);
  if (name == "dev") return natural(open.file.dev);
  if (name == "ino") return natural(open.file.ino);
  return {};
}

bool is_accept(EventType type) { return type == EventType::kAccept || type == EventType::kAccept4; }

Value socket_value(const Event& event, const SocketCall& call, Arena& arena, std::string_view name) {
  if (name == "res") return integer(call.ret);
  if (name == "fd") return integer(is_accept(event.type) && call.ret < 0 ? call.ret : call.fd);
  if (name == "tuple") return socket_name(arena, call.socket);
  if (name == "addr") return remote_name(arena, call.socket);
  if (name == "data") return call.data;
  if (name == "msgcontrol") return call.control;
  if (name == "size") return natural(call.size);
  if (name == "backlog") return integer(static_cast<std::int32_t>(call.size));
  if (name == "queuepct") return natural(call.queue_max == 0 ? 0 : std::uint64_t{call.queue_length} * 100 / call.queue_max);
  if (name == "queuelen") return natural(call.queue_length);
  if (name == "queuemax") return natural(call.queue_max);
  if (name == "flags") return natural(call.flags);
  return {};
}

Value exec_value(const Event& event, Arena& arena, std::string_view name) {
  const Credentials& creds = event.creds;
  if (name == "res") return integer(return_value(event).value_or(0));
  if (name == "tid") return integer(event.tid);
  if (name == "pid") return integer(event.pid);
  if (name == "ptid") return integer(event.ppid);
  if (name == "tty") return natural(creds.tty);
  if (name == "uid") return natural(creds.uid);
  if (name == "gid") return natural(creds.gid);
  if (name == "loginuid") return natural(creds.loginuid);
  if (name == "cap_effective") return natural(creds.cap_effective);
  if (name == "cap_permitted") return natural(creds.cap_permitted);
  if (name == "cap_inheritable") return natural(creds.cap_inheritable);
  if (event.process == nullptr) return {};
  const Image& image = *event.process->image;
  if (name == "exe") return image.exe();
  if (name == "args") return arguments_text(arena, image);
  if (name == "cwd") return image.cwd();
  if (name == "comm") return image.comm();
  if (name == "vpgid") return integer(event.process->vpgid);
  if (name == "pgid") return integer(event.process->pgid);
  if (name == "exe_ino") return natural(image.file().ino);
  if (name == "exe_ino_ctime") return natural(image.file().ctime_ns);
  if (name == "exe_ino_mtime") return natural(image.file().mtime_ns);
  if (name == "trusted_exepath") return image.exe_path();
  if (name == "filename") {
    const auto* change = std::get_if<ProcessChange>(&event.payload);
    return change == nullptr ? Value() : Value(change->filename);
  }
  if (name == "env") return image.environment().known ? Value(std::string_view(image.environment().bytes)) : Value();
  if (const auto number = usage_number(image.usage(), name)) return natural(*number);
  if (name == "flags") return natural(exe_flags(event, image.file()));
  return {};
}

// A name of the call and the directory it starts at, if it is relative.
struct Name {
  std::string_view text;
  std::string_view base;
};

bool is_second(std::string_view param) {
  return param == "newpath" || param == "linkpath" || param == "newdirfd" || param == "newdir" || param == "linkdirfd";
}

Name name_of(const Paths& paths, std::string_view param) {
  return is_second(param) ? Name{paths.second, paths.second_base} : Name{paths.first, paths.first_base};
}

bool is_dirfd(std::string_view param) { return param.ends_with("dirfd") || param == "olddir" || param == "newdir"; }

Value paths_value(const Event& event, const Paths& paths, Arena& arena, std::string_view name) {
  if (is_exec(event.type) && name != "filename") return exec_value(event, arena, name);
  if (name == "res") return integer(paths.ret);
  if (is_dirfd(name)) return integer(paths.dirfds[is_second(name) ? 1 : 0]);
  if (name == "flags") return natural(paths.flags);
  if (name == "mode") return natural(paths.mode);
  return name_of(paths, name).text;
}

constexpr std::uint64_t kSocketTypeMask = 0xf;  // SOCK_TYPE_MASK, include/linux/net.h

// An int argument, as any ABI passes it.
Value signed_arg(const Call& call, std::size_t i) { return integer(static_cast<std::int32_t>(call.args[i])); }
Value unsigned_arg(const Call& call, std::size_t i) { return natural(static_cast<std::uint32_t>(call.args[i])); }

Value socket_arg(const Call& call, std::string_view name) {
  if (name == "fd") return integer(call.ret);
  if (name == "domain") return unsigned_arg(call, 0);
  if (name == "type") return natural(call.args[1] & kSocketTypeMask);
  if (name == "proto") return unsigned_arg(call, 2);
  if (name == "flags") return natural(static_cast<std::uint32_t>(call.args[1]) & ~kSocketTypeMask);
  return {};
}

Value ptrace_value(const Call& ptrace, std::string_view name) {
  if (name == "request") return natural(ptrace.args[0]);
  if (name == "pid") return integer(static_cast<std::uint32_t>(ptrace.args[1]));
  // A union upstream. evt.rawarg.data is bytes, as read has it: no check of bytes but `exists` holds for a number.
  if (name == "addr") return natural(ptrace.args[2]);
  if (name == "data") return natural(ptrace.args[3]);
  return {};
}

Value module_arg(const Event& event, const Call& call, std::string_view name) {
  if (name == "uargs") return call.text;
  if (event.type == EventType::kInitModule) {
    if (name == "img") return call.data;
    return name == "length" ? natural(call.args[1]) : Value();
  }
  if (name == "fd") return signed_arg(call, 0);
  return name == "flags" ? unsigned_arg(call, 2) : Value();
}

Value call_value(const Event& event, const Call& call, std::string_view name) {
  if (index(event.type) > index(EventType::kFinitModule)) return {};  // a generic call: that it happened is all that is told
  if (name == "res") return integer(call.ret);
  switch (event.type) {
    case EventType::kSocket:
      return socket_arg(call, name);
    case EventType::kPtrace:
      return ptrace_value(call, name);
    case EventType::kInitModule:
    case EventType::kFinitModule:
      return module_arg(event, call, name);
    case EventType::kDup:
    case EventType::kDup2:
    case EventType::kDup3:
      return name == "oldfd" ? signed_arg(call, 0) : name == "newfd" ? signed_arg(call, 1) : unsigned_arg(call, 2);
    case EventType::kClose:
      return signed_arg(call, 0);
    case EventType::kFchmod:
    case EventType::kSetns:
      return name == "fd" ? signed_arg(call, 0) : unsigned_arg(call, 1);
    case EventType::kUnshare:
    case EventType::kUserfaultfd:
    case EventType::kSetuid:
      return unsigned_arg(call, 0);
    case EventType::kBpf:
      return name == "fd" ? integer(call.ret) : unsigned_arg(call, 0);
    default:
      return {};
  }
}

// --- what text is made of their values

std::string_view dotted_text(Arena& arena, std::string_view bytes) {
  const std::span<char> out = arena.bytes(bytes.size());
  std::ranges::replace_copy_if(bytes, out.begin(), [](char c) { return c < ' ' || c > '~'; }, '.');
  return {out.data(), out.size()};
}

// A descriptor among the parameters: the event's own, or the directory beside a path. dup has two numbers for the same file.
ParamText fd_param(const Asked& asked, std::int64_t number) {
  if (const auto* paths = std::get_if<Paths>(&asked.event.payload))
    return asked.dirfd(static_cast<std::int32_t>(number), name_of(*paths, asked.name).base);
  if (number < 0) return asked.result(number);
  const auto fd = descriptor_of(asked.event);
  const bool same = fd && (fd->number == number || return_value(asked.event).value_or(-1) >= 0);
  return {asked.decimal(number), same ? fd_label(asked.arena, *fd) : std::string_view()};
}

ParamText flags_param(const Asked& asked, std::uint64_t flags) {
  ArenaText names(asked.arena);
  for (const Bit& bit : flag_names(asked.event.type)) {
    if ((flags & bit.mask) != 0) names.joined('|', bit.name);
  }
  return asked.flags(flags, names.view());
}

ParamText number_param(const Asked& asked, ParamKind kind, std::uint64_t number) {
  switch (kind) {
    case ParamKind::kFlags32:
      return flags_param(asked, number);
    case ParamKind::kEnum32:
      return {asked.decimal(number),
              asked.event.type == EventType::kBpf ? bpf_command_name(number) : address_family_name(number)};
    case ParamKind::kMode:
      return {asked.octal(number), mode_text(asked.arena, static_cast<std::uint32_t>(number))};
    case ParamKind::kUid: {
      const auto uid = static_cast<std::uint32_t>(number);
      return asked.id(uid, names_of(asked.event, asked.context).user_name(uid));
    }
    default:
      return {asked.name == "mode" ? asked.octal(number) : asked.decimal(number), {}};
  }
}

ParamText text_param(const Asked& asked, ParamKind kind, std::string_view text) {
  switch (kind) {
    case ParamKind::kBytes:
      return {text.empty() ? "NULL" : dotted_text(asked.arena, text), {}};
    case ParamKind::kTuple:
    case ParamKind::kAddress:
      return {text.empty() ? "NULL" : text, {}};
    case ParamKind::kPath:
    case ParamKind::kRelativePath:
      if (const auto* paths = std::get_if<Paths>(&asked.event.payload)) return asked.path(name_of(*paths, asked.name).base, text);
      return {text, {}};
    default:
      return {text, {}};
  }
}

std::optional<ParamText> value_text(const Asked& asked, ParamKind kind, const Value& value) {
  if (const auto* text = std::get_if<std::string_view>(&value.data)) return text_param(asked, kind, *text);
  if (const auto* number = std::get_if<std::uint64_t>(&value.data)) return number_param(asked, kind, *number);
  const auto* number = std::get_if<std::int64_t>(&value.data);
  if (number == nullptr) return std::nullopt;
  if (kind == ParamKind::kFd) return fd_param(asked, *number);
  return kind == ParamKind::kErrno ? asked.result(*number) : ParamText{asked.decimal(*number), {}};
}

}  // namespace

bool exe_writable(const Event& event) {
  if (event.process == nullptr) return false;
  const FileIdentity& file = event.process->image->file();
  if (file.ino == 0 || file.readonly) return false;
  static constexpr std::uint64_t kDacOverride = 1U << 1U;  // CAP_DAC_OVERRIDE
  if ((event.creds.cap_effective & kDacOverride) != 0) return true;
  if (file.uid == event.creds.uid) return (file.mode & S_IWUSR) != 0;
  if (file.gid == event.creds.gid) return (file.mode & S_IWGRP) != 0;
  return (file.mode & S_IWOTH) != 0;
}

std::optional<ParamText> param_text(const Event& event, const Context& context, Arena& arena, const Param& param) {
  const Asked asked{event, context, arena, param.name};
  if (const auto* open = std::get_if<Open>(&event.payload)) return open_param(asked, *open);
  if (std::holds_alternative<ProcessChange>(event.payload)) return exec_param(asked);
  if (is_exec(event.type) && param.name != "filename") return exec_param(asked);
  const auto* call = std::get_if<Call>(&event.payload);
  if (event.type == EventType::kPtrace && call != nullptr) return ptrace_param(asked, *call);
  return value_text(asked, param.kind, param_value(event, arena, param));
}

Value param_value(const Event& event, Arena& arena, const Param& param) {
  if (const auto* open = std::get_if<Open>(&event.payload)) return open_value(*open, param.name);
  if (const auto* call = std::get_if<SocketCall>(&event.payload)) return socket_value(event, *call, arena, param.name);
  if (const auto* paths = std::get_if<Paths>(&event.payload)) return paths_value(event, *paths, arena, param.name);
  if (const auto* call = std::get_if<Call>(&event.payload)) return call_value(event, *call, param.name);
  if (std::holds_alternative<ProcessChange>(event.payload)) return exec_value(event, arena, param.name);
  return {};
}

bool is_captured(EventType type, const Param& param) {
  if (index(type) < index(EventType::kExecve) || index(type) > index(EventType::kFinitModule)) return false;
  if (is_exec(type)) return param.name != "cgroups";
  if (type == EventType::kOpenByHandleAt) return param.name != "mountfd";
  return type != EventType::kSendmmsg || param.name != "data";  // hooks tell it, which do not see the data
}

}  // namespace shrike::event
