// SPDX-License-Identifier: Apache-2.0
#include "engine/enrich/host_names.h"

#include <cstdio>
#include <grp.h>
#include <memory>
#include <pwd.h>
#include <sys/stat.h>

namespace shrike::enrich {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

}  // namespace

HostNames::HostNames(std::string passwd, std::string group) {
  users_.path = std::move(passwd);
  groups_.path = std::move(group);
  refresh();
}

bool HostNames::changed(Source& source) {
  struct stat now {};
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
  if (changed(users_)) {
    if (const File file{std::fopen(users_.path.c_str(), "re")}) {
      users_.names.clear();
      while (const passwd* entry = fgetpwent(file.get())) users_.names.emplace(entry->pw_uid, entry->pw_name);
    }
  }
  if (changed(groups_)) {
    if (const File file{std::fopen(groups_.path.c_str(), "re")}) {
      groups_.names.clear();
      while (const group* entry = fgetgrent(file.get())) groups_.names.emplace(entry->gr_gid, entry->gr_name);
    }
  }
}

std::string_view HostNames::name(const Source& source, std::uint32_t id) {
  const auto found = source.names.find(id);
  return found == source.names.end() ? std::string_view() : std::string_view(found->second);
}

std::string_view HostNames::user_name(std::uint32_t uid) const { return name(users_, uid); }
std::string_view HostNames::group_name(std::uint32_t gid) const { return name(groups_, gid); }

}  // namespace shrike::enrich
