// SPDX-License-Identifier: Apache-2.0
#include "engine/decode/decode.h"

#include <arpa/inet.h>
#include <cstring>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "bpf/abi/event.h"
#include "engine/decode/hooks.h"
#include "engine/event/sockets.h"
#include "tests/support/wire.h"

namespace shrike::decode {
namespace {

template <class Wire>
using Record = test::WireRecord<Wire>;

bool refused(std::span<const std::byte> bytes) {
  const auto event = decode(bytes, WallClock());
  return !event.has_value() && event.error().code == Code::kCorrupt;
}

TEST(Decode, Open) {
  Record<event_open> record(EVENT_KIND_OPEN, EVENT_TYPE_OPENAT);
  record.wire.ret = 3;
  record.wire.open_flags = 0;
  record.wire.fmode = 1;
  record.wire.file.ino = 42;
  record.wire.path = record.add("/etc/shadow");
  record.wire.name = record.add("../shadow");
  const auto event = decode(record.bytes(), WallClock());
  ASSERT_TRUE(event.has_value()) << event.error().message;
  const auto& open = std::get<event::Open>(event->payload);
  EXPECT_EQ(event->type, event::EventType::kOpenat);
  EXPECT_EQ(open.path, "/etc/shadow");
  EXPECT_EQ(open.name, "../shadow");
  EXPECT_EQ(open.file.ino, 42U);
  EXPECT_TRUE(open.readable);
  EXPECT_FALSE(open.writable);
  EXPECT_EQ(event->pid, 7U);
}

TEST(Decode, MappedAddressesBecomeV4) {
  Record<event_socket> record(EVENT_KIND_SOCKET, EVENT_TYPE_CONNECT);
  record.wire.sock.family = AF_INET6;
  record.wire.sock.remote_family = AF_INET6;
  inet_pton(AF_INET6, "::ffff:1.2.3.4", record.wire.sock.remote_ip);
  inet_pton(AF_INET6, "::ffff:10.0.0.1", record.wire.sock.local_ip);
  record.wire.sock.remote_port = 443;
  const auto event = decode(record.bytes(), WallClock());
  ASSERT_TRUE(event.has_value());
  const auto& connect = std::get<event::SocketCall>(event->payload).socket;
  EXPECT_EQ(event::to_text(connect.remote), "1.2.3.4");
  EXPECT_EQ(event::to_text(connect.local), "10.0.0.1");
}

TEST(Decode, CommStopsAtNul) {
  Record<event_process> record(EVENT_KIND_EXEC, EVENT_TYPE_EXECVE);
  std::memcpy(record.wire.comm, "cat\0junk", 8);
  record.wire.args = record.add(std::string_view("cat\0-n\0", 7));
  const auto bytes = record.bytes();
  const auto event = decode(bytes, WallClock());
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(std::get<event::ProcessChange>(event->payload).comm, "cat");
  EXPECT_EQ(std::get<event::ProcessChange>(event->payload).args.size(), 7U);
}

TEST(Decode, RefusesWhatBreaksTheFormat) {
  Record<event_open> good(EVENT_KIND_OPEN, EVENT_TYPE_OPEN);
  EXPECT_FALSE(refused(good.bytes()));
  EXPECT_TRUE(refused({}));
  EXPECT_TRUE(refused(good.bytes().first(20)));
  EXPECT_TRUE(refused(good.bytes().first(120))) << "size differs from the header's";
  Record<event_open> version(EVENT_KIND_OPEN, EVENT_TYPE_OPEN);
  version.wire.header.version = 9;
  EXPECT_TRUE(refused(version.bytes()));
  Record<event_open> kind(99, EVENT_TYPE_OPEN);
  EXPECT_TRUE(refused(kind.bytes()));
  Record<event_open> type(EVENT_KIND_OPEN, EVENT_TYPE_COUNT);
  EXPECT_TRUE(refused(type.bytes()));
  Record<event_open> hook(EVENT_KIND_OPEN, EVENT_TYPE_OPEN);
  hook.wire.header.hook = HOOK_COUNT;
  EXPECT_TRUE(refused(hook.bytes()));
  for (const blob bad : {blob{1u << 30, 4}, blob{8, 0xffffffff}, blob{0xffffffff, 0xffffffff}, blob{sizeof(event_open), 1}}) {
    Record<event_open> text(EVENT_KIND_OPEN, EVENT_TYPE_OPEN);
    text.wire.path = bad;
    EXPECT_TRUE(refused(text.bytes())) << bad.offset;
  }
}

event_verdict verdict_of(std::initializer_list<std::uint32_t> rules) {
  event_verdict verdict{};
  verdict.generation = 5;
  verdict.decider = ~0U;
  verdict.rule_count = static_cast<__u32>(rules.size());
  std::ranges::copy(rules, verdict.rules);
  return verdict;
}

TEST(Decode, Verdict) {
  Record<event_open> record(EVENT_KIND_OPEN, EVENT_TYPE_OPENAT);
  record.wire.ret = -EPERM;
  record.wire.path = record.add("/etc/shadow");
  event_verdict verdict = verdict_of({3, 9});
  verdict.decider = 9;
  verdict.flags = EVENT_VERDICT_REFUSED | EVENT_VERDICT_UNSURE;
  record.wire.header.verdict = record.add_struct(verdict);
  record.wire.header.flags = EVENT_FLAG_VERDICT_ONLY | EVENT_FLAG_ASSUMED;
  const auto event = decode(record.bytes(), WallClock());
  ASSERT_TRUE(event.has_value()) << event.error().message;
  ASSERT_TRUE(event->verdict.has_value());
  EXPECT_EQ(event->verdict->generation, 5U);
  EXPECT_EQ(event->verdict->decider, 9U);
  EXPECT_TRUE(event->verdict->refused);
  EXPECT_FALSE(event->verdict->killed);
  EXPECT_TRUE(event->verdict->unsure);
  EXPECT_EQ(std::vector(event->verdict->rules.begin(), event->verdict->rules.end()), (std::vector<std::uint32_t>{3, 9}));
  EXPECT_TRUE(event->verdict_only);
  EXPECT_TRUE(std::get<event::Open>(event->payload).assumed);
  EXPECT_FALSE(event->gaps.rules);
}

TEST(Decode, AVerdictOfManyRulesSaysSo) {
  Record<event_open> record(EVENT_KIND_OPEN, EVENT_TYPE_OPENAT);
  event_verdict verdict = verdict_of({1});
  verdict.rule_count = 0xffffffff;
  record.wire.header.verdict = record.add_struct(verdict);
  const auto event = decode(record.bytes(), WallClock());
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->verdict->rules.size(), std::size_t{EVENT_VERDICT_RULES_MAX});
  EXPECT_FALSE(event->verdict->decider.has_value());
  EXPECT_TRUE(event->gaps.rules);
}

TEST(Decode, RefusesVerdictsThatBreakTheFormat) {
  const auto with = [](const event_verdict& verdict, std::size_t size, std::uint32_t shift) {
    Record<event_open> record(EVENT_KIND_OPEN, EVENT_TYPE_OPENAT);
    blob at = record.add_struct(verdict);
    record.add("padding");
    at.offset += shift;
    at.size = static_cast<__u32>(size);
    record.wire.header.verdict = at;
    return refused(record.bytes());
  };
  EXPECT_FALSE(with(verdict_of({1}), sizeof(event_verdict), 0));
  EXPECT_FALSE(with(verdict_of({1}), 20, 0)) << "as long as its rules";
  EXPECT_TRUE(with(verdict_of({1}), 16, 0)) << "shorter than its rules";
  EXPECT_TRUE(with(verdict_of({1}), 4, 0));
  EXPECT_TRUE(with(verdict_of({1}), sizeof(event_verdict) + 4, 0));
  EXPECT_TRUE(with(verdict_of({1}), sizeof(event_verdict), 2)) << "not aligned";
  EXPECT_TRUE(with(verdict_of({1}), sizeof(event_verdict), 4096)) << "leaves the record";
  EXPECT_TRUE(with(verdict_of({}), sizeof(event_verdict), 0)) << "no rule hit";
}

TEST(Decode, NamesOfTheObject) {
  event_names names{};
  names.generation = 4;
  names.count = 2;
  names.names[0] = {.text = 7, .below = 0};
  names.names[1] = {.text = 8, .below = 2};
  const auto decoded = [&](const event_names& of, std::size_t size) {
    Record<event_open> record(EVENT_KIND_OPEN, EVENT_TYPE_OPENAT);
    record.wire.header.flags = EVENT_FLAG_NAMES_TRUNCATED;
    record.wire.names = record.add_struct(of, size);
    return decode(record.bytes(), WallClock());
  };
  for (const std::size_t size : {sizeof(event_names), std::size_t{24}}) {
    const auto event = decoded(names, size);
    ASSERT_TRUE(event.has_value());
    EXPECT_EQ(event->names_generation, 4U);
    EXPECT_EQ(std::get<event::Open>(event->payload).names, (std::vector<event::ObjectName>{{7, 0}, {8, 2}}));
    EXPECT_TRUE(event->gaps.names);
  }
  EXPECT_FALSE(decoded(names, 16).has_value()) << "shorter than its names";
  names.count = EVENT_NAMES_MAX + 1;
  EXPECT_FALSE(decoded(names, sizeof(event_names)).has_value());
}

TEST(Decode, ExecCheck) {
  Record<event_process> record(EVENT_KIND_EXEC_CHECK, EVENT_TYPE_EXECVE);
  std::memcpy(record.wire.comm, "run.sh", 6);
  record.wire.exe_path = record.add("/bin/dash");
  record.wire.script = record.add("/tmp/run.sh");
  event_names names{};
  names.count = 1;
  record.wire.names = record.add_struct(names);
  EXPECT_TRUE(refused(record.bytes())) << "there is none without a verdict";
  record.wire.header.verdict = record.add_struct(verdict_of({0}));
  const auto bytes = record.bytes();
  const auto event = decode(bytes, WallClock());
  ASSERT_TRUE(event.has_value());
  const auto& change = std::get<event::ProcessChange>(event->payload);
  EXPECT_EQ(change.kind, event::ProcessChange::Kind::kExecCheck);
  EXPECT_EQ(change.script, "/tmp/run.sh");
  EXPECT_EQ(change.exe_path, "/bin/dash");
  EXPECT_EQ(change.names.size(), 1U);
  EXPECT_EQ(event->type, event::EventType::kExecve);
}

TEST(Decode, SendsAndBind) {
  Record<event_socket> record(EVENT_KIND_SOCKET, EVENT_TYPE_BIND);
  record.wire.sock.family = AF_INET;
  record.wire.sock.protocol = IPPROTO_TCP;
  record.wire.sock.socket_type = SOCK_STREAM;
  inet_pton(AF_INET, "10.0.0.1", record.wire.sock.local_ip);
  record.wire.sock.local_port = 80;
  const auto event = decode(record.bytes(), WallClock());
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->type, event::EventType::kBind);
  Arena arena;
  EXPECT_EQ(event::socket_name(arena, std::get<event::SocketCall>(event->payload).socket), "10.0.0.1:80");
  for (const event_type type : {EVENT_TYPE_SENDTO, EVENT_TYPE_SENDMSG, EVENT_TYPE_SENDMMSG}) {
    Record<event_socket> send(EVENT_KIND_SOCKET, type);
    EXPECT_FALSE(refused(send.bytes()));
  }
}

TEST(Hooks, HaveNames) {
  EXPECT_EQ(hook_name(HOOK_FILE_OPEN), "file_open");
  EXPECT_EQ(hook_name(HOOK_CGROUP_BIND), "cgroup_bind");
  EXPECT_EQ(hook_name(HOOK_COUNT), "unknown");
}

}  // namespace
}  // namespace shrike::decode
