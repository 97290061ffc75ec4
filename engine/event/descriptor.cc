// SPDX-License-Identifier: Apache-2.0
#include "engine/event/descriptor.h"

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <iterator>
#include <sys/socket.h>
#include <sys/stat.h>

#include "engine/event/constants.h"
#include "engine/event/sockets.h"

namespace shrike::event {
namespace {

struct TypeText {
  std::string_view letter;
  std::string_view name;
};

// By FdType.
constexpr std::array<TypeText, static_cast<std::size_t>(FdType::kOther) + 1> kTexts = {{{"", ""},
                                                                                        {"f", "file"},
                                                                                        {"d", "directory"},
                                                                                        {"4", "ipv4"},
                                                                                        {"6", "ipv6"},
                                                                                        {"u", "unix"},
                                                                                        {"n", "netlink"},
                                                                                        {"p", "pipe"},
                                                                                        {"e", "event"},
                                                                                        {"l", "eventpoll"},
                                                                                        {"i", "inotify"},
                                                                                        {"s", "signalfd"},
                                                                                        {"t", "timerfd"},
                                                                                        {"b", "bpf"},
                                                                                        {"u", "userfaultfd"},
                                                                                        {"r", "io_uring"},
                                                                                        {"m", "memfd"},
                                                                                        {"P", "pidfd"},
                                                                                        {"o", "<NA>"}}};

const TypeText& text_of(FdType type) { return kTexts[static_cast<std::size_t>(type)]; }

struct AnonymousInode {
  std::string_view name;
  FdType type;
};

// As their makers name them (anon_inode_getfd and its kin; pidfs: "pidfd:[…]" since 6.9).
constexpr AnonymousInode kAnonymous[] = {
    {"[eventfd]", FdType::kEvent},    {"[eventpoll]", FdType::kEventpoll}, {"inotify", FdType::kInotify},
    {"[signalfd]", FdType::kSignal},  {"[timerfd]", FdType::kTimer},       {"[userfaultfd]", FdType::kUserfault},
    {"[io_uring]", FdType::kIoUring}, {"[pidfd]", FdType::kPidfd},         {"btf", FdType::kBpf}};

// Of a file: by its inode where that tells, by the kernel's name for it where there is no path.
FdType type_of(const FileIdentity& file, std::string_view path) {
  if (path.empty()) return FdType::kUnknown;
  if (file.memfd) return FdType::kMemfd;
  if (S_ISDIR(file.mode)) return FdType::kDirectory;
  if (path.starts_with('/')) return FdType::kFile;
  if (S_ISFIFO(file.mode)) return FdType::kPipe;
  static constexpr std::string_view kPrefix = "anon_inode:";
  if (path.starts_with(kPrefix)) path.remove_prefix(kPrefix.size());
  if (path.starts_with("bpf-") || path.starts_with("bpf_")) return FdType::kBpf;
  if (path.starts_with("pidfd:")) return FdType::kPidfd;
  const auto* known = std::ranges::find(kAnonymous, path, &AnonymousInode::name);
  if (known != std::end(kAnonymous)) return known->type;
  return S_ISREG(file.mode) && path.ends_with(']') && path.contains(":[") ? FdType::kFile : FdType::kOther;  // "net:[4026531840]"
}

FdType type_of(const Socket& socket) {
  switch (ip_version(socket)) {
    case 4:
      return FdType::kIpv4;
    case 6:
      return FdType::kIpv6;
    default:
      break;
  }
  if (socket.family == AF_UNIX || (socket.family == 0 && !socket.unix_path.empty())) return FdType::kUnix;
  if (socket.family == AF_NETLINK) return FdType::kNetlink;
  return socket.family == 0 ? FdType::kUnknown : FdType::kOther;
}

bool is_about_descriptor(const Event& event, const Call& call) {
  switch (event.type) {
    case EventType::kBpf:
      return call.ret < 0 || returns_descriptor(call.args[0]);
    case EventType::kSocket:
    case EventType::kUserfaultfd:
    case EventType::kDup:
    case EventType::kDup2:
    case EventType::kDup3:
    case EventType::kClose:
    case EventType::kFchmod:
    case EventType::kSetns:
    case EventType::kFinitModule:
      return true;
    default:  // also calls without parameters of their own
      return false;
  }
}

bool is_accept(EventType type) { return type == EventType::kAccept || type == EventType::kAccept4; }

Descriptor of_call(const Call& call) {
  Descriptor made;
  made.number = std::max(call.fd, -1);
  if (call.socket.family != 0) {
    made.type = type_of(call.socket);
    made.socket = &call.socket;
  } else {
    made.type = type_of(call.file, call.path);
    made.path = call.path;
  }
  if (made.type != FdType::kUnknown) made.file = &call.file;
  return made;
}

// A directory whose descriptor stands beside a path. The kernel's number for the working directory is none.
Descriptor of_directory(std::int32_t fd, std::string_view path) {
  const bool known = fd >= 0 && !path.empty();
  Descriptor made;
  made.number = fd;
  if (known) made.type = FdType::kDirectory, made.path = path;
  return made;
}

std::optional<Descriptor> of_paths(const Event& event, const Paths& paths) {
  switch (event.type) {
    case EventType::kUnlinkat:
    case EventType::kMkdirat:
    case EventType::kFchmodat:
      return of_directory(paths.dirfds[0], paths.first_base);
    case EventType::kSymlinkat:
      return of_directory(paths.dirfds[1], paths.second_base);
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<Descriptor> descriptor_of(const Event& event) {
  if (const auto* open = std::get_if<Open>(&event.payload)) {
    if (open->ret < 0) return Descriptor{};
    return Descriptor{.number = open->ret,
                      .type = S_ISDIR(open->file.mode) ? FdType::kDirectory : FdType::kFile,
                      .path = open->path,
                      .file = &open->file};
  }
  if (const auto* call = std::get_if<SocketCall>(&event.payload)) {
    const bool none = is_accept(event.type) && call->ret < 0;
    const FdType type = none ? FdType::kUnknown : type_of(call->socket);
    Descriptor made;
    made.number = none ? -1 : call->fd;
    made.type = type;
    made.socket = type == FdType::kUnknown ? nullptr : &call->socket;
    return made;
  }
  if (const auto* call = std::get_if<Call>(&event.payload))
    return is_about_descriptor(event, *call) ? std::optional(of_call(*call)) : std::nullopt;
  if (const auto* paths = std::get_if<Paths>(&event.payload)) return of_paths(event, *paths);
  return std::nullopt;
}

std::string_view type_name(FdType type) { return text_of(type).name; }

std::string_view type_letter(FdType type, EventType event) {
  if (type != FdType::kUnknown) return text_of(type).letter;
  switch (event) {
    case EventType::kOpen:
    case EventType::kOpenat:
    case EventType::kOpenat2:
    case EventType::kOpenByHandleAt:
    case EventType::kCreat:
      return "f";
    case EventType::kSocket:
    case EventType::kAccept:
    case EventType::kAccept4:
      return "4";
    default:
      return "o";
  }
}

std::string_view fd_label(Arena& arena, const Descriptor& descriptor) {
  if (descriptor.type == FdType::kUnknown) return {};
  const std::string_view letter = text_of(descriptor.type).letter;
  if (descriptor.socket == nullptr) return arena.concat("<", letter, ">", descriptor.path);
  const std::string_view protocol = l4_protocol(*descriptor.socket);
  const std::string_view kind = protocol == "tcp" ? "t" : protocol == "udp" ? "u" : "";
  return arena.concat("<", letter, kind, ">", socket_name(arena, *descriptor.socket));
}

}  // namespace shrike::event
