// SPDX-License-Identifier: Apache-2.0
#include "engine/decode/decode.h"

#include <arpa/inet.h>
#include <cstring>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "bpf/abi/event.h"

namespace shrike::decode {
namespace {

// A record as bytes: a wire struct and texts behind it.
template <class Wire>
class Record {
 public:
  Record(std::uint16_t kind, std::uint16_t type) : bytes_(sizeof(Wire)) {
    wire.header.kind = kind;
    wire.header.type = type;
    wire.header.version = ABI_VERSION;
    wire.header.tgid = 7;
  }
  blob add(std::string_view text) {
    const blob at{static_cast<__u32>(bytes_.size()), static_cast<__u32>(text.size())};
    const auto* first = reinterpret_cast<const std::byte*>(text.data());
    bytes_.insert(bytes_.end(), first, first + text.size());
    return at;
  }
  std::span<const std::byte> bytes() {
    wire.header.size = static_cast<__u32>(bytes_.size());
    return raw();
  }
  std::span<const std::byte> raw() {
    std::memcpy(bytes_.data(), &wire, sizeof(wire));
    return bytes_;
  }
  Wire wire{};

 private:
  std::vector<std::byte> bytes_;
};

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
  Record<event_connect> record(EVENT_KIND_CONNECT, EVENT_TYPE_CONNECT);
  record.wire.family = AF_INET6;
  record.wire.remote_family = AF_INET6;
  inet_pton(AF_INET6, "::ffff:1.2.3.4", record.wire.remote_ip);
  inet_pton(AF_INET6, "::ffff:10.0.0.1", record.wire.local_ip);
  record.wire.remote_port = 443;
  const auto event = decode(record.bytes(), WallClock());
  ASSERT_TRUE(event.has_value());
  const auto& connect = std::get<event::Connect>(event->payload);
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
  const auto refused = [](std::span<const std::byte> bytes) {
    const auto event = decode(bytes, WallClock());
    return !event.has_value() && event.error().code == Code::kCorrupt;
  };
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

}  // namespace
}  // namespace shrike::decode
