// SPDX-License-Identifier: Apache-2.0
// One rule, two compilations: over random rules and events the plan, read as the kernel reads it, says what the engine says.
#include <algorithm>
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <random>
#include <set>
#include <sys/socket.h>
#include <sys/stat.h>

#include "engine/compile/compile.h"
#include "engine/lang/rule_file.h"
#include "engine/match/matcher.h"
#include "tests/support/world.h"

namespace shrike::compile {
namespace {

using event::Value;
using program::ClauseSet;
using program::ClauseVector;
using program::KernelField;
using program::KernelPlan;
using program::Operation;

// What happens: the sources of every field, as a hook finds them.
struct Action {
  Operation operation = Operation::kExec;
  std::string type;  // evt.type
  std::vector<std::string> exepaths, paths, ancestors;
  std::string name, filename, cgroup;
  std::uint32_t uid = 0;
  bool container = false, read = false, write = false, directory = false, is_ip = false;
  event::IpAddress address;
  std::uint16_t port = 0;
  std::uint8_t protocol = 0;
};

// --- the kernel, slowly

class Judge {
 public:
  explicit Judge(const KernelPlan& plan) : plan_(plan) {}

  std::set<std::uint32_t> hits(const Action& a) const {
    ClauseSet live = plan_.operation[static_cast<std::size_t>(a.operation)];
    for (std::size_t i = 0; i < program::kKernelFields; ++i) {
      if (!plan_.fields.test(i)) continue;
      const ClauseVector vector = of_field(a, static_cast<KernelField>(i));
      live &= vector.plus & vector.minus;
    }
    std::set<std::uint32_t> rules;
    std::optional<std::uint32_t> dead_unit;
    for (std::size_t i = 0; i < plan_.clauses.size(); ++i) {
      const KernelPlan::Clause& clause = plan_.clauses[i];
      if (!live.test(i) || dead_unit == clause.unit) continue;
      if (clause.veto) {
        dead_unit = clause.unit;
      } else {
        rules.insert(plan_.rules[clause.rule].rule);
      }
    }
    return rules;
  }

 private:
  ClauseVector texts(KernelField field, const std::vector<std::string>& sources) const {
    if (sources.empty()) return plan_.absent[static_cast<std::size_t>(field)];
    ClauseVector all;
    all.minus.set();
    for (const std::string& source : sources) {
      const ClauseVector* found = &plan_.otherwise[static_cast<std::size_t>(field)];
      std::size_t deepest = 0;
      for (const KernelPlan::Text& text : plan_.texts) {
        const bool below = text.text.size() > 1 && text.text.ends_with('/');
        const bool fits = below ? source.size() > text.text.size() && source.starts_with(text.text) : source == text.text;
        if (text.field != field || !fits || text.text.size() < deepest) continue;
        deepest = text.text.size();
        found = &text.vector;
      }
      all.plus |= found->plus;
      all.minus &= found->minus;
    }
    return all;
  }

  ClauseVector number(KernelField field, const std::vector<std::uint8_t>& bytes) const {
    const ClauseVector* found = &plan_.otherwise[static_cast<std::size_t>(field)];
    int longest = -1;
    for (const KernelPlan::Range& range : plan_.ranges) {
      if (range.field != field || range.bits < longest) continue;
      bool fits = true;
      for (unsigned bit = 0; bit < range.bits; ++bit)
        fits = fits && ((bytes[bit / 8] ^ range.number[bit / 8]) & (0x80U >> bit % 8)) == 0;
      if (!fits) continue;
      longest = range.bits;
      found = &range.vector;
    }
    return *found;
  }

  ClauseVector value(KernelField field, std::uint64_t value) const {
    for (const KernelPlan::Value& known : plan_.values) {
      if (known.field == field && known.value == value) return known.vector;
    }
    return plan_.otherwise[static_cast<std::size_t>(field)];
  }

