// SPDX-License-Identifier: Apache-2.0
// Types, event sets, outputs, availability: what compile says of a rule.
#include "engine/compile/compile.h"
#include "engine/compile/lower_program.h"

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

TEST(Opening, WhoNamesOpenOpenatAndOpenat2MeansOpenByHandleAtToo) {
  struct Row {
    const char* condition;
    bool more;
  };
  for (const Row& row : std::vector<Row>{
           {"evt.type in (open, openat, openat2)", true},
           {"evt.type in (open, openat, openat2, creat) and fd.num >= 0", true},
           {"evt.type = open or evt.type = openat or evt.type = openat2", true},
           {"evt.type in (openat, openat2) or (evt.type = open)", true},
           {"(evt.type in (open, openat, openat2) and fd.name = /x) or evt.type = connect", true},
           {"(evt.type = open or evt.type = openat) or evt.type = openat2", true},
           {"evt.type in (open, openat)", false},
           {"evt.type = open or evt.type = openat or (evt.type = openat2 and fd.name = /x)", false},
           {"not evt.type in (open, openat, openat2)", false},
           {"evt.type = connect", false},
       }) {
    SCOPED_TRACE(row.condition);
    const std::size_t by_handle = event::index(event::EventType::kOpenByHandleAt);
    const program::Program meant = test::compile_text(test::one_rule(row.condition));
    const program::Program letter =
        test::compile_text(test::one_rule(row.condition), {.suggested_output = false, .opening_is_opening = false});
    EXPECT_EQ(meant.rules[0].asked.test(by_handle), row.more);
    EXPECT_EQ(meant.rules[0].events, letter.rules[0].events) << "what `rules show` says stays Falco's";
    EXPECT_EQ(letter.rules[0].asked, letter.rules[0].events);
    EXPECT_EQ(meant.rules[0].condition, letter.rules[0].condition);
    EXPECT_FALSE(letter.opening_is_opening);
  }
}

TEST(Opening, ARuleThatCanNeverHoldThenSaysSo) {
  program::Program program =
      test::compile_text(test::one_rule("evt.type = open_by_handle_at and not evt.type in (open, openat, openat2)"));
  event::EventSet all = event::all_event_types();
  compile::assess(program, {.events = all});
  EXPECT_EQ(program.rules[0].availability.state, program::Availability::State::kInactive);
  EXPECT_EQ(program.rules[0].availability.reason, "never true once opening is opening");
}

TEST(NamedHosts, AreThoseOfRulesInForceOnly) {
  std::string text;
  for (const auto& [name, enabled] : {std::pair("on.example", "true"), std::pair("off.example", "false")})
    text += std::string("- {rule: ") + name + ", desc: d, condition: evt.type = connect and fd.sip.name = " + name +
            ", output: o, priority: INFO, enabled: " + enabled + "}\n";
  program::Program program = test::compile_text(text);
  compile::assess(program, {.events = event::all_event_types()});
  EXPECT_EQ(program.named_hosts(), std::set<std::string>{"on.example"});
}

TEST(Assess, ARuleOnACallToldByItsNameIsActive) {
  const auto state = [](const std::string& condition) {
    program::Program program = test::compile_text(test::one_rule(condition));
    event::EventSet generic;
    generic.set(event::index(*event::find_event_type("mount")));
    event::EventSet captured;
    captured.set(event::index(event::EventType::kOpenat));
    compile::assess(program, {.events = captured, .generic = generic});
    return program.rules[0].availability;
  };
  EXPECT_EQ(state("evt.type = mount and proc.name = x").state, program::Availability::State::kActive);
  EXPECT_EQ(state("evt.type = mount and evt.failed = true").reason, "fields: evt.failed") << "its result is not told";
}

