// SPDX-License-Identifier: Apache-2.0
// Rows 157 to 166 of rule-language.md 7.5, numbered as there, and what 5.1 says besides.
#include <gtest/gtest.h>

#include "engine/act/make_alert.h"
#include "engine/match/matcher.h"
#include "tests/support/world.h"

namespace shrike::act {
namespace {

using Fields = std::vector<std::pair<std::string, FieldValue>>;

Alert alert_of(const std::string& output, const event::Event& event, test::World& world) {
  const program::Program program = test::compile_text(test::one_rule("evt.type = execve", output));
  match::Matcher matcher(program, world.context);
  const auto fired = matcher.match(event, match::Matching::kFirst);
  if (fired.size() != 1) return {};
  return make_alert(program, program.rules[fired[0]], event, world.context,
                    [&](std::uint32_t slot) -> const event::Value& { return matcher.value(slot); });
}

struct Row {
  int number;
  const char* output;
  const char* message;
};

TEST(OutputRows, Text) {
  test::World world;
  const event::Event bash = world.exec(world.process(7, "bash", {"bash", "a\nb"}));
  const event::Event sh = world.exec(world.process(8, "sh", {"sh"}));
  for (const Row& row : std::vector<Row>{{157, "n=%proc.name.", "n=sh."},
                                         {158, "%5proc.name!", "sh   !"},
                                         {162, "%fd.name", "<NA>"},
                                         {163, "%toupper(proc.name)", "SH"},
                                         {163, "%4toupper(proc.name)|", "SH  |"},
                                         {163, "[%toupper(proc.name)][x]", "[SH][x]"},
                                         {163, "%toupper(proc.name)[x]", "SH[x]"},
                                         {163, "%concat(proc.name, '-', \\\"%\\\")", "sh-%"},
                                         {163, "%getopt(('-v'), 'v')[v] %getopt(('-v', '-w'), 'vw')", "v (v,w)"},
                                         {163, "%basename(fd.name)", "<NA>"},
                                         {165, "* hello %proc.name", " hello sh"},
                                         {165, "*%proc.name *", "sh *"}}) {
    EXPECT_EQ(alert_of(row.output, sh, world).message, row.message) << row.number << ": " << row.output;
  }
  EXPECT_EQ(alert_of("%2proc.name!", bash, world).message, "ba!") << 159;
  // 166: the alert carries the bytes; the encoders make \n of them (tests/unit/outputs).
  EXPECT_EQ(alert_of("%proc.cmdline", bash, world).message, "bash a\nb") << 166;
}

TEST(OutputRows, Fields) {
  test::World world;
  const event::Event sh = world.exec(world.process(8, "sh", {"sh"}));
  EXPECT_EQ(alert_of("%fd.name", sh, world).fields, (Fields{{"fd.name", std::monostate{}}})) << 162;
  EXPECT_EQ(alert_of("%toupper(proc.name)", sh, world).fields, (Fields{{"proc.name", std::string("sh")}})) << 163;
  EXPECT_EQ(alert_of("%concat(proc.name, tolower(fd.name), 5) %9proc.name", sh, world).fields,
            (Fields{{"proc.name", std::string("sh")}, {"fd.name", std::monostate{}}}));
  EXPECT_EQ(alert_of("%len(\\\"abc\\\")", sh, world).fields, Fields{});
}

TEST(OutputRows, Refused) {
  struct Wrong {
    int number;
    const char* output;
    const char* says;
  };
  for (const Wrong& row : std::vector<Wrong>{{160, "100%", "% without a field"},
                                             {161, "100%% done", "% without a field"},
                                             {161, "100% done", "% without a field"},
                                             {164, "%fd.net", "\"fd.net\" can stand in conditions only"},
                                             {164, "%tolower(fd.net)", "can't stand in a transformer"},
                                             {0, "%no.such", "unknown field \"no.such\""},
                                             {0, "%tolower(no.such)", "unknown field \"no.such\""},
                                             {0, "%val(proc.name)", "val() can't stand in an output"},
                                             {0, "%tolower(proc.name", "\"(\" is never closed"},
                                             {0, "%tolower(proc.pid)", "tolower() takes a string, \"proc.pid\" is an int"},
                                             {0, "%container.mount.dest", "\"container.mount.dest\" needs an argument"},
                                             {0, "%99999proc.name", "width of an output field above 4096"}}) {
    const std::string found = test::diagnose_text(test::one_rule("evt.type = execve", row.output));
    EXPECT_NE(found.find("error: "), std::string::npos) << row.number << ": " << row.output;
    EXPECT_NE(found.find(row.says), std::string::npos) << row.number << ": " << row.output << '\n' << found;
  }
}

TEST(OutputRows, SpellingsOfTheirOwn) {
  test::World world;
  const event::Process& bash = world.family({"bash", "sshd", "systemd"});
  event::Event open = world.open(bash, "/etc/passwd");
  std::get<event::Open>(open.payload).file.dev = (8 << 20) | 1;
  open.type = event::EventType::kExecve;  // what alert_of asks for
  const Alert alert = alert_of("%proc.apid|%proc.apid[1]|%proc.aname|%fd.dev", open, world);
  const auto pid = [](const event::Process& process) { return std::to_string(process.pid); };
  EXPECT_EQ(alert.message, pid(bash) + '|' + pid(*bash.parent) + "|sshd systemd|800001");
  EXPECT_EQ(alert.fields[0], (Fields::value_type{"proc.apid", std::int64_t{bash.pid}}));
  EXPECT_EQ(alert.fields[3], (Fields::value_type{"fd.dev", std::string("800001")}));
}

TEST(OutputRows, ContainerInfoPrintsNothing) {
  test::World world;
  const Alert alert = alert_of("a %container.info b %proc.name", world.exec(world.process(8, "sh", {"sh"})), world);
  EXPECT_EQ(alert.message, "a  b sh");
  EXPECT_EQ(alert.fields, (Fields{{"proc.name", std::string("sh")}}));
}

}  // namespace
}  // namespace shrike::act