  ClauseVector of_field(const Action& a, KernelField field) const {
    const ClauseVector& absent = plan_.absent[static_cast<std::size_t>(field)];
    const bool socket = a.operation >= Operation::kConnect;
    switch (field) {
      case KernelField::kExepath:
        return texts(field, a.exepaths);
      case KernelField::kName:
        return texts(field, {a.name});
      case KernelField::kPname:
        return texts(field, a.ancestors.empty() ? a.ancestors : std::vector{a.ancestors.front()});
      case KernelField::kAname:
        return texts(field, a.ancestors);
      case KernelField::kUid:
        return number(field, bytes_of(a.uid, 4));
      case KernelField::kCgroup:
        return texts(field, {a.cgroup});
      case KernelField::kContainer:
        return value(field, a.container ? 1 : 0);
      case KernelField::kAccess:
        return a.operation == Operation::kOpen ? value(field, (a.read ? 1U : 0U) | (a.write ? 2U : 0U) | (a.directory ? 4U : 0U))
                                               : absent;
      case KernelField::kPath:
        return a.operation == Operation::kOpen ? texts(field, a.paths) : absent;
      case KernelField::kFilename:
        return a.operation == Operation::kOpen && !a.directory ? texts(field, {a.filename}) : absent;
      case KernelField::kAddress:
        return a.is_ip ? number(field, mapped(a.address)) : absent;
      case KernelField::kPort:
        return a.is_ip ? number(field, bytes_of(a.port, 2)) : absent;
      case KernelField::kProtocol:
        return socket ? value(field, a.protocol) : absent;
    }
    return absent;
  }

  static std::vector<std::uint8_t> bytes_of(std::uint32_t number, unsigned size) {
    std::vector<std::uint8_t> bytes;
    for (unsigned i = size; i-- > 0;) bytes.push_back(static_cast<std::uint8_t>(number >> (8 * i)));
    return bytes;
  }
  static std::vector<std::uint8_t> mapped(const event::IpAddress& address) {
    if (address.family == 6) return {address.bytes.begin(), address.bytes.end()};
    std::vector<std::uint8_t> bytes(10, 0);
    bytes.insert(bytes.end(), {0xff, 0xff});
    bytes.insert(bytes.end(), address.bytes.begin(), address.bytes.begin() + 4);
    return bytes;
  }

  const KernelPlan& plan_;
};

// --- the engine, on the event as it would have succeeded

class Stage {
 public:
  explicit Stage(const Action& action) : action_(action) {
    const event::Process* parent = nullptr;
    for (std::size_t i = action.ancestors.size(); i-- > 0;)
      parent = &world_.process(static_cast<std::uint32_t>(100 - i), action.ancestors[i], {}, parent);
    const event::Process& process = world_.process(200, action.name, {}, parent, action.exepaths.front());
    event_.number = 1;
    event_.type = event::find_event_type(action.type).value();
    event_.process = &process;
    event_.creds.uid = action.uid;
    event_.cgroup = action.cgroup;
    set_payload();
  }

  // One source of each field: the event as it is.
  std::set<std::uint32_t> matched(const program::Program& program) {
    match::Matcher matcher(program, world_.context);
    const auto rules = matcher.match(event_, match::Matching::kAll);
    return {rules.begin(), rules.end()};
  }

  // All sources: a predicate holds if it does for one of them; != and negations want all (design.md section 3).
  bool holds(const program::Program& program, std::uint32_t at) {
    const program::Node& node = program.nodes[at];
    const auto child = [&](std::uint32_t i) { return holds(program, program.children[node.first + i]); };
    switch (node.kind) {
      case program::Node::Kind::kCheck:
        return check(program, program.predicates[node.first]);
      case program::Node::Kind::kNot:
        return !child(0);
      case program::Node::Kind::kAnd:
      case program::Node::Kind::kOr:
        break;
    }
    const bool decisive = node.kind == program::Node::Kind::kOr;
    for (std::uint32_t i = 0; i < node.count; ++i) {
      if (child(i) == decisive) return decisive;
    }
    return !decisive;
  }

 private:
  void set_payload() {
    const Action& a = action_;
    if (a.operation == Operation::kExec) {
      event_.payload = event::ProcessChange{};
    } else if (a.operation == Operation::kOpen) {
      event::Open open;
      open.ret = 5;
      open.path = open.name = a.paths.front();
      open.readable = a.read;
      open.writable = a.write;
      open.file.mode = a.directory ? S_IFDIR : S_IFREG;
      // Neither: an access mode of 3, which is no access at all.
      open.flags = a.read || a.write ? 0 : 3;
      event_.payload = open;
    } else {
      event::SocketCall connect;
      event::Socket& socket = connect.socket;
      connect.ret = 0;
      connect.fd = 4;
      socket.role = event::SocketRole::kClient;  // as decode has it of hooks
      socket.family = !a.is_ip ? AF_UNIX : a.address.family == 4 ? AF_INET : AF_INET6;
      if (a.is_ip) {
        socket.local = socket.remote = a.address;
        socket.local_port = socket.remote_port = a.port;
      }
      static constexpr std::uint16_t kProtocols[] = {0, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, 0};
      socket.protocol = kProtocols[a.protocol];
      socket.socket_type = a.protocol == 4 ? SOCK_RAW : SOCK_STREAM;
      event_.payload = connect;
    }
  }

