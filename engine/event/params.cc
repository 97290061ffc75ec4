// SPDX-License-Identifier: Apache-2.0
#include "engine/event/params.h"

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <iterator>
#include <sys/stat.h>

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

  // A call's result where success is a plain number.
  ParamText result(std::int64_t ret) const {
    return {decimal(ret), ret < 0 ? errno_name(arena, static_cast<int>(-ret)) : std::string_view()};
  }
  ParamText dirfd(std::int32_t fd) const { return {decimal(std::int64_t{fd}), fd == AT_FDCWD ? "AT_FDCWD" : ""}; }
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
    return ParamText{asked.decimal(open.ret), asked.arena.concat(S_ISDIR(open.file.mode) ? "<d>" : "<f>", open.path)};
  }
  if (name == "dirfd") return asked.dirfd(open.dirfd);
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
  if (name == "mode") {
    ArenaText text(asked.arena);
    text.add("0");
    if (open.mode != 0) text.octal(open.mode);
    return ParamText{text.view(), {}};
  }
  if (name == "resolve") return asked.flags(open.resolve, {});
  if (name == "dev") return ParamText{hex_text(asked.arena, open.file.dev), {}};
  if (name == "ino") return ParamText{asked.decimal(open.file.ino), {}};
  return std::nullopt;
}

std::optional<ParamText> connect_param(const Asked& asked, const SocketCall& connect) {
  if (asked.name == "res") return asked.result(connect.ret);
  if (asked.name == "fd") return ParamText{asked.decimal(std::int64_t{connect.fd}), fd_label(asked.arena, connect.socket)};
  if (asked.name == "tuple" || asked.name == "addr") {
    const std::string_view text =
        asked.name == "tuple" ? socket_name(asked.arena, connect.socket) : remote_name(asked.arena, connect.socket);
    return ParamText{text.empty() ? "NULL" : text, {}};
  }
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
  if (name == "uid") return asked.id(creds.uid, asked.context.names.user_name(creds.uid));
  if (name == "gid") return asked.id(creds.gid, asked.context.names.group_name(creds.gid));
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
  if (name == "flags") {
    const std::uint64_t flags = exe_flags(event, image.file());
    return ParamText{asked.decimal(flags), exe_flags_text(asked.arena, flags)};
  }
  return std::nullopt;
}

bool is_exec(EventType type) { return type == EventType::kExecve || type == EventType::kExecveat; }

std::optional<ParamText> paths_param(const Asked& asked, const Paths& paths) {
  const std::string_view name = asked.name;
  if (name == "res") return asked.result(paths.ret);
  if (name == "target") return ParamText{paths.first, {}};
  if (name == "oldpath" || name == "filename") return asked.path(paths.first_base, paths.first);
  if (name == "linkpath" || name == "newpath") return asked.path(paths.second_base, paths.second);
  if (name == "olddir") return asked.dirfd(paths.dirfds[0]);
  if (name == "newdir" || name == "linkdirfd") return asked.dirfd(paths.dirfds[1]);
  if (name == "flags" && asked.event.type == EventType::kLinkat) {
    ArenaText names(asked.arena);
    if ((paths.flags & AT_SYMLINK_FOLLOW) != 0) names.joined('|', "AT_SYMLINK_FOLLOW");
    if ((paths.flags & AT_EMPTY_PATH) != 0) names.joined('|', "AT_EMPTY_PATH");
    return asked.flags(paths.flags, names.view());
  }
  return is_exec(asked.event.type) ? exec_param(asked) : std::nullopt;
}

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

Value connect_value(const SocketCall& connect, Arena& arena, std::string_view name) {
  if (name == "res") return integer(connect.ret);
  if (name == "fd") return integer(connect.fd);
  if (name == "tuple") return socket_name(arena, connect.socket);
  if (name == "addr") return remote_name(arena, connect.socket);
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
  if (name == "flags") return natural(exe_flags(event, image.file()));
  return {};
}

Value paths_value(const Event& event, const Paths& paths, Arena& arena, std::string_view name) {
  if (name == "res") return integer(paths.ret);
  if (name == "target" || name == "oldpath" || name == "filename") return paths.first;
  if (name == "linkpath" || name == "newpath") return paths.second;
  if (name == "olddir") return integer(paths.dirfds[0]);
  if (name == "newdir" || name == "linkdirfd") return integer(paths.dirfds[1]);
  if (name == "flags" && event.type == EventType::kLinkat) return natural(paths.flags);
  return is_exec(event.type) ? exec_value(event, arena, name) : Value();
}

Value ptrace_value(const Call& ptrace, std::string_view name) {
  if (name == "res") return integer(ptrace.ret);
  if (name == "request") return natural(ptrace.args[0]);
  if (name == "pid") return integer(static_cast<std::uint32_t>(ptrace.args[1]));
  // A union upstream. evt.rawarg.data is bytes, as read has it: no check of bytes but `exists` holds for a number.
  if (name == "addr") return natural(ptrace.args[2]);
  if (name == "data") return natural(ptrace.args[3]);
  return {};
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
  if (const auto* connect = std::get_if<SocketCall>(&event.payload)) return connect_param(asked, *connect);
  if (const auto* paths = std::get_if<Paths>(&event.payload)) return paths_param(asked, *paths);
  if (const auto* ptrace = std::get_if<Call>(&event.payload)) return ptrace_param(asked, *ptrace);
  if (std::holds_alternative<ProcessChange>(event.payload)) return exec_param(asked);
  return std::nullopt;
}

Value param_value(const Event& event, Arena& arena, const Param& param) {
  if (const auto* open = std::get_if<Open>(&event.payload)) return open_value(*open, param.name);
  if (const auto* connect = std::get_if<SocketCall>(&event.payload)) return connect_value(*connect, arena, param.name);
  if (const auto* paths = std::get_if<Paths>(&event.payload)) return paths_value(event, *paths, arena, param.name);
  if (const auto* ptrace = std::get_if<Call>(&event.payload)) return ptrace_value(*ptrace, param.name);
  if (std::holds_alternative<ProcessChange>(event.payload)) return exec_value(event, arena, param.name);
  return {};
}

bool is_captured(EventType type, const Param& param) {
  static constexpr std::string_view kNot[] = {"data",   "size",    "fdlimit", "pgft_maj", "pgft_min", "vm_size",
                                              "vm_rss", "vm_swap", "cgroups", "env",      "mountfd"};
  const bool told = index(type) >= index(EventType::kExecve) && index(type) <= index(EventType::kBind);
  return told && (type == EventType::kPtrace || std::ranges::find(kNot, param.name) == std::end(kNot));
}

}  // namespace shrike::event
