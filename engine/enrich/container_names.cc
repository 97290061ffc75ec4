// SPDX-License-Identifier: Apache-2.0
#include "engine/enrich/container_names.h"

#include <algorithm>
#include <charconv>
#include <fcntl.h>
#include <linux/openat2.h>
#include <optional>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/enrich/read_file.h"

namespace shrike::enrich {
namespace {

constexpr std::uint64_t kLookNs = 1'000'000'000;  // between two looks at a file
constexpr std::uint64_t kMissingNs = 10'000'000;  // the same, of one that was not there: the root may not be mounted yet
constexpr const char* kPaths[] = {"etc/passwd", "etc/group"};

bool same_file(const struct stat& a, const struct stat& b) { return a.st_dev == b.st_dev && a.st_ino == b.st_ino; }

// The id inside; nothing: it is not mapped there.
std::optional<std::uint32_t> inside(const std::vector<IdRange>& ranges, std::uint32_t id) {
  if (ranges.empty()) return id;
  for (const IdRange& range : ranges) {
    if (id >= range.outside && id - range.outside < range.count) return range.inside + (id - range.outside);
  }
  return std::nullopt;
}

std::string_view next_part(std::string_view& rest, char end) {
  const std::size_t at = std::min(rest.find(end), rest.size());
  const std::string_view found = rest.substr(0, at);
  rest.remove_prefix(std::min(at + 1, rest.size()));
  return found;
}

}  // namespace

void ContainerNames::look_in(const ContainerReading& reading) {
  rootfs_ = reading.rootfs;
  mounted_ = {reading.passwd, reading.group};
  ranges_ = {reading.uids, reading.gids};
  sources_ = {};
}

// Symlinks lead where they lead in the container, and not into another file system: what a container mounts, FUSE say, could make
// us wait.
UniqueFd ContainerNames::open_below(const std::string& root, File file) const {
  const UniqueFd directory(open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct stat here{}, host{};
  if (!directory || fstat(directory.get(), &here) != 0 || stat("/", &host) != 0 || same_file(here, host)) return {};
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  return reopen_regular(UniqueFd(static_cast<int>(syscall(SYS_openat2, directory.get(), kPaths[file], &how, sizeof(how)))));
}

UniqueFd ContainerNames::open_file(File file) const {
  if (!mounted_[file].empty()) return reopen_regular(UniqueFd(open(mounted_[file].c_str(), O_PATH | O_CLOEXEC | O_NOFOLLOW)));
  if (!rootfs_.empty()) {
    if (UniqueFd fd = open_below(rootfs_, file)) return fd;
  }
  return pid_ == 0 ? UniqueFd() : open_below("/proc/" + std::to_string(pid_) + "/root", file);
}

const ContainerNames::Entry& ContainerNames::get(File file, std::uint32_t id) const {
  static const Entry kNone;
  Source& source = sources_[file];
  const std::uint64_t now_ns = boot_time_ns();
  const auto known = source.entries.find(id);
  if (known != source.entries.end() && now_ns < source.next_look_ns) return known->second;
  if (source.size < 0 && now_ns < source.next_look_ns) return kNone;
  if (now_ns >= source.next_look_ns) source.reads = 0;
  // A container that changes among many users must not make us read for each of its events.
  if (source.reads >= kReadsMost) return kNone;

  const UniqueFd fd = open_file(file);
  struct stat status{};
  if (!fd || fstat(fd.get(), &status) != 0) {
    source = {};
    source.next_look_ns = now_ns + kMissingNs;
    return kNone;
  }
  const bool changed = status.st_ino != source.inode || status.st_dev != source.device || status.st_size != source.size ||
                       status.st_mtim.tv_sec != source.modified.tv_sec || status.st_mtim.tv_nsec != source.modified.tv_nsec;
  if (changed || source.entries.size() >= kEntriesMax) source.entries.clear();
  if (now_ns >= source.next_look_ns) source.next_look_ns = now_ns + kLookNs;
  source.modified = status.st_mtim;
  source.device = status.st_dev;
  source.inode = status.st_ino;
  source.size = status.st_size;
  if (const auto still = source.entries.find(id); still != source.entries.end()) return still->second;

  ++source.reads;
  Entry entry;
  const auto wanted = inside(ranges_[file], id);
  const auto text = wanted ? read_open_file(fd.get(), kFileMax) : std::nullopt;
  std::string_view rest = text ? std::string_view(text->text) : std::string_view();
  while (!rest.empty()) {
    std::string_view line = next_part(rest, '\n');
    const std::string_view name = next_part(line, ':');
    next_part(line, ':');  // the password
    const std::string_view number = next_part(line, ':');
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (error != std::errc() || end != number.data() + number.size() || value != *wanted || name.empty()) continue;
    entry.name = name.substr(0, kNameMax);
    if (file == kPasswd) {
      next_part(line, ':');  // gid
      next_part(line, ':');  // real name
      entry.home = next_part(line, ':').substr(0, kNameMax);
      entry.shell = line.substr(0, kNameMax);
    }
    break;
  }
  return source.entries.emplace(id, std::move(entry)).first->second;
}

}  // namespace shrike::enrich
