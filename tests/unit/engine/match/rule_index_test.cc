// SPDX-License-Identifier: Apache-2.0
// The index never loses a rule: over random rules and events, what the matcher says is what walking every rule's tree says.
#include "engine/match/rule_index.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <random>
#include <set>
#include <sys/socket.h>
#include <sys/stat.h>

#include "engine/event/recorded.h"
#include "engine/match/matcher.h"
#include "tests/support/world.h"

namespace shrike::match {
namespace {

using program::Node;
using program::Program;

// --- the judge: every rule, every node, nothing remembered

class Judge {
 public:
  Judge(const Program& program, const event::Context& context) : program_(program), context_(context) {}

  std::vector<std::uint32_t> fired(const event::Event& event) {
    std::vector<std::uint32_t> fired;
    for (std::uint32_t rule = 0; rule < program_.rules.size(); ++rule) {
      if (program_.rules[rule].events.test(event::index(event.type)) && holds(program_.rules[rule].root, event))
        fired.push_back(rule);
    }
    return fired;
  }

 private:
  bool holds(std::uint32_t at, const event::Event& event) {
    const Node& node = program_.nodes[at];
    switch (node.kind) {
      case Node::Kind::kCheck: {
        const program::Predicate& predicate = program_.predicates[node.first];
        Arena arena;
        const auto value = [&](std::uint32_t slot) { return event::extract(program_.slots[slot].use, event, context_, arena); };
        const auto* right = std::get_if<std::uint32_t>(&predicate.constants);
        return program::holds(predicate, value(predicate.slot), right == nullptr ? event::Value() : value(*right));
      }
      case Node::Kind::kNot:
        return !holds(program_.children[node.first], event);
      case Node::Kind::kAnd:
      case Node::Kind::kOr: {
        std::size_t held = 0;
        for (std::uint32_t i = 0; i < node.count; ++i) held += holds(program_.children[node.first + i], event) ? 1 : 0;
        return node.kind == Node::Kind::kAnd ? held == node.count : held > 0;
      }
    }
    return false;
  }

  const Program& program_;
  const event::Context& context_;
};

// --- random rules and events, of few words so that they meet

class Dice {
 public:
  explicit Dice(std::uint32_t seed) : random_(seed) {}
  std::size_t below(std::size_t n) { return random_() % n; }
  bool one_in(std::size_t n) { return below(n) == 0; }
  template <class T, std::size_t N>
  const T& of(const T (&items)[N]) {
    return items[below(N)];
  }

