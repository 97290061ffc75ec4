// SPDX-License-Identifier: Apache-2.0
#include "engine/app/event_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/app/event_file.h"
#include "tests/support/world.h"

namespace shrike::app {
namespace {

// A line whose only field besides evt.type is the one given, as the event's text for `field`; or the error.
struct Row {
  std::string member;
  std::string field;
  std::string text;
};

std::string value_of(const std::string& member, const std::string& field) {
  event::RecordedEvent recorded;
  const std::string line = R"({"evt.type": "openat", )" + member + "}";
  if (const auto read = read_event_line(line, 7, recorded); !read) {
    return "error " + std::to_string(read.error().offset + 1) + ": " + read.error().message;
  }
  const test::World world;
  const event::Event event = recorded.event();
  Arena arena;
  const event::Value value = event::extract(*field_of_key(field, 0), event, world.context, arena);
  return value.absent() ? "absent" : event::to_text(value);
}

TEST(EventLine, Values) {
  const Row rows[] = {
      {R"("proc.name": "cat")", "proc.name", "cat"},
      {R"("proc.name": "")", "proc.name", ""},
      {R"("proc.name": null)", "proc.name", "absent"},
      {R"("proc.name": "a\"\\\/\b\f\n\r\tz")", "proc.name", "a\"\\/\b\f\n\r\tz"},
      {R"("proc.name": "\u0041\u00e9\u20ac\ud83d\udc26")", "proc.name", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xa6"},
      {R"("proc.name": "é€🐦")", "proc.name", "é€🐦"},
      {R"("proc.name": {"base64": "/2EAYg=="})", "proc.name",
       std::string("\xff"
                   "a\0b",
                   4)},
      {R"("proc.name": { "base64" : "" })", "proc.name", ""},
      {R"("proc.pid": -9223372036854775808)", "proc.pid", "-9223372036854775808"},
      {R"("proc.pid": 9223372036854775807)", "proc.pid", "9223372036854775807"},
      {R"("proc.nthreads": 18446744073709551615)", "proc.nthreads", "18446744073709551615"},
      {R"("user.uid": 4294967295)", "user.uid", "4294967295"},
      {R"("evt.rawarg.queuepct": 255)", "evt.rawarg.queuepct", "255"},
      {R"("evt.arg.data": {"base64": "AEF+f//DqQ=="})", "evt.arg.data", ".A~...."},
      {R"("evt.rawarg.data": {"base64": "AEE="})", "evt.rawarg.data", std::string("\0A", 2)},
      {R"("evt.buffer": {"base64": "AEE="})", "evt.buffer", std::string("\0A", 2)},
      {R"("user.uid": 0)", "user.uid", "0"},
      {R"("evt.failed": true)", "evt.failed", "true"},
      {R"("evt.failed": false)", "evt.failed", "false"},
      {R"("fd.sport": 65535)", "fd.sport", "65535"},
      {R"("fd.sip": "10.0.0.1")", "fd.sip", "10.0.0.1"},
      {R"("fd.sip": "2001:DB8::1")", "fd.sip", "2001:db8::1"},
      {R"("fd.sip": "::ffff:10.0.0.1")", "fd.sip", "10.0.0.1"},
      {R"("fd.snet": "10.0.0.1")", "fd.snet", "10.0.0.1"},
      {R"("fd.ip": "10.0.0.1")", "fd.ip", "10.0.0.1"},
      {R"("fd.port": [1, 2])", "fd.port", "1 2"},
      {R"("proc.aname": ["a", "b"])", "proc.aname", "a b"},
      {R"("proc.aname": "a")", "proc.aname", "a"},
      {R"("proc.aname": [])", "proc.aname", "absent"},
      {R"("proc.aname[2]": "b")", "proc.aname[2]", "b"},
      {R"("evt.arg.flags": "O_RDONLY")", "evt.arg.flags", "O_RDONLY"},
      {R"("evt.arg[0]": "3")", "evt.arg[0]", "3"},
      {R"("proc.env[HOME]": "/root")", "proc.env[HOME]", "/root"},
      {R"("container.mount.dest[/proc*]": "/p")", "container.mount.dest[/proc*]", "/p"},
      {R"("evt.buffer": "GET")", "evt.buffer", "GET"},
      {R"("fd.types": ["file", "ipv4"])", "fd.types", "file ipv4"},
      {R"("fd.types": [])", "fd.types", ""},
      {R"("fd.types[3]": "file")", "fd.types[3]", "file"},
      {R"("proc.fdusage": 0.5)", "proc.fdusage", "0.5"},
      {R"("proc.fdusage": 12)", "proc.fdusage", "12"},
      {R"("evt.rawarg.res": -2)", "evt.rawarg.res", "-2"},
      {R"("evt.type.is.open": 1)", "evt.type.is.open", "1"},
      {R"("evt.num": 3)", "evt.num", "3"},
      {R"("evt.rawtime": 5)", "evt.num", "7"},
      {R"("evt.rawtime": 1793613600123456789)", "evt.rawtime", "1793613600123456789"},
  };
  for (const Row& row : rows) EXPECT_EQ(value_of(row.member, row.field), row.text) << row.member;
}

TEST(EventLine, WrongValues) {
  const Row rows[] = {
      {R"("proc.nmae": "cat")", "", R"(error 24: unknown field "proc.nmae")"},
      {R"("proc.name": 5)", "", R"(error 37: "proc.name" is a string)"},
      {R"("proc.name": ["a"])", "", R"(error 37: "proc.name" has one value, no array)"},
      {R"("proc.pid": "5")", "", R"(error 36: "proc.pid" is a number)"},
      {R"("proc.pid": 1.5)", "", R"(error 36: "proc.pid" is a number)"},
      {R"("proc.pid": 9223372036854775808)", "",
       R"(error 36: "proc.pid" lies between -9223372036854775808 and 9223372036854775807)"},
      {R"("user.uid": -1)", "", R"(error 36: "user.uid" lies between 0 and 4294967295)"},
      {R"("user.uid": 4294967296)", "", R"(error 36: "user.uid" lies between 0 and 4294967295)"},
      {R"("evt.rawarg.queuepct": 256)", "", R"(error 47: "evt.rawarg.queuepct" lies between 0 and 255)"},
      {R"("user.uid": 1e400)", "", "error 36: a number beyond 64 bits"},
      {R"("proc.fdusage": -18446744073709551616)", "", "error 40: a number beyond 64 bits"},
      {R"("user.uid": 18446744073709551616)", "", "error 36: a number beyond 64 bits"},
      {R"("evt.failed": "true")", "", R"(error 38: "evt.failed" is a boolean)"},
      {R"("evt.failed": 1)", "", R"(error 38: "evt.failed" is a boolean)"},
      {R"("fd.sport": 65536)", "", R"(error 36: "fd.sport" lies between 0 and 65535)"},
      {R"("fd.sip": "10.0.0")", "", R"(error 34: "10.0.0" is no address)"},
      {R"("fd.sip": 5)", "", R"(error 34: "fd.sip" is an address)"},
      {R"("proc.aname": ["a", 5])", "", R"(error 44: "proc.aname" is a string)"},
      {R"("proc.aname[2]": ["b"])", "", R"(error 41: "proc.aname[2]" has one value, no array)"},
      {R"("proc.aname[x]": "b")", "", R"(error 24: "proc.aname" takes a number as argument, not "x")"},
      {R"("proc.name[1]": "b")", "", R"(error 24: "proc.name" takes no argument)"},
      {R"("evt.arg.nonsense": "b")", "", R"(error 24: unknown event argument "nonsense")"},
      {R"("proc.name": "a", "proc.name": "b")", "", R"(error 42: key "proc.name" stands twice)"},
      {R"("proc.aname[2]": "a", "proc.aname[02]": "b")", "", R"(error 46: "proc.aname[02]" stands there in another spelling)"},
      {R"("evt.time": "10:00:00")", "", R"(error 36: "evt.time" is a number)"},
      {R"("proc.name": {"base64": "QQ="})", "", "error 48: not base64"},
      {R"("proc.name": {"base64": "Q!=="})", "", "error 48: not base64"},
      {R"("proc.name": {"b": "QQ=="})", "", "error 38: an object inside the event"},
      {R"("proc.name": {"base64": "QQ==", "a": 1})", "", "error 37: more than \"base64\" in a value"},
      {R"("proc.name": {})", "", "error 37: an object inside the event"},
      {R"("proc.name": {"base64": 5})", "", "error 48: not base64"},
      {R"("proc.name": {"base64": {}})", "", "error 48: not base64"},
      {R"("proc.name": {"base64": ["QQ=="]})", "", "error 48: not base64"},
      {R"("proc.aname": [["a"]])", "", "error 39: an array inside an array"},
      {R"("proc.aname": ["\\", "a\"b,", {"base64": "QQ=="}, true])", "", R"(error 74: "proc.aname" is a string)"},
  };
  for (const Row& row : rows) EXPECT_EQ(value_of(row.member, "proc.name"), row.text) << row.member;
}

struct JsonRow {
  std::string line;
  std::string error;
};

TEST(EventLine, NotJson) {
  const JsonRow rows[] = {
      {"", "1: not valid JSON: there should be an object"},
      {"[]", "1: not valid JSON: there should be an object"},
      {"5", "1: not valid JSON: there should be an object"},
      {"\xef\xbb\xbf{}", "1: not valid JSON: there should be an object"},
      {"{", "2: not valid JSON: unexpected end of input; expected string literal"},
      {"{\"a\"", "5: not valid JSON: unexpected end of input; expected ':'"},
      {"{\"a\":1", "7: not valid JSON: unexpected end of input; expected '}'"},
      {"{\"a\":1,}", "8: not valid JSON: unexpected '}'; expected string literal"},
      {"{\"a\":1} x", "9: something behind the object"},
      {"{\"a\":1} {}", "9: something behind the object"},
      {std::string("{\"a\":1}\0", 8), "8: something behind the object"},
      {std::string("{\"a\":1\0}", 8), "7: not valid JSON: unexpected end of input; expected '}'"},
      {"{\"a\":nul}", "9: not valid JSON: invalid literal"},
      {"{\"a\":01}", "7: not valid JSON: unexpected number literal; expected '}'"},
      {"{\"a\":-}", "7: not valid JSON: invalid number; expected digit after '-'"},
      {"{\"a\":1.}", "8: not valid JSON: invalid number; expected digit after '.'"},
      {"{\"a\":1e}", "8: not valid JSON: invalid number; expected '+', '-', or digit after exponent"},
      {"{\"a\":NaN}", "6: not valid JSON: invalid literal"},
      {"{\"a\":[1,]}", "9: not valid JSON: unexpected ']'; expected '[', '{', or a literal"},
      {"{\"a\":[1}", "8: not valid JSON: unexpected '}'; expected ']'"},
      {"{\"a\":\"x", "8: not valid JSON: invalid string: missing closing quote"},
      {"{\"a\":\"\\x\"}", "8: not valid JSON: invalid string: forbidden character after backslash"},
      {"{\"a\":\"\\u12g4\"}", R"(11: not valid JSON: invalid string: '\u' must be followed by 4 hex digits)"},
      {"{\"a\":\"\\ud800\"}", "13: not valid JSON: invalid string: surrogate U+D800..U+DBFF must be followed by U+DC00..U+DFFF"},
      {"{\"a\":\"\\ud800\\u0041\"}",
       "18: not valid JSON: invalid string: surrogate U+D800..U+DBFF must be followed by U+DC00..U+DFFF"},
      {"{\"a\":\"\\udc00\"}", "12: not valid JSON: invalid string: surrogate U+DC00..U+DFFF must follow U+D800..U+DBFF"},
      {"{\"a\":\"\t\"}", R"(7: not valid JSON: invalid string: control character U+0009 (HT) must be escaped to \u0009 or \t)"},
      {"{\"a\":\"\xff\"}", "7: not valid UTF-8"},
      {"{\"a\":\"\xed\xa0\x80\"}", "7: not valid UTF-8"},
      {"{\"a\":\"x\xc3", "8: not valid UTF-8"},
  };
  for (const auto& [line, error] : rows) {
    const auto parsed = parse_flat_json(line);
    ASSERT_FALSE(parsed) << line;
    EXPECT_EQ(std::to_string(parsed.error().offset + 1) + ": " + parsed.error().message, error) << line;
  }
}

TEST(EventLine, TypeAndTimeAndNumber) {
  event::RecordedEvent recorded;
  ASSERT_TRUE(read_event_line(R"({"evt.type":"execve","evt.time":1793613600123456789})", 3, recorded));
  const event::Event event = recorded.event();
  EXPECT_EQ(event.type, event::EventType::kExecve);
  EXPECT_EQ(event.time_ns, 1'793'613'600'123'456'789U);
  EXPECT_EQ(event.number, 3U);
  for (const char* typeless : {R"({"proc.name":"x"})", R"({"evt.type":null})", "{}"}) {
    ASSERT_TRUE(read_event_line(typeless, 1, recorded)) << typeless;
    EXPECT_EQ(recorded.event().type, event::EventType::kNone);
  }
  const auto unknown = read_event_line(R"({"evt.type":"opennat"})", 1, recorded);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error(), (Flaw{"unknown event type \"opennat\"", "did you mean openat?", 12}));
}

// Fields are looked up one by one: without a bound a line of some MiB would take minutes.
TEST(EventLine, TooManyKeys) {
  std::string line = R"({"evt.type":"openat")";
  for (int i = 0; i < 5000; ++i) line += ",\"container.label[a" + std::to_string(i) + "]\":\"x\"";
  event::RecordedEvent recorded;
  const auto read = read_event_line(line + "}", 1, recorded);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().message, "more than 4096 keys in one event");
}

TEST(EventLine, Losses) {
  event::RecordedEvent recorded;
  const auto loss = read_event_line(R"({"lost": 3, "hook": "file_open"})", 1, recorded);
  ASSERT_TRUE(loss);
  EXPECT_EQ(std::get<RecordedLoss>(*loss), (RecordedLoss{3, "file_open"}));
  for (const char* wrong : {R"({"lost": -1})", R"({"lost": "3"})", R"({"lost": 3, "hook": 5})", R"({"lost": 3, "fd.name": "x"})"})
    EXPECT_FALSE(read_event_line(wrong, 1, recorded)) << wrong;
}

}  // namespace
}  // namespace shrike::app
