// SPDX-License-Identifier: Apache-2.0
#include "engine/event/recorded.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

#include "tests/support/world.h"

namespace shrike::event {
namespace {

FieldUse use(std::string_view text) {
  const std::size_t bracket = text.find('[');
  if (bracket == std::string_view::npos) return *resolve_field(text, std::nullopt);
  return *resolve_field(text.substr(0, bracket), std::string(text.substr(bracket + 1, text.size() - bracket - 2)));
}

Value address(std::uint8_t last) { return Value(IpAddress{.bytes = {10, 0, 0, last}, .family = 4}); }

class Recorded : public testing::Test {
 protected:
  void set(std::string_view field, const Value& value) { recorded_.set(use(field), value); }
  void set(std::string_view field, std::initializer_list<Value> items) {
    recorded_.set(use(field), Value(ValueList{items.begin(), items.size()}));
  }
  Value get(std::string_view field) {
    event_ = recorded_.event();
    return extract(use(field), event_, world_.context, arena_);
  }
  std::string text(std::string_view field) { return to_text(get(field)); }

  RecordedEvent recorded_;
  Event event_;
  test::World world_;
  Arena arena_;
};

TEST_F(Recorded, AbsentUnlessToldOrDerived) {
  recorded_.set_type(EventType::kOpenat);
  for (const Field& field : fields()) {
    if (!resolve_field(field.name, std::nullopt)) continue;  // it needs an argument
    if (field.name == "evt.num" || field.name == "evt.type") continue;
    EXPECT_TRUE(get(field.name).absent()) << field.name;
  }
  EXPECT_TRUE(get("evt.arg.flags").absent());
  EXPECT_TRUE(get("container.mount.dest[/proc]").absent());
}

TEST_F(Recorded, EventItselfAnswersNumberTypeAndTime) {
  recorded_.set_type(EventType::kOpenat);
  recorded_.set_number(7);
  recorded_.set_time(1'500'000'000'123'456'789);
  EXPECT_EQ(text("evt.num"), "7");
  EXPECT_EQ(text("evt.type"), "openat");
  EXPECT_THAT(text("evt.time"), testing::EndsWith(".123456789"));
  EXPECT_EQ(event_.time_ns, 1'500'000'000'123'456'789U);
}

TEST_F(Recorded, ArgumentsTellFieldsApart) {
  set("evt.arg.flags", "O_RDONLY");
  set("proc.env[HOME]", "/root");
  set("proc.args[1]", "-c");
  EXPECT_EQ(text("evt.arg.flags"), "O_RDONLY");
  EXPECT_TRUE(get("evt.arg.mode").absent());
  EXPECT_TRUE(get("evt.arg[1]").absent()) << "no derivation from names to positions";
  EXPECT_EQ(text("proc.env[HOME]"), "/root");
  EXPECT_TRUE(get("proc.env").absent());
  EXPECT_EQ(text("proc.args[01]"), "-c") << "the same number";
  EXPECT_TRUE(get("proc.args").absent());
}

TEST_F(Recorded, AncestorsFromTheirNames) {
  set("proc.aname", {Value("bash"), Value("sshd")});
  EXPECT_EQ(text("proc.aname"), "bash sshd");
  EXPECT_EQ(text("proc.pname"), "bash");
  EXPECT_EQ(text("proc.aname[1]"), "bash");
  EXPECT_EQ(text("proc.aname[2]"), "sshd");
  EXPECT_TRUE(get("proc.aname[3]").absent());
  EXPECT_TRUE(get("proc.aname[0]").absent()) << "the process itself is no part of the array";
  EXPECT_TRUE(get("proc.aexe").absent());
}

TEST_F(Recorded, WhatIsToldWinsOverWhatFollows) {
  set("proc.aname", {Value("bash")});
  set("proc.pname", "zsh");
  set("proc.aname[1]", "fish");
  EXPECT_EQ(text("proc.pname"), "zsh");
  EXPECT_EQ(text("proc.aname[1]"), "fish");
}

TEST_F(Recorded, EitherEndFromItsTwo) {
  set("fd.cip", address(1));
  set("fd.sip", address(2));
  set("fd.lip", address(1));
  set("fd.rip", address(2));
  set("fd.cport", Value(std::uint64_t{40000}));
  set("fd.sport", Value(std::uint64_t{443}));
  EXPECT_EQ(text("fd.ip"), "10.0.0.1 10.0.0.2") << "each once";
  EXPECT_EQ(text("fd.net"), "10.0.0.1 10.0.0.2");
  EXPECT_EQ(text("fd.port"), "40000 443");
  EXPECT_EQ(text("fd.cnet"), "10.0.0.1");
  EXPECT_EQ(text("fd.snet"), "10.0.0.2");
  EXPECT_EQ(text("fd.lnet"), "10.0.0.1");
  EXPECT_EQ(text("fd.rnet"), "10.0.0.2");
  EXPECT_TRUE(get("fd.lport").absent()) << "not from fd.cport";
}

TEST_F(Recorded, OtherNamesGoWithTheObject) {
  recorded_.set_type(EventType::kOpenat);
  set("fd.name", "/a");
  set("proc.exepath", "/usr/bin/cat");
  set("fd.names", {Value("/b"), Value("/c")});
  EXPECT_EQ(get("fd.name").also.count, 2U);
  EXPECT_EQ(get("proc.exepath").also.count, 0U);
  EXPECT_THAT(recorded_.event().names, testing::ElementsAre("/b", "/c"));
  recorded_.set_type(EventType::kExecve);
  EXPECT_EQ(get("fd.name").also.count, 0U);
  EXPECT_EQ(get("proc.exepath").also.count, 2U);
}

TEST_F(Recorded, KeepsNoLoanedText) {
  std::string name = "bash";
  set("proc.name", std::string_view(name));
  name = "xxxx";
  EXPECT_EQ(text("proc.name"), "bash");
}

TEST_F(Recorded, ClearForgetsAll) {
  recorded_.set_type(EventType::kOpenat);
  recorded_.set_time(1);
  set("fd.names", {Value("/b")});
  set("fd.name", "/a");
  recorded_.clear();
  EXPECT_TRUE(get("fd.name").absent());
  EXPECT_TRUE(recorded_.event().names.empty());
  EXPECT_FALSE(recorded_.time());
}

}  // namespace
}  // namespace shrike::event
