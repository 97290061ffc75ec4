// SPDX-License-Identifier: Apache-2.0
#include "engine/act/make_alert.h"

#include <gtest/gtest.h>

#include "engine/match/matcher.h"
#include "tests/support/world.h"

namespace shrike::act {
namespace {

Alert alert_of(const std::string& output, const event::Event& event, test::World& world) {
  const program::Program program = test::compile_text(test::one_rule("evt.type in (execve, openat)", output));
  match::Matcher matcher(program, world.context);
  const auto fired = matcher.match(event, match::Matching::kFirst);
  if (fired.size() != 1) return {};
  return make_alert(program, program.rules[fired[0]], event, world.context,
                    [&](std::uint32_t slot) -> const event::Value& { return matcher.value(slot); });
}

TEST(MakeAlert, RendersFieldsAndTypesThem) {
  test::World world;
  event::Event event = world.exec(world.process(7, "sh", {"sh", "-c", "a\nb"}));
  event.creds.loginuid = 0xffffffff;
  const Alert alert = alert_of(
      "c=%proc.cmdline u=%user.uid l=%user.loginuid m=%proc.is_exe_from_memfd p=%proc.pname again=%user.uid", event, world);
  EXPECT_EQ(alert.message, "c=sh -c a\nb u=0 l=-1 m=false p=<NA> again=0") << "bytes as they came: escaping is the encoder's";
  EXPECT_EQ(alert.fields, (std::vector<std::pair<std::string, FieldValue>>{{"proc.cmdline", std::string("sh -c a\nb")},
                                                                           {"user.uid", std::uint64_t{0}},
                                                                           {"user.loginuid", std::int64_t{-1}},
                                                                           {"proc.is_exe_from_memfd", false},
                                                                           {"proc.pname", std::monostate{}}}));
  EXPECT_EQ(alert.rule, "R");
  EXPECT_EQ(alert.hostname, "testhost");
  EXPECT_EQ(alert.verdict, "alert");
}

TEST(MakeAlert, WidthsCutAndPad) {
  test::World world;
  const event::Event event = world.exec(world.process(7, "bash", {"bash"}));
  EXPECT_EQ(alert_of("%2proc.name! %6proc.name! %3fd.name!", event, world).message, "ba! bash  ! <NA!");
}

TEST(MakeAlert, AncestorsWithoutIndexAreBlankJoined) {
  test::World world;
  const event::Event event = world.exec(world.family({"bash", "sshd", "systemd"}));
  const Alert alert = alert_of("a=%proc.aname b=%proc.aname[2]", event, world);
  EXPECT_EQ(alert.message, "a=sshd systemd b=systemd");
  EXPECT_EQ(alert.fields[0], (std::pair<std::string, FieldValue>{"proc.aname", std::string("sshd systemd")}));
}

TEST(MakeAlert, OtherNamesOfTheObjectAreAnArray) {
  test::World world;
  event::Event event = world.open(world.process(7, "cat", {"cat"}), "/mnt/shadow");
  const std::string_view names[] = {"/etc/shadow", "/srv/b"};
  event.names = names;
  const FieldValue want = std::vector<std::string>{"/etc/shadow", "/srv/b"};
  const Alert alert = alert_of("f=%fd.name", event, world);
  EXPECT_EQ(alert.message, "f=/mnt/shadow");
  EXPECT_EQ(alert.fields.back(), (std::pair<std::string, FieldValue>{"fd.names", want}));
  const Alert asked = alert_of("n=%fd.names f=%fd.name", event, world);
  EXPECT_EQ(asked.message, "n=/etc/shadow /srv/b f=/mnt/shadow");
  EXPECT_EQ(asked.fields[0], (std::pair<std::string, FieldValue>{"fd.names", want}));
  EXPECT_EQ(asked.fields.size(), 2U) << "once";
}

TEST(UuidV7, BeginsWithTheTimeAndNeverRepeats) {
  const std::string first = uuid_v7(1'700'000'000'123'456'789);
  EXPECT_EQ(first.substr(0, 15), "018bcfe5-687b-7");
  EXPECT_NE(std::string("89ab").find(first[19]), std::string::npos);
  EXPECT_NE(first, uuid_v7(1'700'000'000'123'456'789));
  EXPECT_LT(first, uuid_v7(1'700'000'000'124'456'789)) << "sorted by time";
}

}  // namespace
}  // namespace shrike::act
