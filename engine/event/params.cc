// SPDX-License-Identifier: Apache-2.0
#include "engine/event/params.h"

#include <array>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>

#include "engine/event/sockets.h"
#include "engine/event/text.h"

namespace shrike::event {
namespace {

std::string hex(std::uint64_t number) {
  std::array<char, 20> text{};
  std::snprintf(text.data(), text.size(), "0x%lX", static_cast<unsigned long>(number));
  return text.data();
}

// A call's result where success is a plain number.
ParamText result_param(std::int64_t ret) {
  return {std::to_string(ret), ret < 0 ? errno_name(static_cast<int>(-ret)) : std::string()};
}

ParamText dirfd_param(std::int32_t fd) { return {std::to_string(fd), fd == AT_FDCWD ? "AT_FDCWD" : std::string()}; }

ParamText path_param(std::string_view base, std::string_view name) {
  std::string absolute = name.empty() ? std::string() : absolute_path(base, name);
  return {std::string(name), absolute == name ? std::string() : std::move(absolute)};
}

ParamText flags_param(std::uint64_t raw, std::string names) {
  return {raw == 0 ? "0" : hex(raw), raw == 0 && names == "0" ? std::string() : std::move(names)};
}

std::optional<ParamText> open_param(const Open& open, std::string_view name) {
  if (name == "fd") {
    if (open.ret < 0) return result_param(open.ret);
    return ParamText{std::to_string(open.ret), std::string(S_ISDIR(open.file.mode) ? "<d>" : "<f>") + std::string(open.path)};
  }
  if (name == "dirfd") return dirfd_param(open.dirfd);
  if (name == "name") {
    // A call that succeeded has the kernel's path: no need to guess what a relative name or a symlink meant.
    if (open.ret >= 0 && !open.path.empty() && open.name != open.path)
      return ParamText{std::string(open.name), std::string(open.path)};
    return path_param(open.base, open.name);
  }
  if (name == "flags") {
    std::string names = open_flags_text(open.flags);
    if (open.file.created) names += "|O_F_CREATED";
    if (open.file.upper_layer) names += "|FD_UPPER_LAYER";
    if (open.file.lower_layer) names += "|FD_LOWER_LAYER";
    return ParamText{std::to_string(open.flags), std::move(names)};
  }
  if (name == "creat_flags") return flags_param(0, "0");
  if (name == "mode")
    return ParamText{"0" + (open.mode == 0 ? std::string() : [&] {
                                         std::array<char, 16> text{};
                                         std::snprintf(text.data(), text.size(), "%o", open.mode);
                                         return std::string(text.data());
                                       }()),
                                       {}};
  if (name == "resolve") return flags_param(open.resolve, {});
  if (name == "dev") return ParamText{hex(open.file.dev), {}};
  if (name == "ino") return ParamText{std::to_string(open.file.ino), {}};
  return std::nullopt;
}

std::optional<ParamText> connect_param(const Connect& connect, std::string_view name) {
  if (name == "res") return result_param(connect.ret);
  if (name == "fd") return ParamText{std::to_string(connect.fd), fd_label(connect)};
  if (name == "tuple" || name == "addr") {
    std::string text = name == "tuple" ? socket_name(connect) : remote_name(connect);
    return ParamText{text.empty() ? "NULL" : std::move(text), {}};
  }
  return std::nullopt;
}

std::optional<ParamText> exec_param(const Event& event, const Context& context, std::string_view name);

std::optional<ParamText> paths_param(const Event& event, const Context& context, const Paths& paths, std::string_view name) {
  if (name == "res") return result_param(paths.ret);
  if (name == "target") return ParamText{std::string(paths.first), {}};
  if (name == "oldpath") return path_param(paths.first_base, paths.first);
  if (name == "filename") return path_param(paths.first_base, paths.first);
  if (name == "linkpath" || name == "newpath") return path_param(paths.second_base, paths.second);
  if (name == "olddir") return dirfd_param(paths.dirfds[0]);
  if (name == "newdir" || name == "linkdirfd") return dirfd_param(paths.dirfds[1]);
  if (name == "flags" && event.type == EventType::kLinkat) {
    std::string names;
    if ((paths.flags & AT_SYMLINK_FOLLOW) != 0) names = "AT_SYMLINK_FOLLOW";
    if ((paths.flags & AT_EMPTY_PATH) != 0) names += names.empty() ? "AT_EMPTY_PATH" : "|AT_EMPTY_PATH";
    return flags_param(paths.flags, std::move(names));
  }
  // An exec that failed left the caller as it was: the rest is the caller's.
  if (event.type == EventType::kExecve || event.type == EventType::kExecveat) return exec_param(event, context, name);
  return std::nullopt;
}

std::optional<ParamText> ptrace_param(const Event& event, const Context& context, const Ptrace& ptrace, std::string_view name) {
  if (name == "res") return result_param(ptrace.ret);
  if (name == "request") return ParamText{std::to_string(ptrace.request), std::string(ptrace_request_name(ptrace.request))};
  if (name == "addr") return ParamText{hex(ptrace.addr), {}};
  if (name == "data") return ParamText{hex(ptrace.data), {}};
  if (name == "pid") {
    const Process* target = ptrace.pid == 0 ? event.process : context.processes.find(ptrace.pid);
    return ParamText{std::to_string(ptrace.pid), target == nullptr ? std::string() : std::string(target->image->comm())};
  }
  return std::nullopt;
}

std::string vector_text(const Image& image) {
  std::string text;
  for (const std::string_view argument : image.arguments()) {
    text += argument;
    text += '.';
  }
  return text;
}

// What the process runs: of an exec that succeeded the new image.
std::optional<ParamText> exec_param(const Event& event, const Context& context, std::string_view name) {
  const Process* process = event.process;
  if (name == "res") return result_param(return_value(event).value_or(0));
  if (name == "tid") return ParamText{std::to_string(event.tid), process == nullptr ? "" : std::string(process->image->comm())};
  if (name == "pid") return ParamText{std::to_string(event.pid), process == nullptr ? "" : std::string(process->image->comm())};
  if (name == "ptid") {
    const Image* parent = process == nullptr ? nullptr : process->parent_image.get();
    return ParamText{std::to_string(event.ppid), parent == nullptr ? std::string() : std::string(parent->comm())};
  }
  if (name == "tty") return ParamText{std::to_string(event.creds.tty), {}};
  if (name == "uid") return ParamText{std::to_string(event.creds.uid), std::string(context.names.user_name(event.creds.uid))};
  if (name == "gid") return ParamText{std::to_string(event.creds.gid), std::string(context.names.group_name(event.creds.gid))};
  if (name == "loginuid") {
    if (event.creds.loginuid == 0xffffffff) return ParamText{"-1", "<NONE>"};
    return ParamText{std::to_string(event.creds.loginuid), std::string(context.names.user_name(event.creds.loginuid))};
  }
  if (name == "cap_effective") return ParamText{hex(event.creds.cap_effective), capabilities_text(event.creds.cap_effective)};
  if (name == "cap_permitted") return ParamText{hex(event.creds.cap_permitted), capabilities_text(event.creds.cap_permitted)};
  if (name == "cap_inheritable")
    return ParamText{hex(event.creds.cap_inheritable), capabilities_text(event.creds.cap_inheritable)};
  if (process == nullptr) return std::nullopt;
  const Image& image = *process->image;
  if (name == "exe") return ParamText{std::string(image.exe()), {}};
  if (name == "args") return ParamText{vector_text(image), {}};
  if (name == "cwd") return ParamText{std::string(image.cwd()), {}};
  if (name == "comm") return ParamText{std::string(image.comm()), {}};
  if (name == "vpgid") return ParamText{std::to_string(process->vpgid), {}};
  if (name == "pgid") return ParamText{std::to_string(process->pgid), {}};
  if (name == "exe_ino") return ParamText{std::to_string(image.file().ino), {}};
  if (name == "exe_ino_ctime") return ParamText{std::to_string(image.file().ctime_ns), {}};
  if (name == "exe_ino_mtime") return ParamText{std::to_string(image.file().mtime_ns), {}};
  if (name == "trusted_exepath") return ParamText{std::string(image.exe_path()), {}};
  if (name == "flags") {
    std::string names;
    std::uint64_t raw = 0;
    const auto add = [&](bool on, std::uint64_t bit, std::string_view flag) {
      if (!on) return;
      raw |= bit;
      if (!names.empty()) names += '|';
      names += flag;
    };
    add(exe_writable(event), 1U << 0U, "EXE_WRITABLE");
    add(image.file().upper_layer, 1U << 1U, "EXE_UPPER_LAYER");
    add(image.file().memfd, 1U << 2U, "EXE_FROM_MEMFD");
    add(image.file().lower_layer, 1U << 3U, "EXE_LOWER_LAYER");
    return ParamText{std::to_string(raw), std::move(names)};
  }
  return std::nullopt;
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

std::optional<ParamText> param_text(const Event& event, const Context& context, const Param& param) {
  if (const auto* open = std::get_if<Open>(&event.payload)) return open_param(*open, param.name);
  if (const auto* connect = std::get_if<Connect>(&event.payload)) return connect_param(*connect, param.name);
  if (const auto* paths = std::get_if<Paths>(&event.payload)) return paths_param(event, context, *paths, param.name);
  if (const auto* ptrace = std::get_if<Ptrace>(&event.payload)) return ptrace_param(event, context, *ptrace, param.name);
  if (std::holds_alternative<ProcessChange>(event.payload)) return exec_param(event, context, param.name);
  return std::nullopt;
}

}  // namespace shrike::event