 private:
  std::mt19937 random_;
};

std::string word(Dice& dice) {
  static constexpr std::string_view kParts[] = {"/etc",   "/",        "shadow", "/usr/lib/",       "x",      "ab",
                                                "abc",    ".ssh",     "//",     "/home/bob/",      "id_rsa", "/etc/pam.d",
                                                "Shadow", "\xc3\xa9", "cat",    "authorized_keys", "-n "};
  std::string text;
  for (std::size_t i = 1 + dice.below(4); i > 0; --i) text += dice.of(kParts);
  return text;
}

std::string quoted(const std::string& text) { return '"' + text + '"'; }

std::string words(Dice& dice) {
  std::string list = "(";
  for (std::size_t i = 1 + dice.below(3); i > 0; --i) list += quoted(word(dice)) + (i > 1 ? ", " : ")");
  return list;
}

std::string check(Dice& dice) {
  static constexpr std::string_view kTexts[] = {"fd.name",      "fd.directory", "fd.filename", "fd.nameraw",   "proc.name",
                                                "proc.cmdline", "proc.exepath", "proc.aname",  "proc.pname",   "fd.typechar",
                                                "evt.res",      "user.name",    "proc.args",   "proc.aname[2]"};
  static constexpr std::string_view kSingle[] = {"=", "!=", "contains", "icontains", "startswith", "endswith", "glob", "iglob"};
  static constexpr std::string_view kFlags[] = {"evt.is_open_read", "evt.is_open_write", "evt.failed", "evt.is_open_exec"};
  static constexpr std::string_view kOrders[] = {"=", "!=", "<", "<=", ">", ">="};
  static constexpr std::string_view kGlobs[] = {"*shadow",      "/etc/*", "/home/*/.ssh/*", "*",
                                                "/etc/pam?d/*", "*[sx]*", "/etc\\\\/*"};
  static constexpr std::string_view kRegexes[] = {"/etc/.*",
                                                  ".*shadow.*",
                                                  "(/home|/root)/[a-z]+/[.]ssh/.*",
                                                  ".*(id_rsa|cat).*",
                                                  "[^a]*abc?.*",
                                                  ".*",
                                                  "/etc(/pam.d)?(/.*)?",
                                                  "(.*Shadow)?"};
  static constexpr std::string_view kPaths[] = {"/etc", "/etc/pam.d", "/home/*/.ssh", "/usr/lib/", "/"};
  static constexpr std::string_view kAddresses[] = {"10.0.0.1", "1.2.3.4", "fd00::1", "10.1.1.1"};
  static constexpr std::string_view kNetworks[] = {"10.0.0.0/8", "1.2.3.4/32", "0.0.0.0/0", "fd00::/16", "10.1.0.0/15"};
  const std::string field(dice.of(kTexts));
  switch (dice.below(15)) {
    case 0:
      return field + " in " + words(dice);
    case 1:
      return field + " exists";
    case 2:
      return field + " glob " + quoted(std::string(dice.of(kGlobs)));
    case 3:
      return field + " regex " + quoted(std::string(dice.of(kRegexes)));
    case 4:
      return "fd.name pmatch (" + quoted(std::string(dice.of(kPaths))) + ", " + quoted(std::string(dice.of(kPaths))) + ")";
    case 5:
    case 6:
      return std::string(dice.of(kFlags)) + (dice.one_in(4) ? " != " : " = ") + (dice.one_in(2) ? "true" : "false");
    case 7:
      return "fd.num " + std::string(dice.of(kOrders)) + ' ' + std::to_string(static_cast<int>(dice.below(5)) - 1);
    case 8:
      return std::string(dice.one_in(2) ? "fd.sip" : "fd.ip") + (dice.one_in(3) ? " != " : " = ") +
             std::string(dice.of(kAddresses));
    case 9:
      return std::string(dice.one_in(2) ? "fd.snet" : "fd.net") + " in (" + std::string(dice.of(kNetworks)) + ", " +
             std::string(dice.of(kNetworks)) + ")";
    case 10:
      if (dice.one_in(2))
        return "fd.sport " + std::string(dice.of(kOrders)) + ' ' + std::to_string(dice.below(4) + (dice.one_in(2) ? 0 : 441));
      return "fd.port in (" + std::to_string(dice.below(3)) + ", 443)";
    case 11:
      return dice.one_in(2) ? "evt.type in (openat, connect)" : "evt.type = execve";
    case 12:
      return "user.uid = " + std::to_string(dice.below(3));
    default:
      return field + ' ' + std::string(dice.of(kSingle)) + ' ' + quoted(word(dice));
  }
}

std::string condition(Dice& dice, int depth) {
  if (depth == 0 || dice.one_in(4)) return (dice.one_in(4) ? "not " : "") + check(dice);
  const std::string_view join = dice.one_in(2) ? " and " : " or ";
  std::string text = dice.one_in(5) ? "not (" : "(";
  for (std::size_t i = 2 + dice.below(2); i > 0; --i) text += condition(dice, depth - 1) + std::string(i > 1 ? join : ")");
  return text;
}

std::string yaml(std::size_t number, const std::string& condition) {
  std::string escaped;
  for (const char c : condition) escaped += c == '\'' ? "''" : std::string(1, c);
  return "- rule: R" + std::to_string(number) + "\n  desc: d\n  condition: '" + escaped + "'\n  output: x\n  priority: NOTICE\n";
}

struct Texts {
  std::string path, name, comm, exe, args, grandparent;
  std::vector<std::string> names;
  std::vector<std::string_view> views;
};

event::Event random_event(Dice& dice, test::World& world, Texts& texts) {
  texts.path = '/' + word(dice);
  texts.name = word(dice);
  texts.comm = word(dice).substr(0, 15);
  texts.args = word(dice);
  texts.names = {word(dice), word(dice)};
  texts.views.assign(texts.names.begin(), texts.names.end());
  const event::Process* parent = nullptr;
  for (std::size_t i = dice.below(3); i > 0; --i)
    parent = &world.process(static_cast<std::uint32_t>(10 + i), word(dice).substr(0, 15), {"a"}, parent);
  const event::Process& process = world.process(9, texts.comm, {texts.comm, texts.args}, parent, '/' + word(dice));
  event::Event event;
  switch (dice.below(4)) {
    case 0:
      event = world.connect(process,
                            dice.one_in(2)   ? "10.0.0.1"
                            : dice.one_in(2) ? "1.2.3.4"
                                             : "fd00::1",
                            static_cast<std::uint16_t>(dice.one_in(2) ? 443 : dice.below(3)), dice.one_in(2) ? 0 : -115);
      break;
    case 1:
      event = world.exec(process);
      break;
    default: {
      event = world.open(process, texts.path, dice.below(4) | (dice.one_in(4) ? O_CREAT : 0U), dice.one_in(3) ? -2 : 3);
      auto& open = std::get<event::Open>(event.payload);
      open.name = dice.one_in(2) ? std::string_view(texts.name) : std::string_view(texts.path);
      open.base = dice.one_in(2) ? "/etc" : "";
      open.mode = dice.one_in(2) ? 0755 : 0;
      if (dice.one_in(4)) open.file.mode = S_IFDIR | 0755;
      if (dice.one_in(4)) event.type = dice.one_in(2) ? event::EventType::kOpen : event::EventType::kCreat;
      if (dice.one_in(6)) event.names = texts.views;
    }
  }
  event.creds.uid = static_cast<std::uint32_t>(dice.below(3));
  if (dice.one_in(10)) event.process = nullptr;
  return event;
}

// The same open but for one thing: what is remembered of the one must not answer for the other.
event::Event changed(Dice& dice, event::Event event) {
  auto& open = std::get<event::Open>(event.payload);
  switch (dice.below(6)) {
    case 0:
      event.type = event.type == event::EventType::kCreat ? event::EventType::kOpenat : event::EventType::kCreat;
      break;
    case 1:
      event.process = event.process == nullptr ? nullptr : event.process->parent;
      break;
    case 2:
      open.ret = open.ret == 3 ? 2 : open.ret == -2 ? -1 : -2;
      break;
    case 3:
      std::swap(open.readable, open.writable);
      open.flags ^= 1U;
      break;
    case 4:
      open.mode ^= 0755U;
      open.flags ^= O_CREAT;
      break;
    default:
      event.creds.uid = (event.creds.uid + 1) % 3;
      break;
  }
  return event;
}

// Would catch: a cover that is none, a key that a value has and the index does not find, an answer supposed on the wrong branch,
// a hit left over from the event before.
TEST(RuleIndexTest, SaysWhatEveryRuleSays) {
  std::size_t fired = 0;
  std::size_t pairs = 0;
  for (std::uint32_t seed = 1; seed <= 60; ++seed) {
    Dice dice(seed);
    std::string text;
    // Few rules make shallow trees and few pieces; many the other kinds.
    const std::size_t rules = seed % 3 == 0 ? 300 : 20;
    for (std::size_t i = 0; i < rules; ++i) text += yaml(i, condition(dice, 3));
    const Program program = test::compile_text(text);
    ASSERT_EQ(program.rules.size(), rules);
    test::World world;
    Matcher matcher(program, world.context);
    Judge judge(program, world.context);
    const auto agree = [&](const event::Event& event, const std::vector<std::uint32_t>& expected) {
      const auto all = matcher.match(event, Matching::kAll);
      ASSERT_EQ(std::vector(all.begin(), all.end()), expected);
      const auto first = matcher.match(event, Matching::kFirst);
      ASSERT_EQ(std::vector(first.begin(), first.end()),
                std::vector(expected.begin(), expected.begin() + (expected.empty() ? 0 : 1)));
      const auto again = matcher.match(event, Matching::kAll);
      ASSERT_EQ(std::vector(again.begin(), again.end()), expected) << "after a first match";
    };
    Texts texts;
    for (std::size_t i = 0; i < 25'000 / rules; ++i) {
      const event::Event event = random_event(dice, world, texts);
      const std::vector<std::uint32_t> expected = judge.fired(event);
      agree(event, expected);
      if (std::holds_alternative<event::Open>(event.payload)) {
        const event::Event other = changed(dice, event);
        agree(other, judge.fired(other));
      }
      if (HasFatalFailure()) FAIL() << "seed " << seed << " event " << i << ' ' << texts.path;
      fired += expected.size();
      pairs += rules;
    }
  }
  EXPECT_GT(fired, pairs / 20);
  EXPECT_LT(fired, pairs - pairs / 20);
}

// Opens that differ in nothing but their type are not the same event: creat is no open for writing (reference row 97).
TEST(RuleIndexTest, ASilentCreatHidesNoOpen) {
  const Program program = test::compile_text(yaml(0, "evt.is_open_write = true and fd.name startswith /etc/"));
  test::World world;
  Matcher matcher(program, world.context);
  const event::Process& cat = world.process(7, "cat", {"cat"});
  event::Event creat = world.open(cat, "/etc/x", O_WRONLY | O_CREAT | O_TRUNC);
  event::Event open = creat;
  creat.type = event::EventType::kCreat;
  EXPECT_TRUE(matcher.match(creat, Matching::kAll).empty());
  EXPECT_EQ(matcher.match(open, Matching::kAll).size(), 1U);
}

// Rules that share a check with a field on its right: it parts the opens, and both its fields are part of what is remembered.
TEST(RuleIndexTest, ASilentOpenHidesNoneOfAnotherProgram) {
  std::string text;
  for (std::size_t i = 0; i < 50; ++i)
    text += yaml(i, "evt.is_open_write = val(proc.is_exe_upper_layer) and not fd.name = /" + std::to_string(i));
  const Program program = test::compile_text(text);
  test::World world;
  Matcher matcher(program, world.context);
  event::FileIdentity upper;
  upper.upper_layer = true;
  const event::Process& installed = world.process(7, "cat", {"cat"});
  const event::Process& dropped = world.process(8, "cat", {"cat"}, nullptr, "/bin/cat", "/", upper);
  EXPECT_TRUE(matcher.match(world.open(installed, "/etc/x", O_WRONLY), Matching::kAll).empty());
  EXPECT_EQ(matcher.match(world.open(dropped, "/etc/x", O_WRONLY), Matching::kAll).size(), 50U);
}

TEST(RuleIndexTest, FindsFractions) {
  const Program program = test::compile_text(yaml(0, "proc.fdusage = 50") + yaml(1, "proc.fdusage in (1, 50)"));
  test::World world;
  Matcher matcher(program, world.context);
  event::RecordedEvent told;
  told.set_type(event::EventType::kOpenat);
  told.set(*event::resolve_field("proc.fdusage", std::nullopt), event::Value(50.0));
  EXPECT_EQ(matcher.match(told.event(), Matching::kAll).size(), 2U);
}

// Would catch: a bound passed by a value that lies beyond it only as another type, or a double that no list is looked up for.
TEST(ValueIndexTest, NumbersPassBounds) {
  using program::Key;
  ValueIndex index;
  Lists lists;
  const std::uint64_t huge = ~std::uint64_t{0} - 1;
  index.add({.kind = Key::Kind::kNumber, .number = std::int64_t{50}}, 0, lists);
  index.add({.kind = Key::Kind::kRange, .number = std::int64_t{-5}}, 1, lists);
  index.add({.kind = Key::Kind::kRange, .number = huge}, 2, lists);
  index.add({.kind = Key::Kind::kRange, .number = std::int64_t{-5}, .flag = true}, 3, lists);
  index.add({.kind = Key::Kind::kRange, .number = std::uint64_t{60}, .flag = true}, 4, lists);
  index.finish(lists);
  const auto asks = [&](const event::Value& value) {
    std::set<std::uint32_t> found;
    index.look(value, [&](std::uint32_t list) { lists.each(list, [&](std::uint32_t asker) { found.insert(asker); }); });
    return found;
  };
  using Set = std::set<std::uint32_t>;
  EXPECT_EQ(asks(event::Value(std::int64_t{50})), (Set{0, 1, 4}));
  EXPECT_EQ(asks(event::Value(std::uint64_t{50})), (Set{0, 1, 4}));
  EXPECT_EQ(asks(event::Value(std::int64_t{-5})), (Set{1, 3, 4}));
  EXPECT_EQ(asks(event::Value(std::int64_t{-6})), (Set{3, 4}));
  EXPECT_EQ(asks(event::Value(std::uint64_t{61})), (Set{1}));
  EXPECT_EQ(asks(event::Value(huge)), (Set{1, 2}));
  EXPECT_EQ(asks(event::Value(50.0)), (Set{0, 1, 2, 3, 4}));
}

// Rules alike enough that the index goes its way by what they share.
std::string alike(const std::string& shared) {
  std::string text;
  for (std::size_t i = 0; i < 30; ++i)
    text += yaml(i, "evt.type in (open, creat) and " + shared + " and fd.name endswith .key" + std::to_string(i));
  return text;
}

// Would catch: an open taken for one that was quiet, of another type or by another process, as its fingerprint leaves that out.
TEST(RuleIndexTest, AQuietOpenSaysNothingOfOthers) {
  test::World world;
  {
    const Program program = test::compile_text(alike("evt.is_open_write = true"));
    Matcher matcher(program, world.context);
    event::Event event = world.open(world.process(7, "sh", {"sh"}), "/srv/a.key3");
    std::get<event::Open>(event.payload).writable = true;
    event.type = event::EventType::kCreat;  // which never is evt.is_open_write
    EXPECT_TRUE(matcher.match(event, Matching::kAll).empty());
    event.type = event::EventType::kOpen;
    EXPECT_EQ(matcher.match(event, Matching::kAll).size(), 1U);
  }
  {
    const Program program = test::compile_text(alike("fd.typechar = val(proc.name)"));
    Matcher matcher(program, world.context);
    event::Event event = world.open(world.process(8, "sh", {"sh"}), "/srv/a.key3");
    event.type = event::EventType::kOpen;
    EXPECT_TRUE(matcher.match(event, Matching::kAll).empty());
    event.process = &world.process(9, "f", {"f"});
    EXPECT_EQ(matcher.match(event, Matching::kAll).size(), 1U);
  }
  {  // a text longer than any that is remembered, and the names of a path that differ in their last byte
    const Program program = test::compile_text(alike("fd.nameraw contains secret"));
    Matcher matcher(program, world.context);
    for (const std::size_t size : {4, 8, 15, 16, 31, 32, 33, 511, 600, 5'000}) {
      const std::string quiet = "/" + std::string(size, 'a') + ".secret.key_";
      const std::string loud = "/" + std::string(size, 'a') + ".secret.key5";
      event::Event event = world.open(world.process(10, "sh", {"sh"}), quiet);
      event.type = event::EventType::kOpen;
      for (const std::string* path : {&quiet, &quiet, &loud, &quiet}) {
        auto& open = std::get<event::Open>(event.payload);
        open.path = open.name = *path;
        EXPECT_EQ(matcher.match(event, Matching::kAll).size(), path == &loud ? 1U : 0U) << *path;
        open.name = "elsewhere";
        EXPECT_TRUE(matcher.match(event, Matching::kAll).empty());
      }
    }
  }
}

TEST(RuleIndexTest, Dump) {
  const Program program = test::compile_text(
      yaml(0, "evt.type in (open, openat) and evt.is_open_read = true and fd.name = /etc/shadow and not proc.name in (sshd)") +
      yaml(1, "evt.type in (open, openat) and evt.is_open_write = true and (fd.name startswith /etc/ or fd.name endswith .key)") +
      yaml(2, "evt.type = execve and not proc.name = cat") +
      yaml(3, "evt.type = execve and proc.cmdline regex \".*(--evil|--worse)=[0-9]+.*\""));
  EXPECT_EQ(RuleIndex(program).dump(),
            "events execve\n"
            "  rule R2\n"
            "    always\n"
            "  rule R3\n"
            "    if proc.cmdline regex \".*(--evil|--worse)=[0-9]+.*\"\n"
            "events open openat\n"
            "  rule R0\n"
            "    if fd.name = /etc/shadow\n"
            "  rule R1\n"
            "    if fd.name startswith /etc/\n"
            "    if fd.name endswith .key\n");
}

}  // namespace
}  // namespace shrike::match
