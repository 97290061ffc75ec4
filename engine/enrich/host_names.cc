// SPDX-License-Identifier: Apache-2.0
#include "engine/enrich/host_names.h"

#include <cerrno>
#include <cstdio>
#include <grp.h>
#include <memory>
#include <pwd.h>
#include <sys/stat.h>
#include <utility>
#include <vector>

namespace shrike::enrich {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

// Gives every entry of the file to `take`, in order. The C library goes back to the start of an entry that does not fit the
// buffer.
template <class Entry, class Next, class Take>
void read_entries(const std::string& path, Next next, Take take) {
  static constexpr std::size_t kEntryMax = 1U << 20U;
  const File file{std::fopen(path.c_str(), "re")};
  if (file == nullptr) return;
  std::vector<char> buffer(4096);
  for (bool first = true;;) {
    Entry entry{};
    Entry* found = nullptr;
    const int error = next(file.get(), &entry, buffer.data(), buffer.size(), &found);
    if (error == ERANGE && buffer.size() < kEntryMax) {
      buffer.resize(2 * buffer.size());
      continue;
    }
    if (error != 0) return;
    take(entry, std::exchange(first, false));
  }
}

}  // namespace

HostNames::HostNames(std::string passwd, std::string group) {
  users_.path = std::move(passwd);
  groups_.path = std::move(group);
  refresh();
}

bool HostNames::changed(Source& source) {
  struct stat now{};
  if (stat(source.path.c_str(), &now) != 0) return false;
  if (now.st_ino == source.inode && now.st_size == source.size && now.st_mtim.tv_sec == source.modified.tv_sec &&
      now.st_mtim.tv_nsec == source.modified.tv_nsec) {
    return false;
  }
  source.inode = now.st_ino;
  source.size = now.st_size;
  source.modified = now.st_mtim;
  return true;
}

void HostNames::refresh() {
  hosts_.refresh();
  if (changed(users_)) {
    read_entries<passwd>(users_.path, fgetpwent_r, [&](const passwd& entry, bool first) {
      if (first) users_.entries.clear();
      users_.entries.emplace(entry.pw_uid, Entry{entry.pw_name, entry.pw_dir, entry.pw_shell});
    });
  }
  if (changed(groups_)) {
    read_entries<group>(groups_.path, fgetgrent_r, [&](const group& entry, bool first) {
      if (first) groups_.entries.clear();
      groups_.entries.emplace(entry.gr_gid, Entry{entry.gr_name, {}, {}});
    });
  }
}

std::string_view HostNames::get(const Source& source, std::uint32_t id, std::string Entry::* what) {
  const auto found = source.entries.find(id);
  return found == source.entries.end() ? std::string_view() : std::string_view(found->second.*what);
}

std::string_view HostNames::user_name(std::uint32_t uid) const { return get(users_, uid, &Entry::name); }
std::string_view HostNames::group_name(std::uint32_t gid) const { return get(groups_, gid, &Entry::name); }
std::string_view HostNames::user_home(std::uint32_t uid) const { return get(users_, uid, &Entry::home); }
std::string_view HostNames::user_shell(std::uint32_t uid) const { return get(users_, uid, &Entry::shell); }

}  // namespace shrike::enrich
