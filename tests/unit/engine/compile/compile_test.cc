// SPDX-License-Identifier: Apache-2.0
// Types, event sets, outputs, availability: what compile says of a rule.
#include "engine/compile/compile.h"

#include <gtest/gtest.h>

#include "tests/support/world.h"

namespace shrike::compile {
namespace {

std::string events_of(const std::string& condition) {
  const program::Program program = test::compile_text(test::one_rule(condition));
  if (program.rules.empty()) return "no rule";
  if (program.rules[0].any_event) return program.rules[0].events == event::all_event_types() ? "ALL" : "ALL but some";
  std::string text;
  for (std::size_t type = 1; type < event::event_types().size(); ++type) {
    if (program.rules[0].events.test(type)) text += (text.empty() ? "" : ",") + std::string(event::event_types()[type].name);
  }
  return text.empty() ? "none" : text;
}

TEST(EventSet, RowsOfTheReference) {  // rule-language.md 7.6
  EXPECT_EQ(events_of("evt.type = open"), "open");
  EXPECT_EQ(events_of("not evt.type = open"), "ALL but some");
  EXPECT_EQ(events_of("evt.type in (open, openat) and evt.type != open"), "openat");
  EXPECT_EQ(events_of("evt.type = open or proc.name = x"), "ALL");
  EXPECT_EQ(events_of("not (evt.type = open and proc.name = x)"), "ALL");
  EXPECT_EQ(events_of("evt.type startswith open"), "ALL");
  EXPECT_EQ(events_of("evt.type = anyof (open, openat)"), "ALL");
  EXPECT_EQ(events_of("evt.num = 0"), "none");
  EXPECT_EQ(events_of("evt.type = connect or (evt.num = 0)"), "connect");
  EXPECT_EQ(events_of("evt.type = connect and not (evt.num = 0)"), "connect");
}

struct Wrong {
  const char* condition;
  const char* message;
};

TEST(CheckTypes, Refuses) {  // rule-language.md 7.1 from row 46 on, and the tables of 2.3 to 2.5 and 2.9
  for (const Wrong& row : std::vector<Wrong>{
           {"proc.nmae = cat", "unknown field \"proc.nmae\""},
           {"proc.name regex \"(?i)sh\"", "invalid regex"},
           {"evt.type = opne", "unknown event type \"opne\""},
           {"evt.type in (open, opne)", "unknown event type \"opne\""},
           {"evt.arg.nosuch = 1", "unknown event argument \"nosuch\""},
           {"proc.duration contains 5", "operator contains is not supported for \"proc.duration\", a duration"},
           {"evt.is_open_read = 1", "\"1\" is not a valid bool"},
           {"fd.net = 10.0.0.1", "\"10.0.0.1\" is not a network"},
           {"fd.sip in (10.0.0.0/8)", "\"10.0.0.0/8\" is not a valid IPv4 address"},
           {"evt.buffer bcontains abc", "odd number of hex digits"},
           {"evt.num = 0x10", "is not a valid number"},
           {"evt.num = 1.5", "is not a valid number"},
           {"fd.sport = 70000", "\"70000\" is out of range for \"fd.sport\""},
           {"user.uid = -1", "\"-1\" is out of range for \"user.uid\""},
           {"proc.name[1] = x", "takes no argument"},
           {"container.mount.dest = x", "needs an argument"},
           {"proc.aname[x] = y", "takes a number"},
           {"fd.snet = \"10.0.0.0/33\"", "no valid prefix length"},
           {"proc.name = val(proc.tty)", "\"proc.name\" is a string, \"proc.tty\" a uint"},
           {"proc.aname = val(proc.name)", "can't be compared with another field"},
           {"proc.name bcontains ab", "operator bcontains is not supported"},
           {"fd.sip contains 1", "operator contains is not supported"},
       }) {
    const std::string found = test::diagnose_text(test::one_rule(row.condition));
    EXPECT_NE(found.find(row.message), std::string::npos) << row.condition << "\n" << found;
    EXPECT_NE(found.find("test.yaml:4:"), std::string::npos) << "the condition's own line: " << found;
  }
}

TEST(CheckTypes, ConstantsAreBounded) {
  const std::string long_text(256, 'a');
  EXPECT_EQ(test::diagnose_text(test::one_rule("evt.type = execve and proc.name = " + long_text.substr(1))), "");
  for (const std::string& condition :
       {"proc.name = " + long_text, "proc.name in (a, '" + long_text + "')", "concat(proc.name, '" + long_text + "') = a"}) {
    EXPECT_NE(test::diagnose_text(test::one_rule(condition)).find("filter parameter too long"), std::string::npos) << condition;
  }
}

TEST(CheckTypes, PointsAtTheField) {
  EXPECT_EQ(test::diagnose_text(
                "- rule: R\n  desc: d\n  condition: evt.type = execve and proc.nmae = cat\n  output: x\n  priority: INFO\n"),
            "shrike: test.yaml:3:36: error: unknown field \"proc.nmae\"\n"
            "  3 |   condition: evt.type = execve and proc.nmae = cat\n"
            "    |                                    ^\n"
            "  hint: did you mean proc.name?\n");
}

TEST(CheckTypes, RemarksOnFieldsAsText) {
  const std::string found = test::diagnose_text(test::one_rule("evt.type = execve and proc.name = proc.pname"));
  EXPECT_NE(found.find("warning"), std::string::npos);
  EXPECT_NE(found.find("val(proc.pname)"), std::string::npos);
}

TEST(CheckTypes, SkipIfUnknownFilterForgivesUnknownFieldsOnly) {
  const auto rule = [](const std::string& condition) {
    return "- rule: R\n  desc: d\n  condition: " + condition +
           "\n  output: x\n  priority: INFO\n  skip-if-unknown-filter: true\n";
  };
  EXPECT_NE(test::diagnose_text(rule("no.such = 1")).find("warning"), std::string::npos);
  EXPECT_EQ(test::diagnose_text(rule("no.such = 1")).find("error"), std::string::npos);
  EXPECT_NE(test::diagnose_text(rule("evt.arg.nosuch = 1")).find("error"), std::string::npos);
}

std::string output_of(const std::string& output) {
  const program::Program program = test::compile_text(test::one_rule("evt.type = execve", output));
  if (program.rules.empty()) return "no rule";
  std::string text;
  for (const program::OutputPart& part : program.rules[0].output) {
    text += part.slot ? "{" + program.slots[*part.slot].text() + (part.width != 0 ? ":" + std::to_string(part.width) : "") + "}"
                      : part.literal;
  }
  return text;
}

TEST(Output, LongestFieldWins) {  // rule-language.md 7.5
  EXPECT_EQ(output_of("n=%proc.name."), "n={proc.name}.");
  EXPECT_EQ(output_of("%5proc.name!"), "{proc.name:5}!");
  EXPECT_EQ(output_of("%fd.name, %proc.nameX"), "{fd.name}, {proc.name}X");
  EXPECT_EQ(output_of("* hello %proc.name"), " hello {proc.name}") << "the star alone goes";
  EXPECT_EQ(output_of("%proc.aname[2]%evt.arg.flags"), "{proc.aname[2]}{evt.arg.flags}");
}

TEST(Output, Refuses) {
  for (const char* output : {"100%", "100%% done", "%no.such", "%fd.net", "% x"}) {
    EXPECT_NE(test::diagnose_text(test::one_rule("evt.type = execve", output)).find("LOAD"), 0U);
    EXPECT_NE(test::diagnose_text(test::one_rule("evt.type = execve", output)).find("error"), std::string::npos) << output;
  }
}

std::string availability_of(const std::string& condition) {
  program::Program program = test::compile_text(test::one_rule(condition));
  Capabilities capabilities;
  for (const auto type :
       {event::EventType::kExecve, event::EventType::kExecveat, event::EventType::kOpenat, event::EventType::kConnect}) {
    capabilities.events.set(event::index(type));
  }
  assess(program, capabilities);
  const program::Availability& found = program.rules.at(0).availability;
  switch (found.state) {
    case program::Availability::State::kActive:
      return "active";
    case program::Availability::State::kPartial:
      return "partial: " + found.reason;
    case program::Availability::State::kInactive:
      return "inactive: " + found.reason;
  }
  return {};
}

TEST(Assess, SaysWhatAHostCanMakeOfARule) {
  EXPECT_EQ(availability_of("evt.type = execve and proc.name = x"), "active");
  EXPECT_EQ(availability_of("evt.type in (connect, sendto)"), "partial: sendto");
  EXPECT_EQ(availability_of("evt.type = dup"), "inactive: events: dup");
  EXPECT_EQ(availability_of("evt.type = execve and container.id != host"), "inactive: containers");
  EXPECT_EQ(availability_of("evt.type = execve and not container.id = host and proc.name = x"), "inactive: containers");
  EXPECT_EQ(availability_of("evt.type = execve and k8s.ns.name = x"), "inactive: containers");
  EXPECT_EQ(availability_of("evt.type = execve and (container.id != host or proc.name = x)"), "active");
  EXPECT_EQ(availability_of("evt.type = execve and container.id = host"), "active");
  EXPECT_EQ(availability_of("evt.type = execve and not container.image.repository in (x)"), "active");
  EXPECT_EQ(availability_of("evt.type = execve and proc.env[A] = x"), "inactive: fields: proc.env[A]");
  EXPECT_EQ(availability_of("evt.type = execve and evt.num = 0"), "inactive: never true by its own text");
}

bool wants_failed_exec(const std::string& condition) {
  program::Program program = test::compile_text(test::one_rule(condition));
  Capabilities capabilities;
  capabilities.events.set(event::index(event::EventType::kExecve));
  capabilities.events.set(event::index(event::EventType::kOpenat));
  assess(program, capabilities);
  return program.wants_failed_exec();
}

TEST(Assess, AFailedExecIsWantedUnlessTheTextRulesItOut) {  // it costs a look at every system call
  EXPECT_TRUE(wants_failed_exec("evt.type = execve"));
  EXPECT_TRUE(wants_failed_exec("evt.type = execve and evt.res = ENOENT"));
  EXPECT_TRUE(wants_failed_exec("evt.type = execve and evt.res in (SUCCESS, ENOENT)"));
  EXPECT_TRUE(wants_failed_exec("evt.type = execve and not evt.res = SUCCESS"));
  EXPECT_TRUE(wants_failed_exec("evt.type = execve and (evt.failed = false or proc.name = x)"));
  EXPECT_FALSE(wants_failed_exec("evt.type = execve and evt.res = SUCCESS"));
  EXPECT_FALSE(wants_failed_exec("evt.type = execve and evt.rawres >= 0"));
  EXPECT_FALSE(wants_failed_exec("evt.type = execve and evt.failed = false"));
  EXPECT_FALSE(wants_failed_exec("evt.type = execve and not evt.failed = true"));
  EXPECT_FALSE(wants_failed_exec("evt.type = openat"));
}

TEST(Compile, SameChecksShareOnePredicate) {
  const program::Program program = test::compile_text(
      "- rule: A\n  desc: d\n  condition: evt.type = execve and proc.name = x\n  output: a\n  priority: INFO\n"
      "- rule: B\n  desc: d\n  condition: proc.name=x and evt.type=execve\n  output: b\n  priority: INFO\n");
  EXPECT_EQ(program.predicates.size(), 2U);
  EXPECT_EQ(program.slots.size(), 2U);
}

TEST(Compile, SuggestedOutputNamesTheContainer) {
  const program::Program program = test::compile_text(test::one_rule("evt.type = execve"), {});
  ASSERT_EQ(program.rules.size(), 1U);
  std::vector<std::string> keys;
  for (const program::OutputField& field : program.rules[0].output_fields) keys.push_back(field.key);
  EXPECT_EQ(keys, (std::vector<std::string>{"container.id", "container.name", "container.image.repository", "container.image.tag",
                                            "k8s.pod.name", "k8s.ns.name"}));
}

// Each names its place in the text, which took seconds for some thousand of them.
TEST(Compile, ErrorsOfOneRuleAndOfAllAreBounded) {
  std::string condition = "evt.type = nosuch";
  for (int i = 0; i < 2000; ++i) condition += " or proc.nosuch" + std::to_string(i) + " = x";
  std::string text = test::diagnose_text(test::one_rule(condition));
  EXPECT_NE(text.find("; 1951 more of this rule are not shown"), std::string::npos) << text.substr(0, 2000);
  EXPECT_EQ(text.find("proc.nosuch50\""), std::string::npos);
  std::string rules;
  for (int i = 0; i < 40; ++i) {
    std::string rule = test::one_rule(condition);
    rules += rule.replace(rule.find("rule: R") + 6, 1, "R" + std::to_string(i));
  }
  text = test::diagnose_text(rules);
  EXPECT_NE(text.find("more than 1000 errors"), std::string::npos);
  EXPECT_EQ(text.find("more than 1000 errors", text.find("more than 1000 errors") + 1), std::string::npos);
}

// The error is the last of many remarks that skip-if-unknown-filter forgives: it must not be among those not shown.
TEST(Compile, ForgivenProblemsHideNoError) {
  std::string condition = "evt.type = open";
  for (int i = 0; i < 100; ++i) condition += " or proc.nosuch" + std::to_string(i) + " = x";
  std::string rule = test::one_rule(condition + " or proc.pid = abc") + "  skip-if-unknown-filter: true\n";
  EXPECT_NE(test::diagnose_text(rule).find("error: \"abc\" is not a valid number"), std::string::npos);
}

}  // namespace
}  // namespace shrike::compile