  bool check(const program::Program& program, const program::Predicate& predicate) {
    const event::FieldUse& use = program.slots[predicate.slot].use;
    const std::vector<std::string>* sources = nullptr;
    if (use.field->name == "proc.exepath") sources = &action_.exepaths;
    if (use.field->name == "fd.name" && action_.operation == Operation::kOpen) sources = &action_.paths;
    if (sources != nullptr) {
      const auto test = [&](const std::string& text) { return program::holds(predicate, Value(text)); };
      return predicate.op == program::Op::kNotEqual ? std::ranges::all_of(*sources, test) : std::ranges::any_of(*sources, test);
    }
    if (use.field->name == "container.id" && action_.container) return program::holds(predicate, Value("0123456789ab"));
    Arena arena;
    return program::holds(predicate, event::extract(use, event_, world_.context, arena));
  }

  const Action& action_;
  test::World world_;
  event::Event event_;
};

// --- chance

class Dice {
 public:
  explicit Dice(unsigned seed) : engine_(seed) {}

  std::size_t below(std::size_t n) { return engine_() % n; }
  bool chance(unsigned percent) { return below(100) < percent; }
  template <class T>
  const T& of(const std::vector<T>& items) {
    return items[below(items.size())];
  }
  std::string list(const std::vector<std::string>& items) {
    std::string text = of(items);
    for (std::size_t more = below(3); more > 0; --more) text += ", " + of(items);
    return "(" + text + ")";
  }

