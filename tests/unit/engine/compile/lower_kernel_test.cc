// SPDX-License-Identifier: Apache-2.0
// Block and kill rules: what they become in the kernel, what is refused, and that the kernel's answer is the engine's.
#include "engine/compile/lower_kernel.h"

#include <algorithm>
#include <gtest/gtest.h>

#include "engine/compile/compile.h"
#include "engine/lang/rule_file.h"

namespace shrike::compile {
namespace {

using program::KernelPlan;

constexpr PlanOptions kFullEnforce{event::Tier::kFull, HostMode::kEnforce};

std::string rule(const std::string& name, const std::string& condition, const std::string& more = "  action: block\n") {
  return "- rule: " + name + "\n  desc: d\n  condition: " + condition + "\n  output: x\n  priority: WARNING\n" + more;
}

struct Outcome {
  Compiled compiled;
  std::string errors, warnings;  // message lines: "line:column: message | hint"
};

Outcome lower(const std::string& text, std::optional<PlanOptions> plan = kFullEnforce) {
  lang::Diagnostics diagnostics;
  lang::RuleSet set;
  lang::read_rule_file(std::make_shared<const lang::SourceFile>(lang::SourceFile{"t.yaml", text}), set, diagnostics);
  Outcome out;
  out.compiled = compile_rules(set, {.suggested_output = false, .plan = plan}, diagnostics);
  for (const lang::Diagnostic& found : diagnostics.all()) {
    std::string& to = found.severity == lang::Severity::kError ? out.errors : out.warnings;
    to += std::to_string(found.position.line) + ':' + std::to_string(found.position.column) + ": " + found.message +
          (found.hint.empty() ? "" : " | " + found.hint) + '\n';
    const bool is_error = found.severity == lang::Severity::kError;
    EXPECT_TRUE(found.code == (is_error ? "LOAD_ERR_COMPILE_CONDITION" : "LOAD_COMPILE_CONDITION") ||
                found.code == "LOAD_NO_EVTTYPE" || found.code == "LOAD_DEPRECATED_ITEM");
  }
  return out;
}

std::string plan_of(const std::string& text, PlanOptions options = kFullEnforce) {
  const Outcome out = lower(text, options);
  EXPECT_EQ(out.errors, "") << text;
  return out.compiled.plan.dump();
}

// The clauses alone.
std::string clauses_of_rule(const std::string& condition) {
  const Outcome out = lower(rule("R", condition));
  EXPECT_EQ(out.errors, "") << condition;
  std::string text;
  for (const KernelPlan::Clause& clause : out.compiled.plan.clauses)
    text += std::string(spelling(clause.operation)) + ' ' + std::to_string(clause.unit) + (clause.veto ? " - " : " + ") +
            clause.text + '\n';
  return text;
}

std::string errors_of(const std::string& condition) {
  const Outcome out = lower(rule("R", condition));
  EXPECT_TRUE(out.compiled.plan.empty());
  return out.errors;
}

const std::string kOpen = "evt.type in (open, openat, openat2)";
const std::string kExec = "evt.type in (execve, execveat)";

// --- golden plans

TEST(LowerKernel, PlanOfPaths) {
  EXPECT_EQ(
      plan_of(rule(
          "R",
          kOpen + " and fd.name startswith /etc/ and not fd.name in (/etc/mtab, /etc/ssh/x) and proc.exepath pmatch (/usr/bin)")),
      R"(rule 0: program rule 0 block enforce
clause 0: rule 0 unit 0 open fd.name startswith /etc/ and not fd.name in (/etc/mtab, /etc/ssh/x) and proc.exepath pmatch (/usr/bin)
open: all
exepath otherwise: none
exepath "/usr/bin": all
exepath "/usr/bin/": all
path otherwise: none
path "/etc/": all
path "/etc/mtab": all minus none
path "/etc/ssh/x": all minus none
)");
}

TEST(LowerKernel, PlanOfNamesAndRules) {
  EXPECT_EQ(
      plan_of(rule("A", kExec + " and proc.pname != sshd and proc.aname in (cron, nginx)", "  action: kill\n  mode: monitor\n") +
              rule("alerts", "evt.type = execve and proc.args contains x", "") +
              rule("B", kExec + " and not proc.aname = sshd and not user.uid = 0 or evt.type = connect and fd.sport < 4")),
      R"(rule 0: program rule 0 kill monitor
rule 1: program rule 2 block enforce
clause 0: rule 0 unit 0 exec proc.pname != sshd and proc.aname in (cron, nginx)
clause 1: rule 1 unit 1 exec not proc.aname = sshd and not user.uid = 0
clause 2: rule 1 unit 2 connect fd.sport < 4
exec: 0-1
connect: 2
pname otherwise: all
pname absent: 1-2
pname "sshd": 1-2
aname otherwise: 1-2
aname "cron": all
aname "nginx": all
aname "sshd": 1-2 minus 0 2
uid otherwise: all
uid 00000000/32: 0 2
port otherwise: 0-1
port 0000/14: all
)");
}

TEST(LowerKernel, PlanOfAddresses) {
  EXPECT_EQ(
      plan_of(
          rule("R", "evt.type = connect and (fd.snet in (\"::/0\", 10.0.0.0/8) and not fd.sip = 10.1.2.3) and fd.l4proto = tcp")),
      R"(rule 0: program rule 0 block enforce
clause 0: rule 0 unit 0 connect fd.snet in (::/0, 10.0.0.0/8) and not fd.sip = 10.1.2.3 and fd.l4proto = tcp
connect: all
address otherwise: all
address absent: none
address 00000000000000000000ffff00000000/101: none
address 00000000000000000000ffff08000000/103: none
address 00000000000000000000ffff0a010203/128: none
address 00000000000000000000ffff0b000000/104: none
address 00000000000000000000ffff0c000000/102: none
address 00000000000000000000ffff10000000/100: none
address 00000000000000000000ffff20000000/99: none
address 00000000000000000000ffff40000000/98: none
address 00000000000000000000ffff80000000/97: none
protocol otherwise: none
protocol value 0: none
protocol value 1: all
protocol value 2: none
protocol value 3: none
protocol value 4: none
)");
}

TEST(LowerKernel, FalcosOpenWrite) {
  const std::string macro =
      "- macro: open_write\n  condition: (evt.type in (open,openat,openat2) and evt.is_open_write=true and fd.typechar='f' and "
      "fd.num>=0)\n";
  EXPECT_EQ(plan_of(macro + rule("R", "open_write and fd.name = /etc/shadow")),
            R"(rule 0: program rule 0 block enforce
clause 0: rule 0 unit 0 open evt.is_open_write = true and fd.typechar = f and fd.name = /etc/shadow
open: all
access otherwise: none
access value 0: none
access value 1: none
access value 2: all
access value 3: all
access value 4: none
access value 5: none
access value 6: none
access value 7: none
path otherwise: none
path "/etc/shadow": all
)");
}

// --- normal form

TEST(LowerKernel, Clauses) {
  const std::string open = kOpen + " and ";
  EXPECT_EQ(clauses_of_rule(kExec), "exec 0 + every exec\n");
  EXPECT_EQ(clauses_of_rule(open + "(fd.name = /a or fd.name startswith /b/ or fd.name in (/c))"),
            "open 0 + (fd.name = /a or fd.name startswith /b/ or fd.name in (/c))\n")
      << "alternatives on one field are one literal";
  EXPECT_EQ(clauses_of_rule(open + "(fd.name = /a or user.uid = 0)"), "open 0 + fd.name = /a\nopen 0 + user.uid = 0\n");
  EXPECT_EQ(
      clauses_of_rule(open +
                      "fd.name = /a and not (proc.exepath = /x and user.uid = 0) and not (user.uid = 1 or proc.exepath = /y)"),
      "open 0 - proc.exepath = /x and user.uid = 0\nopen 0 + fd.name = /a and not user.uid = 1 and not proc.exepath = /y\n");
  EXPECT_EQ(clauses_of_rule(open + "fd.name = /a or " + open + "fd.name = /b and not (proc.exepath = /x and user.uid = 0)"),
            "open 0 + fd.name = /a\nopen 1 - proc.exepath = /x and user.uid = 0\nopen 1 + fd.name = /b\n")
      << "a veto holds for its own alternative only";
  EXPECT_EQ(
      clauses_of_rule(open + "proc.name = q and (fd.name = /a or (fd.name = /b and not (proc.exepath = /x and user.uid = 0)))"),
      "open 0 + proc.name = q and fd.name = /a\nopen 0 + proc.name = q and fd.name = /b and not proc.exepath = /x\n"
      "open 0 + proc.name = q and fd.name = /b and not user.uid = 0\n")
      << "nested: by the normal form";
  EXPECT_EQ(clauses_of_rule(open + "not (user.uid = 0 and not user.uid = 1) and fd.name = /a"),
            "open 0 + (not user.uid = 0 or user.uid = 1) and fd.name = /a\n");
  EXPECT_EQ(clauses_of_rule(open + "(user.uid = 0 or fd.name = /a) and (user.uid = 0 or fd.name = /a)"),
            "open 0 + user.uid = 0\nopen 0 + user.uid = 0 and fd.name = /a\nopen 0 + fd.name = /a\n")
      << "equal clauses are one";
  EXPECT_EQ(clauses_of_rule(open + "fd.name startswith /etc/ and fd.name in (/etc/a, /etc/b)"),
            "open 0 + fd.name in (/etc/a, /etc/b)\n")
      << "the narrower of two implies the other";
}

TEST(LowerKernel, SuccessIsTrueAtTheHook) {
  for (const char* condition : {"fd.num>=0",
                                "fd.num > -1",
                                "fd.num != -1",
                                "not fd.num < 0",
                                "evt.res=SUCCESS",
                                "evt.res != EACCES",
                                "evt.rawres>=0",
                                "evt.failed=false",
                                "not evt.failed=true",
                                "evt.dir=<",
                                "evt.res exists",
                                "not (evt.failed=true and fd.name=/x)",
                                "evt.source = syscall",
                                "evt.num > 0",
                                "not (evt.rawres < 0)",
                                "fd.num exists",
                                "fd.name exists",
                                "not fd.sip = 1.2.3.4",
                                "not fd.sip exists",
                                "not fd.port = 1",
                                "evt.type != connect"})
    EXPECT_EQ(clauses_of_rule(kOpen + " and fd.name = /a and " + condition), "open 0 + fd.name = /a\n") << condition;
  EXPECT_EQ(clauses_of_rule(kOpen + " and fd.name = /a and not (evt.res = SUCCESS and user.uid = 0)"),
            "open 0 + fd.name = /a and not user.uid = 0\n");
  EXPECT_EQ(clauses_of_rule("evt.type = connect and evt.rawres = 0"), "connect 0 + every connect\n");
}

TEST(LowerKernel, AFieldTheOperationLacksIsAbsent) {
  const Outcome out = lower(rule("R", kOpen + " and fd.sip = 1.2.3.4"));
  EXPECT_EQ(out.errors, "");
  EXPECT_EQ(out.warnings, "3:14: this block rule can never hold at a hook\n");
  EXPECT_TRUE(out.compiled.plan.empty());
  EXPECT_EQ(clauses_of_rule("(" + kOpen + " or evt.type = connect) and (fd.filename = a or fd.sip = 1.2.3.4)"),
            "open 0 + fd.filename = a\nconnect 1 + fd.sip = 1.2.3.4\n")
      << "";
}

// --- refused, with place, reason and what would work

struct Refused {
  std::string condition;
  std::string error;  // begins with; the condition begins in column 14 of line 3
};

TEST(LowerKernel, Refuses) {
  const std::string open = kOpen + " and ";
  const std::string exec = kExec + " and ";
  const std::string connect = "evt.type=connect and ";
  for (const Refused& row : std::vector<Refused>{
           {exec + "proc.args contains x",
            "3:49: \"proc.args\" is what the program says of itself and can change later: the kernel does not decide by it at "
            "exec | name the program: proc.exepath"},
           {exec + "proc.cmdline contains x", "3:49: \"proc.cmdline\" is what the program says of itself"},
           {exec + "proc.cwd = /tmp/",
            "3:49: the kernel does not decide by \"proc.cwd\" at exec | at exec it decides by: proc.exepath, proc.name, "
            "proc.pname, proc.aname, user.uid, cgroup.path, container.id"},
           {exec + "proc.pexepath = /bin/x",
            "3:49: the kernel does not decide by \"proc.pexepath\" at exec | the parent goes by proc.pname"},
           {exec + "proc.exepath endswith .sh",
            "3:49: the kernel does not decide endswith on \"proc.exepath\" in this version: it looks values up, whole or by "
            "directory | it has: = != in startswith pmatch (absolute paths; startswith a directory, with its slash; pmatch "
            "without globs)"},
           {open + "fd.name contains x", "3:54: the kernel does not decide contains on \"fd.name\""},
           {open + "fd.name glob /etc/*", "3:54: the kernel does not decide glob on \"fd.name\""},
           {open + "fd.name regex \"/etc/[a-z]+\"", "3:54: the kernel does not decide regex on \"fd.name\""},
           {exec + "proc.name startswith x",
            "3:49: the kernel does not decide startswith on \"proc.name\" in this version: it looks values up | it has: = != in"},
           {open + "fd.name startswith /etc",
            "3:73: \"/etc\" is no directory: the kernel does not decide by the beginning of a name | with its slash: startswith "
            "/etc/"},
           {open + "fd.name startswith /", "3:73: \"/\" is everything"},
           {open + "fd.name = etc/shadow",
            "3:64: \"etc/shadow\" is no path as the kernel writes them | absolute, without //, . and .. and without a slash at "
            "its end"},
           {open + "fd.name in (/a, /a//b)", "3:70: \"/a//b\" is no path"},
           {open + "fd.name = /a/../b", "3:64: \"/a/../b\" is no path"},
           {open + "fd.name = /etc/", "3:64: \"/etc/\" is no path"},
           {open + "fd.name pmatch (/etc, /va?/log)", "3:76: \"/va?/log\" is a glob"},
           {open + "fd.filename = a/b", "3:68: \"a/b\" has a slash"},
           {open + "fd.filename endswith .sh", "3:54: the kernel does not decide endswith on \"fd.filename\""},
           {open + "fd.directory = /etc",
            "3:54: the kernel does not decide by \"fd.directory\" at open | everything below a directory: fd.name startswith"},
           {exec + "proc.name = sixteen-bytes-xx",
            "3:61: \"sixteen-bytes-xx\" is longer than the 15 bytes the kernel keeps of a name: nothing is equal to it | its "
            "first 15 bytes: sixteen-bytes-x"},
           {exec + "proc.aname != x",
            "3:49: \"proc.aname != …\" asks for some ancestor of another name: the kernel does not decide it | if none may have "
            "the name: not proc.aname = …"},
           {exec + "proc.aname[2] = x",
            "3:49: the kernel does not decide by \"proc.aname[2]\" at exec | proc.pname or proc.aname[1]"},
           {exec + "proc.aname = a and proc.aname = b",
            "3:68: the kernel can't decide \"proc.aname = a\" and \"proc.aname = b\" together | one check of proc.aname"},
           {exec + "proc.name = anyof (a, b)", "3:49: the kernel does not decide anyof"},
           {exec + "proc.name = val(proc.pname)", "3:49: the kernel does not compare fields with each other"},
           {exec + "proc.name = tolower(proc.pname)",
            "3:49: the kernel does not compare fields with each other nor with transformers"},
           {exec + "tolower(proc.name) = a",
            "3:49: the kernel does not run transformers: \"tolower(proc.name)\" | compare the field itself with constants"},
           {exec + "not len(proc.name) > 3", "3:53: the kernel does not run transformers: \"len(proc.name)\""},
           {exec + "basename(proc.exepath) in (a, b)", "3:49: the kernel does not run transformers"},
           {exec + "tolower(evt.type) = execve", "3:49: the kernel does not run transformers"},
           {exec + "getopt((\"-v\"), \"v\") intersects (v)", "3:49: the kernel does not run transformers"},
           {exec + "fd.types in (file)", "3:49: the kernel does not decide by \"fd.types\", a list | compare single values"},
           {open + "not fd.types[3] intersects (file)", "3:58: the kernel does not decide by \"fd.types[3]\", a list"},
           {exec + "proc.pname exists", "3:49: \"proc.pname exists\" can't be decided by the kernel"},
           {exec + "user.name = root",
            "3:49: the kernel does not decide by \"user.name\" at exec | the user goes by number: user.uid"},
           {exec + "container.id = 0123456789ab", "3:49: the kernel tells only the host from containers"},
           {exec + "container.image.repository = x",
            "3:49: the kernel does not decide by \"container.image.repository\" at exec | container.id != host, or cgroup.path"},
           {exec + "evt.num > 5", "3:49: \"evt.num > 5\" counts events"},
           {connect + "fd.port = 22", "3:35: the kernel does not decide by \"fd.port\" at connect"},
           {connect + "fd.name = x", "3:35: the kernel does not decide by \"fd.name\" at connect"},
           {connect + "fd.typechar = 4", "3:35: the kernel does not decide by \"fd.typechar\" at connect"},
           {"evt.type = bind and fd.rip = 1.2.3.4", "3:34: the kernel does not decide by \"fd.rip\" at bind"},
           // results
           {open + "evt.failed = true",
            "3:54: \"evt.failed = true\" asks for a result that is not known when the kernel decides | leave it out"},
           {open + "not evt.failed = false", "3:58: \"evt.failed = false\" asks for a result"},
           {open + "evt.res = EACCES", "3:54: \"evt.res = EACCES\" asks for a result"},
           {open + "evt.res != SUCCESS", "3:54: \"evt.res != SUCCESS\" asks for a result"},
           {open + "evt.rawres = -13", "3:54: \"evt.rawres = -13\" asks for a result"},
           {open + "fd.num = 3", "3:54: \"fd.num = 3\" asks for a result"},
           {open + "not fd.num = 3", "3:58: \"fd.num = 3\" asks for a result"},
           {open + "evt.rawres > 0", "3:54: \"evt.rawres > 0\" asks for a result"},
           // operations
           {"evt.type = openat",
            "3:14: \"evt.type = openat\" names a part of the operation open; without open, openat2 | name all of it: evt.type in "
            "(open, openat, openat2)"},
           {"evt.type in (open, openat) and fd.name = /a",
            "3:14: \"evt.type in (open, openat)\" names a part of the operation open; without openat2"},
           {"evt.type = creat", "3:14: \"evt.type = creat\" names a part of the operation open; without open, openat, openat2"},
           {open + "evt.type != creat", "3:54: \"evt.type != creat\" names a part of the operation open"},
           {open + "evt.type endswith t", "3:54: \"evt.type endswith t\" names a part of the operation open"},
           {"evt.type = execve", "3:14: \"evt.type = execve\" names a part of the operation exec; without execveat"},
           {"evt.type = sendto", "3:14: \"evt.type = sendto\" names a part of the operation send; without sendmsg, sendmmsg"},
           {"evt.type in (execve, execveat, unlink, rename)",
            "3:14: the kernel has no hook here to refuse rename, unlink | operations are"},
           {"proc.exepath = /a", "3:14: a block rule must name its operations | operations are"},
       }) {
    const std::string errors = errors_of(row.condition);
    EXPECT_TRUE(errors.starts_with(row.error)) << row.condition << "\n" << errors << "expected " << row.error;
    EXPECT_EQ(std::ranges::count(errors, '\n'), 1) << errors;
  }
}

TEST(LowerKernel, ReportsEveryOffenderOnceWhereItStands) {
  const Outcome out =
      lower("- list: names\n  items: [a, sixteen-bytes-xx]\n- macro: m\n  condition: (proc.cwd = /x)\n" +
            rule("R", "(" + kExec + " or evt.type = connect) and m and proc.args contains y and proc.name in (names)"));
  EXPECT_EQ(
      out.errors,
      "4:15: the kernel does not decide by \"proc.cwd\" at exec (block rule \"R\") | at exec it decides by: proc.exepath, "
      "proc.name, proc.pname, proc.aname, user.uid, cgroup.path, container.id\n"
      "7:79: \"proc.args\" is what the program says of itself and can change later: the kernel does not decide by it at exec | "
      "name the program: proc.exepath = /usr/bin/…\n"
      "7:118: \"sixteen-bytes-xx\" is longer than the 15 bytes the kernel keeps of a name: nothing is equal to it | its first "
      "15 bytes: sixteen-bytes-x\n");
  EXPECT_EQ(lower(rule("R", "evt.type = unlink", "  action: block\n  enabled: false\n")).errors, "") << "disabled: not checked";
  EXPECT_EQ(lower(rule("R", "evt.type = openat", "")).errors, "") << "an alert rule";
  for (const auto& plan : {std::optional<PlanOptions>(), std::optional(PlanOptions{event::Tier::kTracing, HostMode::kDetect})})
    EXPECT_NE(lower(rule("R", "evt.type = openat"), plan).errors, "") << "whatever the host";
}

TEST(LowerKernel, CapIsAnErrorNotATruncation) {
  std::string pairs = kOpen;
  for (int i = 0; i < 11; ++i) pairs += " and (fd.name = /a" + std::to_string(i) + " or user.uid = " + std::to_string(i) + ")";
  EXPECT_TRUE(errors_of(pairs).starts_with("3:14: this condition becomes 2048 clauses in the kernel, which holds 1024 | "))
      << errors_of(pairs);
  for (int i = 0; i < 60; ++i)
    pairs += " and (proc.exepath = /b" + std::to_string(i) + " or proc.name = c" + std::to_string(i) + ")";
  EXPECT_TRUE(errors_of(pairs).starts_with("3:14: this condition becomes more than 10^19 clauses")) << errors_of(pairs);

  std::string many;  // 600 clauses each
  for (const char* name : {"A", "B"}) {
    std::string condition = kOpen + " and (";
    for (int i = 0; i < 600; ++i)
      condition += std::string(i == 0 ? "" : " or ") + "(fd.name = /a" + std::to_string(i) + " and user.uid = 0)";
    many += rule(name, condition + ")");
  }
  EXPECT_EQ(
      lower(many).errors,
      "9:14: with this rule the block and kill rules together are too many: all of it becomes 1200 clauses in the kernel, which "
      "holds 1024 | fewer alternatives in this rule or an earlier one\n");
}

TEST(LowerKernel, LongAlternativesTakeNoTime) {
  std::string equal = kOpen + " and (fd.name = /a";
  std::string below = kOpen + " and (fd.name = /a";
  for (int i = 0; i < 20'000; ++i) {
    equal += " or fd.name = /d/" + std::to_string(i);
    below += " or fd.name startswith /d/" + std::to_string(i) + "/";
  }
  const Outcome out = lower(rule("R", equal + ")"));
  EXPECT_EQ(out.errors, "");
  EXPECT_EQ(out.compiled.plan.texts.size(), 20'001U);
  EXPECT_EQ(out.compiled.plan.clauses.size(), 1U);
  EXPECT_TRUE(
      std::ranges::all_of(out.compiled.plan.texts, [](const KernelPlan::Text& text) { return text.vector.plus.test(0); }));
  EXPECT_TRUE(out.compiled.plan.otherwise[static_cast<std::size_t>(program::KernelField::kPath)].plus.none());
  EXPECT_LT(out.compiled.plan.clauses[0].text.size(), 1000U) << "long lists are cut";
  EXPECT_TRUE(errors_of(below + ")").starts_with("3:55: 20001 checks of fd.name joined by or are more than the 4096"));
}

TEST(LowerKernel, TheTableNamesFieldsAndTheirOperators) {
  for (const event::Decision& row : event::decisions()) {
    const std::size_t bracket = row.field.find('[');
    const auto argument = bracket == std::string_view::npos ? std::nullopt : std::optional<std::string>("1");
    const auto use = event::resolve_field(row.field.substr(0, bracket), argument);
    ASSERT_TRUE(use) << row.field;
    for (const event::Moment hook : event::kHooks) {
      const bool at = event::hooks_text(row.hooks).find(spelling(hook).substr(0, spelling(hook).find(' '))) != std::string::npos;
      EXPECT_EQ(event::decision(*use, hook) == &row, at) << row.field;
    }
  }
}

TEST(LowerKernel, WarnsOfExceptionsByName) {
  const auto warnings = [](const std::string& condition) {
    return lower(rule("R", kOpen + " and fd.name = /a and " + condition)).warnings;
  };
  const std::string by_file = " excepts by a name any program can take | by its file: proc.exepath = /usr/sbin/sshd\n";
  EXPECT_EQ(warnings("not proc.name = sshd"), "3:75: \"proc.name = sshd\"" + by_file);
  EXPECT_EQ(warnings("proc.name != sshd"), "3:71: \"proc.name != sshd\"" + by_file);
  EXPECT_EQ(warnings("not (proc.name = sshd and user.uid = 0)"), "3:76: \"proc.name = sshd\"" + by_file);
  EXPECT_NE(warnings("not proc.aname in (sshd)"), "");
  EXPECT_EQ(warnings("not (proc.name = sshd and proc.exepath = /usr/sbin/sshd)"), "");
  EXPECT_EQ(warnings("proc.name = sshd"), "") << "that is no exception";
}

// --- tiers and modes

std::string statuses(const std::string& text, event::Tier tier, HostMode mode) {
  const Outcome out = lower(text, PlanOptions{tier, mode});
  std::string all;
  for (const program::Rule& rule : out.compiled.program.rules)
    all += rule.name + ' ' + rule.enforcement + (rule.decided_in_kernel ? " *" : "") + '\n';
  std::string planned;
  for (const KernelPlan::Rule& rule : out.compiled.plan.rules)
    planned += std::to_string(rule.rule) + (rule.kill ? 'k' : 'b') + (rule.enforce ? 'e' : 'm') + ' ';
  return all + planned;
}

TEST(LowerKernel, TiersAndModes) {
  const std::string rules = rule("alert", kExec, "") + rule("exec", kExec) + rule("execkill", kExec, "  action: kill\n") +
                            rule("net", "evt.type = connect and fd.sport = 1", "  action: block\n  mode: monitor\n") +
                            rule("both", kExec + " or evt.type = connect", "  action: block\n  mode: enforce\n") +
                            rule("off", kExec, "  action: block\n  enabled: false\n");
  using enum HostMode;
  EXPECT_EQ(statuses(rules, event::Tier::kFull, kEnforce),
            "alert \nexec enforced *\nexeckill enforced *\nnet monitored *\nboth enforced *\noff \n1be 2ke 3bm 4be ");
  EXPECT_EQ(statuses(rules, event::Tier::kFull, kMonitor),
            "alert \nexec monitored *\nexeckill monitored *\nnet monitored *\nboth monitored *\noff \n1bm 2km 3bm 4bm ");
  EXPECT_EQ(
      statuses(rules, event::Tier::kFull, kDetect),
      "alert \nexec not enforced: mode\nexeckill not enforced: mode\nnet not enforced: mode\nboth not enforced: mode\noff \n");
  EXPECT_EQ(statuses(rules, event::Tier::kTracing, kEnforce),
            "alert \nexec not enforced: tier\nexeckill enforced *\nnet monitored *\nboth not enforced: tier\noff \n2ke 3bm ");
}

// Unix, raw and netlink sockets pass no cgroup program: a rule that could be about one is not weakened to those that do.
TEST(LowerKernel, TheTracingTierEnforcesOnIpSocketsOnly) {
  for (const auto& [condition, enforced] : {std::pair{"evt.type = connect", false},
                                            {"evt.type = connect and fd.sport = 22", true},
                                            {"evt.type = connect and not fd.sport = 22", false},
                                            {"evt.type = connect and (fd.sport = 22 or proc.name = x)", false},
                                            {"evt.type = connect and fd.snet in (10.0.0.0/8)", true},
                                            {"evt.type = bind and fd.l4proto = udp", true},
                                            {"evt.type = bind and fd.l4proto in (udp, raw)", false},
                                            {"evt.type = bind and fd.l4proto != tcp", false}}) {
    const std::string want = enforced ? "R enforced *\n0be " : "R not enforced: tier\n";
    EXPECT_EQ(statuses(rule("R", condition), event::Tier::kTracing, HostMode::kEnforce), want) << condition;
  }
}

TEST(LowerKernel, WhatTheKernelDecidesIsNotAskedAgain) {
  const std::string rules = rule("R", kExec + " and container.id != host and proc.exepath = /a");
  Compiled with = lower(rules).compiled;
  assess(with.program, {.events = {}});
  EXPECT_EQ(with.program.rules[0].availability.state, program::Availability::State::kActive);
  EXPECT_TRUE(with.program.asked(event::EventType::kExecve).empty());
  EXPECT_TRUE(with.program.wanted_events().none());
  Compiled without = lower(rules, std::nullopt).compiled;
  EXPECT_TRUE(without.plan.empty());
  EXPECT_EQ(without.program.asked(event::EventType::kExecve).size(), 1U);
  assess(without.program, {.events = {}});
  EXPECT_EQ(without.program.rules[0].availability.reason, "events: execve, execveat");
}

}  // namespace
}  // namespace shrike::compile
