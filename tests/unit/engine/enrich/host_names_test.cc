// SPDX-License-Identifier: Apache-2.0
#include "engine/enrich/host_names.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

namespace shrike::enrich {
namespace {

TEST(HostNames, ReadsFilesAndFollowsChanges) {
  const auto dir = std::filesystem::temp_directory_path() / ("shrike-names-" + std::to_string(getpid()));
  std::filesystem::create_directory(dir);
  const std::string passwd = dir / "passwd", group = dir / "group";
  std::ofstream(passwd) << "root:x:0:0::/root:/bin/bash\nbob:x:1000:1000::/home/bob:/bin/sh\nbroken line\n";
  std::string members = "bob";
  for (int i = 0; i < 3000; ++i) members += ",member" + std::to_string(i);
  std::ofstream(group) << "big:x:3:" << members << "\nadm:x:4:bob\n";
  HostNames names(passwd, group);
  EXPECT_EQ(names.user_name(1000), "bob");
  EXPECT_EQ(names.user_name(1001), "");
  EXPECT_EQ(names.user_home(1000), "/home/bob");
  EXPECT_EQ(names.user_shell(1000), "/bin/sh");
  EXPECT_EQ(names.group_name(3), "big") << "an entry of 30 KB";
  EXPECT_EQ(names.group_name(4), "adm");
  std::ofstream(passwd) << "root:x:0:0::/root:/bin/bash\neve:x:1001:1001::/:/bin/sh\n";
  names.refresh();
  EXPECT_EQ(names.user_name(1001), "eve");
  EXPECT_EQ(names.user_name(1000), "");
  std::filesystem::remove(passwd);
  names.refresh();
  EXPECT_EQ(names.user_name(1001), "eve") << "an unreadable file leaves the names as they were";
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace shrike::enrich