TEST(EventSet, RowsOfTheReference) {  // rule-language.md 7.6, and what 3.2 says besides
  struct Row {
    int number;
    const char* condition;
    const char* events;
  };
  for (const Row& row : std::vector<Row>{
           {167, "evt.type = open", "open"},
           {168, "not evt.type = open", "ALL but some"},
           {169, "evt.type in (open, openat) and evt.type != open", "openat"},
           {170, "evt.type = open or proc.name = x", "ALL"},
           {171, "not (evt.type = open and proc.name = x)", "ALL"},
           {172, "evt.type startswith open", "ALL"},
           {173, "evt.type = anyof (open, openat)", "ALL"},
           {174, "evt.num = 0", "none"},
           {175, "evt.type = connect or (evt.num = 0)", "connect"},
           {0, "evt.type = connect and not (evt.num = 0)", "connect"},
           {0, "evt.type == connect", "connect"},
           {0, "syscall.type in (connect, bind)", "connect,bind"},
           {0, "evt.type = connect and evt.type exists", "connect"},
           {0, "not evt.type exists", "none"},
           {0, "evt.type intersects (open)", "ALL"},
           {0, "evt.num < 1", "none"},
           {0, "evt.num <= 0", "none"},
           {0, "evt.num in (0)", "none"},
           {0, "evt.num != 0", "ALL"},
           {0, "evt.num > 0", "ALL"},
           {0, "evt.num >= 0", "ALL"},
           {0, "evt.num >= 1", "ALL"},
           {0, "evt.num = 1", "ALL"},
           {0, "not evt.num >= 1", "none"},
           {0, "not evt.num >= 2", "ALL"},
           {0, "evt.num < 2", "ALL"},
           {0, "not evt.num > 1", "ALL"},
           {0, "evt.num < +5", "ALL"},
           {0, "not evt.num >= +5", "ALL"},
           {0, "evt.num < +1", "none"},
           {0, "evt.num < 18446744073709551615", "ALL"},
           {0, "not evt.num > 0 and evt.type = open", "none"},
           {0, "not (evt.type = open or evt.type = openat) and evt.type in (open, connect)", "connect"},
           {0, "tolower(evt.type) = open", "ALL"},
           {0, "not tolower(evt.type) = open", "ALL"},
           {0, "evt.type = open and proc.name = tolower(proc.pname)", "open"},
       }) {
    EXPECT_EQ(events_of(row.condition), row.events) << row.number << ": " << row.condition;
  }
  const auto warned = [](const std::string& condition) {
    return test::diagnose_text(test::one_rule(condition)).find("asked for nearly every event") != std::string::npos;
  };
  EXPECT_TRUE(warned("evt.type = open or proc.name = x")) << 170;
  EXPECT_FALSE(warned("evt.num = 0")) << 174;
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
           {"proc.duration contains 5", "'contains' operator not supported for \"proc.duration\", a duration"},
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
           {"proc.name bcontains ab", "'bcontains' operator not supported"},
           {"evt.type = val(proc.name)", "\"evt.type\" compares with constants only"},
           {"evt.type = tolower(proc.name)", "\"evt.type\" compares with constants only"},
           {"syscall.type in getopt((\"-v\"), \"v\")", "compares with constants only"},
           {"proc.name regex val(proc.pname)", "regex compares with constants only"},
           {"fd.name pmatch val(proc.name)", "pmatch compares with constants only"},
           {"proc.name in val(proc.pname)", "\"proc.pname\" is no list"},
           {"proc.name in tolower(proc.pname)", "tolower() is no list"},
           {"proc.name in getopt((\"-v\"), \"v\")", "\"proc.name\" is a string, getopt() a list of string"},
           {"fd.snet = val(fd.cnet)", "can't be compared with another field"},
           {"fd.sip = val(fd.cnet)", "can't be compared with another field"},
           {"fd.ip = val(fd.sip)", "can't be compared with another field"},
           {"proc.name = val(fd.sip.name)", "can't be compared with another field"},
           {"proc.pid = len(proc.name)", "\"proc.pid\" is an int, len() a uint"},
           {"getopt((\"-v\"), \"v\") = a", "'=' operator not supported for getopt(), a list of string"},
           {"len(proc.name) contains 1", "'contains' operator not supported for len(), a uint"},
           {"len(proc.name) = x", "\"x\" is not a valid number for len()"},
           {"len(proc.name) = -1", "\"-1\" is out of range for len()"},
           {"tolower(proc.pid) = a", "tolower() takes a string, \"proc.pid\" is an int"},
           {"tolower(proc.name, fd.name) = a", "tolower() takes one argument, not 2"},
           {"tolower((proc.name)) = a", "tolower() takes a string, a list is a list of string"},
           {"tolower(proc.name)[a] = a", "tolower() takes no argument in brackets"},
           {"b64(proc.pid) = a", "b64() takes a string or a buffer"},
           {"len(proc.pid) = 1", "len() takes a string, a buffer or a list"},
           {"join(proc.name) = a", "join() takes two arguments, not 1"},
           {"join(proc.name, fd.name) = a", "join() takes a string and then a list, \"fd.name\" is a string"},
           {"join(5, (proc.name)) = a", "join() takes a string and then a list, a constant is an int"},
           {"concat(proc.name) = a", "concat() takes two arguments or more"},
           {"concat(proc.name, (fd.name)) = a", "concat() takes single values"},
           {"getopt(proc.args, \"v\") intersects (a)", "getopt() takes a list and then a string, \"proc.args\" is a string"},
           {"getopt((1, 2), \"v\") intersects (a)", "getopt() takes a list of strings"},
           {"getopt((\"-v\"), \"v\")[vv] = a", "\"vv\" is no option letter"},
           {"tolower(proc.aname[1]) = a", "\"proc.aname\" can't stand in a transformer"},
           {"tolower(no.such) = a", "unknown field \"no.such\""},
           {"proc.name = tolower(no.such)", "unknown field \"no.such\""},
           {"proc.name = \"a\\x00\"", "a NUL byte"},
           {"proc.name regex \"a\\x00\"", "a NUL byte"},
           {"evt.num = 18446744073709551616", "is out of range for \"evt.num\""},
           {"fd.num = 9223372036854775808", "is out of range for \"fd.num\""},
           {"fd.num = -9223372036854775809", "is out of range for \"fd.num\""},
           {"fd.sport = \" 80\"", "is not a valid number"},
           {"fd.sport = nosuchservice", "is not a valid number"},
           {"evt.is_open_read = TRUE", "is not a valid bool"},
           {"evt.is_open_read > 1", "'>' operator not supported"},
           {"fd.sip = ::ffff:1.2.3.4", "is not a valid IPv4 address"},
           {"fd.sip = x", "is not a valid IPv6 address"},
           {"fd.sip < 1", "'<' operator not supported"},
           {"evt.buffer bcontains xy", "is not hexadecimal"},
           {"evt.around[1] > 5", "'>' operator not supported for \"evt.around\""},
           {"evt.around[1] = anyof (5, 6)", "\"evt.around\" takes one constant"},
           {"user.uid = 4294967296", "\"4294967296\" is out of range for \"user.uid\""},
           {"fd.num = 1e+3", "\"1e+3\" is not a valid number"},
           {"evt.buffer icontains a", "'icontains' operator not supported"},
           {"fd.sip contains 1", "'contains' operator not supported"},
       }) {
    const std::string found = test::diagnose_text(test::one_rule(row.condition));
    EXPECT_NE(found.find(row.message), std::string::npos) << row.condition << "\n" << found;
    EXPECT_NE(found.find("test.yaml:4:"), std::string::npos) << "the condition's own line: " << found;
  }
}