 private:
  std::mt19937 engine_;
};

const std::vector<std::string> kPaths{"/a", "/a/b", "/a/b/c", "/a/bb", "/ab", "/b", "/b/a", "/b/a/c/d"};
const std::vector<std::string> kNames{"a", "b", "c", "sh", "fifteen-bytes-x", "<NA>"};
const std::vector<std::string> kNumbers{"0", "1", "2", "3", "33", "1000", "1023", "1024", "65535", "4294967295", "4294967294"};
const std::vector<std::string> kPorts{"0", "1", "22", "80", "1023", "1024", "65535"};
const std::vector<std::string> kAddresses{"10.0.0.1", "10.1.0.0", "10.1.2.3",    "0.0.0.0", "255.255.255.255",
                                          "::",       "::1",      "2001:db8::1", "fe80::1"};
const std::vector<std::string> kNetworks{"10.0.0.0/8", "10.1.0.0/16",   "10.1.2.3/32",   "0.0.0.0/0", "::/0",
                                         "::/64",      "2001:db8::/32", "::ffff:0:0/96", "8000::/1"};
const std::vector<std::string> kProtocols{"tcp", "udp", "icmp", "raw", "\"<NA>\"", "other"};
const std::vector<std::vector<std::string>> kTypes{
    {"execve", "execveat"}, {"open", "openat", "openat2"}, {"connect"}, {"sendto", "sendmsg", "sendmmsg"}, {"bind"}};

std::string equality(Dice& dice, const std::string& field, const std::vector<std::string>& values) {
  const std::size_t kind = dice.below(3);
  if (kind == 2) return field + " in " + dice.list(values);
  return field + (kind == 0 ? " = " : " != ") + dice.of(values);
}

std::string order(Dice& dice, const std::string& field, const std::vector<std::string>& values) {
  static const std::vector<std::string> kOps{" < ", " <= ", " > ", " >= "};
  return dice.chance(50) ? equality(dice, field, values) : field + dice.of(kOps) + dice.of(values);
}

std::string path_check(Dice& dice, const std::string& field) {
  const std::size_t kind = dice.below(4);
  if (kind == 0) return field + " startswith " + dice.of(kPaths) + "/";
  if (kind == 1) return field + " pmatch " + dice.list(kPaths);
  return equality(dice, field, kPaths);
}

std::string common_check(Dice& dice) {
  switch (dice.below(8)) {
    case 0:
      return path_check(dice, "proc.exepath");
    case 1:
      return equality(dice, "proc.name", kNames);
    case 2:
      return equality(dice, dice.chance(50) ? "proc.pname" : "proc.aname[1]", kNames);
    case 3:
      return dice.chance(50) ? "proc.aname = " + dice.of(kNames) : "proc.aname in " + dice.list(kNames);
    case 4:
      return order(dice, "user.uid", kNumbers);
    case 5:
      return path_check(dice, "cgroup.path");
    case 6:
      return dice.chance(50) ? "container.id = host" : "container.id != host";
    default:
      return dice.chance(70) ? "proc.name in " + dice.list(kNames) : "evt.failed = false";
  }
}

std::string own_check(Dice& dice, Operation operation) {
  if (operation == Operation::kOpen) {
    switch (dice.below(6)) {
      case 0:
        return equality(dice, "fd.filename", kNames);
      case 1:
        return std::string("evt.is_open_") + (dice.chance(50) ? "read" : "write") + (dice.chance(50) ? " = true" : " != true");
      case 2:
        return equality(dice, "fd.typechar", {"f", "d", "4"});
      case 3:
        return equality(dice, "fd.type", {"file", "directory"});
      default:
        return path_check(dice, "fd.name");
    }
  }
  const bool bind = operation == Operation::kBind;
  const auto end = [&] { return std::string("fd.") + (dice.chance(50) ? "s" : bind ? "l" : "r"); };
  switch (operation == Operation::kExec ? 4 : dice.below(4)) {
    case 0:
      return equality(dice, end() + "ip", kAddresses);
    case 1:
      return equality(dice, end() + "net", kNetworks);
    case 2:
      return order(dice, end() + "port", kPorts);
    case 3:
      return equality(dice, "fd.l4proto", kProtocols);
    default:
      return common_check(dice);
  }
}

std::string quote_colons(std::string condition) {  // IPv6 constants stand in quotes
  std::string out, word;
  for (const char c : condition + ' ') {
    if (c != ' ' && c != '(' && c != ')' && c != ',') {
      word += c;
      continue;
    }
    out += word.find(':') != std::string::npos ? '"' + word + '"' : word;
    word.clear();
    out += c;
  }
  return out;
}

std::string condition(Dice& dice, Operation operation, int depth) {
  const std::string negation = dice.chance(30) ? "not " : "";
  if (depth == 0 || dice.chance(20)) return negation + (dice.chance(50) ? own_check(dice, operation) : common_check(dice));
  std::string text = condition(dice, operation, depth - 1);
  const bool all = dice.chance(60);
  for (std::size_t more = 1 + dice.below(2); more > 0; --more)
    text += (all ? " and " : " or ") + condition(dice, operation, depth - 1);
  return negation + "(" + text + ")";
}

std::string types_check(Operation operation) {
  std::string text;
  for (const std::string& type : kTypes[static_cast<std::size_t>(operation)]) text += (text.empty() ? "" : ", ") + type;
  return "evt.type in (" + text + ")";
}

std::string random_rules(Dice& dice, Operation first) {
  std::string text;
  for (int r = 0; r < 3; ++r) {
    const auto other = static_cast<Operation>(dice.below(program::kOperations));
    std::string body = types_check(first) + " and " + condition(dice, first, 3);
    if (dice.chance(20)) body = "(" + body + ") or (" + types_check(other) + " and " + condition(dice, other, 2) + ")";
    if (dice.chance(20))
      body = types_check(first) + " and " + condition(dice, first, 1) + " and not (" + condition(dice, first, 2) + ")";
    text += "- rule: R" + std::to_string(r) + "\n  desc: d\n  condition: " + quote_colons(body) +
            "\n  output: x\n  priority: INFO\n  action: block\n";
  }
  return text;
}

event::IpAddress address_of(const std::string& text) {
  event::IpAddress address;
  address.family = text.find(':') == std::string::npos ? 4 : 6;
  EXPECT_EQ(inet_pton(address.family == 4 ? AF_INET : AF_INET6, text.c_str(), address.bytes.data()), 1);
  return address;
}

Action random_action(Dice& dice, Operation operation, bool several) {
  Action a;
  a.operation = operation;
  a.type = dice.of(kTypes[static_cast<std::size_t>(operation)]);
  const auto path = [&] { return dice.of(kPaths) + (dice.chance(30) ? "/x" : ""); };
  a.exepaths = {path()};
  a.paths = {path()};
  while (several && dice.chance(50)) a.exepaths.push_back(path());
  while (several && dice.chance(50)) a.paths.push_back(path());
  a.container = several && dice.chance(50);
  a.name = dice.chance(20) ? "other" : dice.of(kNames);
  for (std::size_t n = dice.below(4); n > 0; --n) a.ancestors.push_back(dice.chance(20) ? "other" : dice.of(kNames));
  a.filename = a.paths.front().substr(a.paths.front().rfind('/') + 1);
  a.cgroup = path();
  const auto near = [&](const std::vector<std::string>& numbers) {
    return static_cast<std::uint32_t>(std::stoull(dice.of(numbers)) + dice.below(3) - 1);
  };
  a.uid = near(kNumbers);
  a.port = static_cast<std::uint16_t>(near(kPorts));
  a.read = dice.chance(50);
  a.write = dice.chance(50);
  a.directory = dice.chance(30);
  if (operation >= Operation::kConnect) {
    a.is_ip = dice.chance(80);
    a.address = address_of(dice.chance(70) ? dice.of(kAddresses) : "10.200.0.1");
    a.protocol = static_cast<std::uint8_t>(a.is_ip ? dice.below(5) : dice.chance(50) ? 0 : 4);
  }
  return a;
}

std::string show(const std::set<std::uint32_t>& rules) {
  std::string text;
  for (const std::uint32_t rule : rules) text += std::to_string(rule) + ' ';
  return text;
}

struct Tally {
  std::size_t pairs = 0, hits = 0, refused = 0, sets = 0;
};

// `events` random events against one random set of rules.
void compare(Dice& dice, std::size_t events, Tally& tally) {
  const auto operation = static_cast<Operation>(dice.below(program::kOperations));
  const std::string text = random_rules(dice, operation);
  lang::Diagnostics diagnostics;
  lang::RuleSet set;
  lang::read_rule_file(std::make_shared<const lang::SourceFile>(lang::SourceFile{"t.yaml", text}), set, diagnostics);
  const program::Program engine = compile(set, {.suggested_output = false}, diagnostics);
  for (const lang::Diagnostic& found : diagnostics.all()) {
    // What can't be expressed in these rules.
    const bool together = found.message.ends_with("together") || found.message.find("asks for a result") != std::string::npos;
    ASSERT_TRUE(found.severity == lang::Severity::kWarning || together) << text << lang::format(found);
  }
  ++tally.sets;
  if (diagnostics.has_errors()) {
    ++tally.refused;
    return;
  }
  const Compiled kernel =
      compile_rules(set, {.suggested_output = false, .plan = PlanOptions{event::Tier::kFull, HostMode::kEnforce}}, diagnostics);
  const Judge judge(kernel.plan);
  for (std::size_t i = 0; i < events; ++i) {
    const bool several = dice.chance(50);
    const Action action = random_action(dice, operation, several);
    Stage stage(action);
    std::set<std::uint32_t> expected;
    for (std::uint32_t r = 0; r < engine.rules.size(); ++r) {
      if (engine.rules[r].events.test(event::index(*event::find_event_type(action.type))) &&
          stage.holds(engine, engine.rules[r].root))
        expected.insert(r);
    }
    if (!several) {
      ASSERT_EQ(show(stage.matched(engine)), show(expected)) << text;
    }
    ASSERT_EQ(show(judge.hits(action)), show(expected))
        << text << kernel.plan.dump() << "exe " << action.exepaths.front() << " path " << action.paths.front() << " uid "
        << action.uid << " port " << action.port << " address " << event::to_text(action.address);
    tally.pairs += engine.rules.size();
    tally.hits += expected.size();
  }
}

TEST(LowerKernelProperty, KernelAndEngineAgree) {
  Dice dice(20260101);
  Tally tally;
  while (tally.pairs < 200'000 && !testing::Test::HasFatalFailure()) compare(dice, 60, tally);
  // Rules that never or always hold would prove little.
  EXPECT_GT(tally.hits * 100 / std::max<std::size_t>(tally.pairs, 1), 15U);
  EXPECT_LT(tally.hits * 100 / std::max<std::size_t>(tally.pairs, 1), 85U);
  EXPECT_LT(tally.refused * 2, tally.sets) << "most random rules can be expressed";
  RecordProperty("pairs", static_cast<int>(tally.pairs));
  RecordProperty("hits", static_cast<int>(tally.hits));
}

}  // namespace
}  // namespace shrike::compile
