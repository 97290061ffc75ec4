// SPDX-License-Identifier: Apache-2.0
#include "tests/enforce/full_tier.h"

#include <unistd.h>

#include <filesystem>
#include <memory>

namespace shrike::test {
namespace {

std::unique_ptr<FullTierWorld>& the_world() {
  static std::unique_ptr<FullTierWorld> world;
  return world;
}

// Stops the daemon before main() returns, when gtest still takes failures.
class EndOfWorld : public testing::Environment {
 public:
  void TearDown() override { FullTierWorld::end(); }
};
testing::Environment* const end_of_world = testing::AddGlobalTestEnvironment(new EndOfWorld);

}  // namespace

Names prepare(Place& place) {
  Names names;
  names.connect_port = place.listening_port();
  names.address_port = place.listening_port();
  names.other_address_port = place.listening_port();
  names.other_port = place.listening_port();
  names.send_port = place.free_port();
  names.bind_port = place.free_port();
  names.cgroup = place.make_cgroup("shrike-in");
  names.other_cgroup = place.make_cgroup("shrike-out");
  names.container = place.make_cgroup("docker-" + std::string(40, 'a') + std::string(24, '7') + ".scope");
  return names;
}

void make_files(Place& place) {
  for (const char* name : {"write/file",     "write/truncated", "write2/file", "read/file",     "read/file2",    "near/user",
                           "near/name",      "near/exepath",    "near/parent", "near/ancestor", "near/cgroup",   "near/container",
                           "near/host",      "kill/file",       "several/mb",  "several/bm",    "several/bk",    "several/kb",
                           "several/failed", "ways/target",     "tree/secret", "tree/sub/deep", "elsewhere/file"})
    place.file(name);
  for (const char* name : {"bin/forbidden", "bin/allowed", "bin/killed", "bin/interpreter", "bin/other-interpreter"})
    place.program(name);
  for (const char* name : {"bin/bad-name", "bin/good-name", "bin/bad-exe", "bin/good-exe"}) place.program(name, "open");
  std::filesystem::permissions(place.file("script/forbidden-interpreter", "#!" + place.path("bin/interpreter") + "\n"),
                               std::filesystem::perms{0755});
  std::filesystem::permissions(place.file("script/named", "#!" + place.path("bin/other-interpreter") + "\n"),
                               std::filesystem::perms{0755});
  std::filesystem::create_hard_link(place.path("ways/target"), place.path("elsewhere/link-before"));
  std::filesystem::create_symlink(place.path("ways/target"), place.path("elsewhere/symlink"));
  std::filesystem::create_directory_symlink(place.path("tree"), place.path("elsewhere/tree-symlink"));
  if (!place.bind_mount(place.path("tree"), place.path("mount-before"))) ADD_FAILURE() << "no bind mount";
}

std::string full_tier_rules(const Place& place, const Names& names) {
  const auto at = [&](const char* name) { return place.path(name); };
  const auto opened = [&](const char* name) { return joined(kOpen, " and evt.is_open_read=true and fd.name=", at(name)); };
  std::string text;
  const auto add = [&](const auto&... parts) { text += yaml(parts...); };

  // One for every operation.
  add("Exec", joined(kExec, " and proc.exepath=", at("bin/forbidden")));
  add("Write", joined(kOpen, " and evt.is_open_write=true and fd.name startswith ", at("write/")));
  add("Read", opened("read/file"));
  add("Connect", joined("evt.type=connect and fd.sport=", names.connect_port));
  add("Send", joined(kSend, " and fd.sport=", names.send_port));
  add("Bind", joined("evt.type=bind and fd.sport=", names.bind_port));
  add("Kill write", joined(kOpen, " and evt.is_open_write=true and fd.name startswith ", at("kill/")), "kill");
  add("Kill exec", joined(kExec, " and proc.exepath=", at("bin/killed")), "kill");

  // By subject.
  add("User", opened("near/user") + " and user.uid=33");
  add("Name", opened("near/name") + " and proc.name=bad-name");
  add("Exepath", opened("near/exepath") + " and proc.exepath=" + at("bin/bad-exe"));
  add("Parent", opened("near/parent") + " and proc.pname=bad-parent");
  add("Ancestor", opened("near/ancestor") + " and proc.aname=bad-ancestor");
  add("Cgroup", opened("near/cgroup") + " and cgroup.path=" + names.cgroup);
  add("Container", opened("near/container") + " and container.id!=host");
  add("Host", opened("near/host") + " and container.id=host");
  add("Address", joined("evt.type=connect and fd.sport=", names.address_port, " and fd.snet=127.0.0.1/32"));
  add("Other address", joined("evt.type=connect and fd.sport=", names.other_address_port, " and fd.snet=127.0.0.2/32"));

  // Several rules about one event, in both orders.
  add("Monitor first", opened("several/mb"), "block", "monitor");
  add("Enforce second", opened("several/mb"));
  add("Enforce first", opened("several/bm"));
  add("Monitor second", opened("several/bm"), "block", "monitor");
  add("Block first", opened("several/bk"));
  add("Kill second", opened("several/bk"), "kill");
  add("Kill first", opened("several/kb"), "kill");
  add("Block second", opened("several/kb"));
  add("Refused open", opened("several/failed"));
  add("Failed open", joined(kOpen, " and evt.res=EPERM and fd.name=", at("several/failed")), "");

  // Ways round.
  add("Target", opened("ways/target"));
  add("Tree", joined(kOpen, " and evt.is_open_read=true and fd.name startswith ", at("tree/")));
  add("Interpreter", joined(kExec, " and proc.exepath=", at("bin/interpreter")));
  add("Script by name", joined(kExec, " and proc.exepath=", at("script/named")));
  return text;
}

FullTierWorld::FullTierWorld(const std::string& of) : mode(of) {
  if (!suite.place.failure().empty()) return;
  names = prepare(suite.place);
  make_files(suite.place);
  suite.start(full_tier_rules(suite.place, names), mode);
}

FullTierWorld& FullTierWorld::get(const std::string& mode) {
  if (!the_world() || the_world()->mode != mode) {
    end();
    the_world() = std::make_unique<FullTierWorld>(mode);
  }
  return *the_world();
}

void FullTierWorld::end() { the_world().reset(); }

}  // namespace shrike::test
