// SPDX-License-Identifier: Apache-2.0
// Random rules over random events: what the compiled program says is what the judge says.
#include "tests/judge/judge.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "engine/lang/parser.h"
#include "tests/judge/compare.h"
#include "tests/support/world.h"

namespace shrike::judge {
namespace {

std::size_t from_environment(const char* name, std::size_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

struct Tally {
  std::size_t sets = 0;
  std::size_t pairs = 0;
  std::size_t fired = 0;

  void add(const Trial& trial) {
    ++sets;
    pairs += trial.pairs();
    fired += trial.fired();
  }
  void report(const char* what) const {
    std::printf("%s: %zu rule sets, %zu pairs of rule and event, %.1f %% fire\n", what, sets, pairs,
                100.0 * static_cast<double>(fired) / static_cast<double>(pairs));
    // Rules that hardly ever or nearly always fire would prove little.
    EXPECT_GT(fired * 100, pairs * 12);
    EXPECT_LT(fired * 100, pairs * 60);
  }
};

std::string join(std::initializer_list<std::string> parts) {
  std::string out;
  for (const std::string& part : parts) out += part;
  return out;
}

// Both answers of every check that exists, from values and not from their absence.
void expect_covered(const Coverage& coverage) {
  using enum event::Type;
  std::string missing;
  const auto expect = [&](std::string_view what, const Coverage::Answers& answers, bool always = false) {
    if (answers.yes == 0 || (answers.no == 0 && !always)) missing += std::string(what) + '\n';
  };
  const auto expect_operators = [&](std::initializer_list<event::Type> types, std::initializer_list<lang::Operator> operators) {
    for (const event::Type type : types) {
      for (const lang::Operator op : operators) {
        const auto found = coverage.operators.find({type, op});
        expect(join({std::string(event::spelling(type)), " ", lang::spelling(op)}),
               found == coverage.operators.end() ? Coverage::Answers() : found->second, op == lang::Operator::kExists);
      }
    }
  };
  using enum lang::Operator;
  expect_operators({kString, kInt, kUint, kDouble, kBool, kTime, kDuration, kPort, kIp, kNet, kBuffer},
                   {kExists, kEqual, kNotEqual, kIn, kIntersects});
  expect_operators({kInt, kUint, kDouble, kTime, kDuration, kPort}, {kLess, kLessEqual, kGreater, kGreaterEqual});
  expect_operators({kString}, {kContains, kIcontains, kStartswith, kEndswith, kGlob, kIglob, kRegex, kPmatch});
  expect_operators({kBuffer}, {kContains, kBcontains, kStartswith, kBstartswith, kEndswith});
  for (const auto modifier : {lang::Modifier::kNone, lang::Modifier::kOneof, lang::Modifier::kAnyof, lang::Modifier::kAllof}) {
    const auto found = coverage.modifiers.find(modifier);
    expect(lang::spelling(modifier), found == coverage.modifiers.end() ? Coverage::Answers() : found->second);
  }
  for (const std::string_view name : {"tolower", "toupper", "b64", "basename", "len", "join", "concat", "getopt"}) {
    const auto found = coverage.transformers.find(name);
    expect(name, found == coverage.transformers.end() ? Coverage::Answers() : found->second);
  }
  for (const auto op : {kEqual, kNotEqual, kLess, kContains, kGlob}) {
    const auto found = coverage.fields_right.find({kString, op});
    expect(join({"val() ", lang::spelling(op)}), found == coverage.fields_right.end() ? Coverage::Answers() : found->second);
  }
  for (const event::Field& field : event::fields()) {
    if (field.type == kOpaque || field.name == "evt.num") continue;  // asked for its presence; never 0
    const auto found = coverage.fields.find(field.name);
    expect(field.name, found == coverage.fields.end() ? Coverage::Answers() : found->second);
  }
  expect("absent values", {1, coverage.absent.no});
  expect("several values", coverage.named);
  EXPECT_EQ(missing, "") << "were never true, or never false";
}

// Recorded events: any field may have any value of its type.
TEST(Judge, RecordedEvents) {
  const std::size_t wanted = from_environment("SHRIKE_JUDGE_PAIRS", 1'000'000);
  const std::size_t seed = from_environment("SHRIKE_JUDGE_SEED", 20261124);
  test::World world;
  Judge judge(world.context);
  Tally tally;
  for (std::size_t set = 0; tally.pairs < wanted; ++set) {
    SCOPED_TRACE("SHRIKE_JUDGE_SEED=" + std::to_string(seed + set));
    Dice dice(seed + set);
    Generator generator(dice, 3 + dice.below(9));
    Trial trial(generator.rules(1 + dice.below(60)), world.context, judge);
    ASSERT_EQ(trial.error(), "");
    for (std::uint64_t number = 1; number <= 60; ++number) {
      event::RecordedEvent recorded;
      generator.event(recorded, number);
      ASSERT_EQ(trial.differ(recorded.event()), "");
    }
    tally.add(trial);
  }
  tally.report("recorded events");
  expect_covered(judge.coverage());
}

// A call of one of the other kinds; `texts` are what it is about.
event::Event any_call(Dice& dice, Generator& generator, const test::World& world, const event::Process& process,
                      const std::array<std::string, 3>& texts) {
  using event::EventType;
  const std::int64_t ret = dice.chance(70) ? 0 : -13;
  const auto socket = [&] {
    event::Socket made;
    made.remote = generator.address();
    if (dice.chance(70)) made.local = generator.address();
    made.family = made.remote.family == 4 ? AF_INET : AF_INET6;
    made.protocol = dice.chance(50) ? IPPROTO_TCP : IPPROTO_UDP;
    made.socket_type = made.protocol == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM;
    made.role = static_cast<event::SocketRole>(dice.below(3));
    made.remote_port = static_cast<std::uint16_t>(dice.chance(50) ? 443 : 22);
    made.local_port = static_cast<std::uint16_t>(dice.chance(50) ? 80 : 41000);
    return made;
  };
  static const std::vector<EventType> kSockets{EventType::kSendto, EventType::kRecvmsg, EventType::kAccept4, EventType::kBind};
  static const std::vector<EventType> kPaths{EventType::kUnlinkat, EventType::kRenameat};
  static const std::vector<EventType> kCalls{EventType::kDup, EventType::kFchmod, EventType::kSetuid, EventType::kBpf,
                                             EventType::kClose};
  switch (dice.below(3)) {
    case 0: {
      event::SocketCall call;
      call.ret = ret;
      call.fd = 5;
      call.size = 3;
      call.socket = socket();
      call.data = texts[0];
      return world.event(process, dice.of(kSockets), call);
    }
    case 1: {
      event::Paths paths;
      paths.ret = ret;
      paths.dirfds[0] = paths.dirfds[1] = dice.chance(50) ? AT_FDCWD : 4;
      paths.first = texts[0];
      paths.second = texts[1];
      paths.first_base = paths.second_base = texts[2];
      return world.event(process, dice.of(kPaths), paths);
    }
    default: {
      event::Call call;
      call.ret = ret;
      call.fd = 3;
      call.args[0] = dice.chance(50) ? 0 : 1000;
      if (dice.chance(50)) call.socket = socket();
      call.path = texts[0];
      call.file.mode = dice.chance(80) ? S_IFREG : S_IFDIR;
      return world.event(process, dice.of(kCalls), call);
    }
  }
}

// Events as decoded, with a process table behind them: several fields of one cause, ancestors, further names of objects.
TEST(Judge, DecodedEvents) {
  const std::size_t wanted = from_environment("SHRIKE_JUDGE_PAIRS", 1'000'000) / 5;
  const std::size_t seed = from_environment("SHRIKE_JUDGE_SEED", 20261124);
  static const std::vector<std::string> kSubjects{
      "proc.name",     "proc.exepath",     "proc.pname",    "proc.aname",     "proc.aname[2]",   "proc.cmdline", "proc.args[0]",
      "proc.cmdnargs", "fd.name",          "fd.directory",  "fd.filename",    "fd.typechar",     "fd.num",       "fd.names",
      "fd.ip",         "fd.net",           "fd.port",       "fd.sip",         "fd.rport",        "fd.l4proto",   "evt.res",
      "evt.rawres",    "evt.is_open_read", "evt.arg.flags", "evt.arg.tuple",  "user.uid",        "user.name",    "user.loginuid",
      "proc.duration", "evt.dir",          "container.id",  "proc.env[HOME]", "fd.type",         "evt.failed",   "proc.apid",
      "evt.buffer",    "evt.buflen",       "evt.arg.data",  "evt.arg.name",   "evt.arg.newpath", "evt.arg.fd",   "evt.arg.uid",
      "fs.path.name",  "fs.path.target",   "fd.cip",        "fd.cnet",        "fd.lport",        "fd.is_server", "evt.category",
      "evt.io_dir",    "fd.name_changed",  "evt.rawarg.fd", "evt.args",       "evt.abspath"};
  Tally tally;
  for (std::size_t set = 0; tally.pairs < wanted; ++set) {
    SCOPED_TRACE("SHRIKE_JUDGE_SEED=" + std::to_string(seed + set));
    Dice dice(seed + set);
    test::World world;
    Judge judge(world.context);
    std::vector<std::string> subjects;
    for (std::size_t left = 4 + dice.below(8); left > 0; --left) subjects.push_back(dice.of(kSubjects));
    Generator generator(dice, subjects);
    Trial trial(generator.rules(1 + dice.below(60)), world.context, judge);
    ASSERT_EQ(trial.error(), "");
    for (std::uint64_t number = 1; number <= 40; ++number) {
      const event::Process* parent = nullptr;
      for (std::size_t left = dice.below(4); left > 0; --left)
        parent = &world.process(static_cast<std::uint32_t>(number * 10 + left), generator.text(), {generator.text()}, parent,
                                generator.text());
      const std::string comm = generator.text();
      event::Process& process = world.process(static_cast<std::uint32_t>(number * 10), comm,
                                              {comm, generator.text(), generator.text()}, parent, generator.text());
      if (dice.chance(30)) {
        process.image = std::make_shared<const event::Image>(comm, generator.text(), comm + '\0', 0, "/", event::FileIdentity{},
                                                             std::vector<std::string>{generator.text(), generator.text()});
      }
      const std::string path = generator.text();
      const std::string names[] = {generator.text(), generator.text()};
      const std::string_view views[] = {names[0], names[1]};
      event::Event event;
      const std::array<std::string, 3> texts = {generator.text(), generator.text(), generator.text()};
      switch (dice.below(4)) {
        case 0:
          event = world.exec(process);
          break;
        case 1:
          event = world.open(process, path, dice.below(3) | (dice.chance(50) ? O_CREAT : 0), dice.chance(70) ? 3 : -2);
          if (dice.chance(40)) event.names = views;
          break;
        case 2:
          event = any_call(dice, generator, world, process, texts);
          break;
        default:
          event = world.connect(process, event::to_text(generator.address()),
                                static_cast<std::uint16_t>(generator.number(*event::resolve_field("fd.sport", {})->field)),
                                dice.chance(70) ? 0 : -111);
          break;
      }
      event.number = number;
      event.creds.uid = dice.chance(50) ? 0 : 1000;
      if (dice.chance(10)) event.process = nullptr;
      ASSERT_EQ(trial.differ(event), "");
    }
    tally.add(trial);
  }
  tally.report("decoded events");
}

}  // namespace
}  // namespace shrike::judge