TEST(CheckTypes, Accepts) {
  for (const char* condition :
       {"fd.sport = https and fd.sport in (ssh, 80, \"\", http-alt)",
        "fd.num = -9223372036854775808 and fd.num = 9223372036854775807 and fd.num = +5", "evt.num = 18446744073709551615",
        "evt.buffer contains \"a\\x00b\"", "evt.buffer bcontains CAFEbabe",
        "len(evt.buffer) > 5 and b64(evt.buffer) contains \"a\\x00b\"", "b64(evt.buffer) bcontains cafe",
        "proc.name = anyof shells_as_text", "fd.snet in (\"10.0.0.5/8\", 10.0.0.0/32, fe80::/10)",
        "proc.name > val(proc.pname) and proc.name >= 5", "evt.around[1700000000000000000] = 5", "evt.around[1] exists",
        "proc.duration <= 5000000000", "len(concat(proc.name, fd.sip, fd.sport, evt.is_open_read)) > val(evt.num)"}) {
    const std::string found = test::diagnose_text(test::one_rule("evt.type = execve and " + std::string(condition)));
    EXPECT_EQ(found, "") << condition;
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

// The codes and places of a rule's findings, errors marked by '!'.
std::string findings(const std::string& text) {
  lang::Diagnostics diagnostics;
  lang::RuleSet set;
  lang::read_rule_file(std::make_shared<lang::SourceFile>(lang::SourceFile{"test.yaml", text}), set, diagnostics);
  (void)compile(set, {}, diagnostics);
  std::string all;
  for (const lang::Diagnostic& found : diagnostics.all()) {
    all += (all.empty() ? "" : " ") + std::string(found.severity == lang::Severity::kError ? "!" : "") + found.code.substr(5) +
           '@' + std::to_string(found.position.line) + ':' + std::to_string(found.position.column);
    EXPECT_FALSE(found.line.empty()) << found.message;
  }
  return all;
}

TEST(Compile, WarnsAsTheReferenceDoes) {  // rule-language.md 1.11
  const auto rule = [](const std::string& condition, const std::string& output = "x", const std::string& more = "") {
    return "- rule: R\n  desc: d\n  condition: " + condition + "\n  output: \"" + output + "\"\n  priority: INFO\n" + more;
  };
  const std::string skip = "  skip-if-unknown-filter: true\n";
  EXPECT_EQ(findings(rule("evt.type = open")), "");
  EXPECT_EQ(findings(rule("proc.name = x")), "NO_EVTTYPE@1:9");
  EXPECT_EQ(findings(rule("proc.name = x", "x", "  warn_evttypes: false\n")), "");
  EXPECT_EQ(findings(rule("evt.num = 0")), "");
  EXPECT_EQ(findings(rule("evt.type = open and evt.dir = <")), "DEPRECATED_ITEM@3:34");
  EXPECT_EQ(findings(rule("evt.type = open and evt.latency.ns > 1")), "DEPRECATED_ITEM@3:34");
  EXPECT_EQ(findings(rule("evt.type = open and not evt.wait_latency exists")), "DEPRECATED_ITEM@3:38");
  EXPECT_EQ(findings(rule("evt.type = open", "a %evt.dir")), "DEPRECATED_ITEM@4:15");
  EXPECT_EQ(findings(rule("evt.type = open", "a %container.info b")), "DEPRECATED_ITEM@4:14");
  EXPECT_EQ(findings(rule("evt.type = open and proc.name = proc.pname")), "COMPILE_CONDITION@3:46");
  EXPECT_EQ(findings(rule("evt.type = open and proc.name regex \"^sh$\"")), "COMPILE_CONDITION@3:50");
  // Fields of legacy plugins are unknown to us, and doubly so in such a comparison.
  EXPECT_EQ(findings(rule("evt.type = open and ka.verb = <NA>", "x", skip)), "UNSAFE_NA_CHECK@3:34 UNKNOWN_FILTER@3:34");
  EXPECT_EQ(findings(rule("evt.type = open and ka.verb = <NA>")), "UNSAFE_NA_CHECK@3:34 !ERR_COMPILE_CONDITION@3:34");
  // The first problem decides whether the rule is forgiven.
  EXPECT_EQ(findings(rule("no.such = 1 and proc.duration contains 5", "x", skip)), "UNKNOWN_FILTER@3:14");
  EXPECT_EQ(findings(rule("proc.duration contains 5 and no.such = 1", "x", skip)),
            "!ERR_COMPILE_CONDITION@3:28 !ERR_COMPILE_CONDITION@3:43");
  EXPECT_EQ(findings(rule("evt.type = nosuch", "x", skip)), "UNKNOWN_FILTER@3:25");
  EXPECT_EQ(findings(rule("evt.type = open", "%no.such", skip)), "UNKNOWN_FILTER@4:12");
  EXPECT_EQ(findings(rule("evt.type = open", "%no.such")), "!ERR_COMPILE_OUTPUT@4:12");
  EXPECT_EQ(findings(rule("evt.type = open", "100%", skip)), "!ERR_COMPILE_OUTPUT@4:15");
  // Disabled rules are checked too; a macro's fault is told once.
  EXPECT_EQ(findings(rule("no.such = 1", "x", "  enabled: false\n")), "!ERR_COMPILE_CONDITION@3:14");
  const std::string macro = "- macro: m\n  condition: evt.type = open and no.such = 1\n";
  EXPECT_EQ(findings(macro + rule("m") + "- rule: S\n  desc: d\n  condition: m\n  output: o\n  priority: INFO\n"),
            "!ERR_COMPILE_CONDITION@2:34");
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
    text += part.slot ? "{" + program.slot_text(*part.slot) + (part.width != 0 ? ":" + std::to_string(part.width) : "") + "}"
                      : program.texts[part.text];
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
  EXPECT_EQ(availability_of("evt.type = execve and container.id != host"), "active");
  EXPECT_EQ(availability_of("evt.type = execve and not container.id = host and container.image.repository = x"), "active");
  EXPECT_EQ(availability_of("evt.type = execve and container.id = 0123456789ab and not container.privileged = true"), "active");
  EXPECT_EQ(availability_of("evt.type = execve and k8s.rc.name = x"), "inactive: never true by its own text");
  EXPECT_EQ(availability_of("evt.type = execve and not proc.is_container_healthcheck = true"), "active");
  EXPECT_EQ(availability_of("evt.type = execve and evt.arg.target = x"), "inactive: fields: evt.arg.target");
  EXPECT_EQ(availability_of("evt.type = execve and evt.arg.cgroups contains x"), "inactive: fields: evt.arg.cgroups");
  EXPECT_EQ(availability_of("(evt.type = unlink and evt.arg.path = x) or (evt.type = openat and fd.name = x)"),
            "partial: unlink");
  EXPECT_EQ(availability_of("(evt.type = unlink and evt.arg.path = x) or (evt.type = openat and evt.arg.target = x)"),
            "inactive: fields: evt.arg.path");
  EXPECT_EQ(availability_of("evt.type = openat and not evt.arg.target = x"), "active");
  EXPECT_EQ(availability_of("evt.type = openat and not basename(evt.arg.target) = x"), "active");
  EXPECT_EQ(availability_of("evt.type = openat and evt.rawarg.mode = 0"), "active");
  EXPECT_EQ(availability_of("evt.type = openat and evt.arg[6] = x and evt.arg[7] = x"), "inactive: fields: evt.arg[7]");
  EXPECT_EQ(availability_of("evt.type = execve and k8s.ns.name = x"), "active");
  EXPECT_EQ(availability_of("evt.type = execve and proc.name = concat(tolower(k8s.rc.name), 'a')"),
            "inactive: never true by its own text");
  EXPECT_EQ(availability_of("evt.type = execve and tolower('A') = b"), "inactive: never true by its own text");
  EXPECT_EQ(availability_of("evt.type = execve and tolower('A') = a"), "active");
  EXPECT_EQ(availability_of("evt.type = execve and len(fd.types) > 1"), "inactive: fields: fd.types");
  EXPECT_EQ(availability_of("evt.type = execve and fd.types intersects (file)"), "inactive: fields: fd.types");
  EXPECT_EQ(availability_of("evt.type = execve and (container.id != host or proc.name = x)"), "active");
  EXPECT_EQ(availability_of("evt.type = execve and container.id = host"), "active");
  EXPECT_EQ(availability_of("evt.type = execve and not container.image.repository in (x)"), "active");
  EXPECT_EQ(availability_of("evt.type = openat and fd.types[3] intersects (file)"), "inactive: fields: fd.types[3]");
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

TEST(CheckTypes, TransformersAreBounded) {
  std::string many = "proc.name";
  for (int i = 0; i < 999; ++i) many += ", proc.name";
  EXPECT_EQ(test::diagnose_text(test::one_rule("evt.type = execve and len(concat(" + many.substr(11) + ")) > 5")), "");
  EXPECT_NE(test::diagnose_text(test::one_rule("evt.type = execve and len(concat(" + many + ")) > 5"))
                .find("len() of more than 1000 arguments"),
            std::string::npos);
  // Deep ones: their texts nest too.
  std::string rules;
  for (int rule = 0; rule < 200; ++rule) {
    std::string call = "proc.name";
    for (int i = 0; i < 900; ++i) call = "tolower(" + call + ")";
    rules += "- rule: R" + std::to_string(rule) + "\n  desc: d\n  condition: evt.type = execve and concat(" + call + ", '" +
             std::to_string(rule) + "') = a\n  output: x\n  priority: INFO\n";
  }
  const program::Program program = test::compile_text(rules);
  EXPECT_EQ(program.rules.size(), 200U);
  EXPECT_EQ(program.slots.size(), 1U + 1U + 900U + 200U) << "what is the same is one slot";
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
  for (const program::OutputField& field : program.rules[0].output_fields) keys.push_back(program.texts[field.key]);
  EXPECT_EQ(keys, (std::vector<std::string>{"container.id", "container.name", "container.image.repository", "container.image.tag",
                                            "k8s.pod.name", "k8s.ns.name"}));
}

// Each names its place in the text, which took seconds for some thousand of them.
TEST(Compile, ErrorsOfOneRuleAndOfAllAreBounded) {
  std::string condition = "evt.type = nosuch";
  for (int i = 0; i < 2000; ++i) condition += " or proc.nosuch" + std::to_string(i) + " = x";
  std::string text = test::diagnose_text(test::one_rule(condition));
  EXPECT_NE(text.find("; further ones of this rule are not shown"), std::string::npos) << text.substr(0, 2000);
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

// Ten bytes of a regex make a program of thousands of instructions.
TEST(Compile, RegexesOfASetAreBounded) {
  const auto rules = [](int each, int count) {
    std::string text;
    for (int i = 0; i < count; ++i) {
      std::string rule = test::one_rule("proc.name regex anyof (.{1000}" + std::to_string(i));
      for (int k = 1; k < each; ++k) rule.insert(rule.find("\n", rule.find("anyof")), ", .{1000}" + std::to_string(i * 1000 + k));
      rule.insert(rule.find("\n", rule.find("anyof")), ")");
      text += rule.replace(rule.find("rule: R") + 6, 1, "R" + std::to_string(i));
    }
    return test::diagnose_text(text);
  };
  EXPECT_EQ(rules(20, 1).find("error"), std::string::npos);
  EXPECT_NE(rules(1000, 1).find("the regexes of this check are too large"), std::string::npos);
  EXPECT_NE(rules(50, 20).find("the regexes of the rules up to here are too large"), std::string::npos);
}

// Looked for by name: each token among all before it, each name among all its beginnings.
TEST(Compile, LargeOutputsAreCheap) {
  std::string output = "*";
  for (int i = 0; i < 20'000; ++i) output += " %proc.aname[" + std::to_string(i) + ']';
  ProgramBuilder builder;
  EXPECT_EQ(builder.add_output(output)->fields.size(), 20'000U);
  EXPECT_FALSE(builder.add_output('%' + std::string(1'000'000, 'a')).has_value());
}

TEST(Compile, WarningsOfOneRuleAreBounded) {
  std::string condition = "evt.type = open";
  for (int i = 0; i < 1000; ++i) condition += " and evt.dir = <";
  const std::string text = test::diagnose_text(test::one_rule(condition));
  std::size_t found = 0;
  for (std::size_t at = text.find("deprecated"); at != std::string::npos; at = text.find("deprecated", at + 1)) ++found;
  EXPECT_EQ(found, 50U);
}

// An entry with a text for its value has no slot; slot 0 is here a transformer, which has no field.
TEST(Compile, FormatsOfAppendedFieldsSayWhatIsWanted) {
  for (const auto& [format, wanted] : {std::pair{"%proc.name", false}, {"%proc.name %fd.num", true}}) {
    Options options{.suggested_output = false};
    options.append_output.push_back({.extra_formats = {{"key", format}}});
    program::Program program =
        test::compile_text(test::one_rule("len(\"abc\") = 3 and evt.type = open and fd.num >= 0", "o"), options);
    ASSERT_EQ(program.rules.size(), 1U);
    assess(program, {});
    EXPECT_EQ(program.rules[0].wants_open_result, wanted) << format;
  }
}

}  // namespace
}  // namespace shrike::compile
