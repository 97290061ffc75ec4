// SPDX-License-Identifier: Apache-2.0
// What transformers yield (rule-language.md 2.8).
#include "engine/program/call.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/program/predicate.h"
#include "tests/support/count_new.h"
#include "tests/support/world.h"

namespace shrike::program {
namespace {

using event::Value;
using event::ValueList;

class Calls : public testing::Test {
 protected:
  Value texts(std::initializer_list<std::string_view> items) {
    const std::span<Value> values = arena_.array<Value>(items.size());
    std::ranges::transform(items, values.begin(), [](std::string_view item) { return Value(item); });
    return Value(ValueList{values.data(), values.size()});
  }
  // Lists as "(a,b)", absent as "-".
  std::string call(Function function, std::vector<Value> arguments, std::optional<char> option = std::nullopt) {
    const Value value = apply({function, {}, option}, arguments, arena_);
    return value.absent() ? "-" : event::list_text(value);
  }

  Arena arena_;
};

TEST_F(Calls, OfOneText) {
  EXPECT_EQ(call(Function::kTolower, {"AbZ\xc3\x84[1"}), "abz\xc3\x84[1") << "ASCII alone";
  EXPECT_EQ(call(Function::kToupper, {"aBz\xc3\xa4{1"}), "ABZ\xc3\xa4{1");
  EXPECT_EQ(call(Function::kBasename, {"/x/y.sh"}), "y.sh");
  EXPECT_EQ(call(Function::kBasename, {"y.sh"}), "y.sh");
  EXPECT_EQ(call(Function::kBasename, {"/"}), "");
  EXPECT_EQ(call(Function::kBasename, {"/x/"}), "");
  EXPECT_EQ(call(Function::kLen, {""}), "0");
  EXPECT_EQ(call(Function::kLen, {"\xc3\xa4"}), "2") << "bytes";
}

TEST_F(Calls, Base64) {
  EXPECT_EQ(call(Function::kB64, {"Zm9vYmFy"}), "foobar");
  EXPECT_EQ(call(Function::kB64, {"Zm9vYg=="}), "foob");
  EXPECT_EQ(call(Function::kB64, {"Zm9vYg"}), "foob") << "padding is optional";
  EXPECT_EQ(call(Function::kB64, {"Zm9vYmE="}), "fooba");
  EXPECT_EQ(call(Function::kB64, {"+/8="}), "\xfb\xff");
  EXPECT_EQ(call(Function::kB64, {""}), "");
  for (const char* text : {"!!", "Z", "Zm9vY", "Zm9v Yg==", "Zm9vYg=", "Zm9vYg===", "Zm=v", "-_8="})
    EXPECT_EQ(call(Function::kB64, {text}), "-") << text;
}

TEST_F(Calls, OfLists) {
  EXPECT_EQ(call(Function::kLen, {texts({"a", "b"})}), "2");
  EXPECT_EQ(call(Function::kLen, {texts({})}), "0");
  EXPECT_EQ(call(Function::kJoin, {",", texts({"a", "", "b"})}), "a,,b");
  EXPECT_EQ(call(Function::kJoin, {",", texts({"a"})}), "a");
  EXPECT_EQ(call(Function::kJoin, {",", texts({})}), "");
  EXPECT_EQ(call(Function::kConcat, {"a", Value(std::int64_t{-5}), Value(true), ""}), "a-5true");
}

TEST_F(Calls, AbsentArgumentsMakeAbsentResults) {
  const Value holed[] = {Value("a"), Value()};
  EXPECT_EQ(call(Function::kTolower, {Value()}), "-");
  EXPECT_EQ(call(Function::kConcat, {"a", Value()}), "-");
  EXPECT_EQ(call(Function::kLen, {Value()}), "-");
  EXPECT_EQ(call(Function::kJoin, {",", Value(ValueList{holed, 2})}), "-");
  EXPECT_EQ(call(Function::kJoin, {Value(), texts({"a"})}), "-");
}

TEST_F(Calls, Getopt) {
  struct Row {
    std::vector<std::string_view> arguments;
    std::string_view known;
    const char* want;
  };
  for (const Row& row : std::vector<Row>{
           {{"-v", "-o", "out", "f"}, "vo:", "(v,o,out)"},
           {{"-vo", "out"}, "vo:", "(v,o,out)"},
           {{"-oout", "-v"}, "vo:", "(o,out,v)"},
           {{"f", "-v"}, "vo:", "()"},
           {{"-v", "-", "-v"}, "vo:", "(v)"},
           {{"-v", "--", "-v"}, "vo:", "(v)"},
           {{"-v", "", "-v"}, "vo:", "(v)"},
           {{"-x", "-v"}, "vo:", "(?,v)"},
           {{"-xv"}, "vo:", "(?,v)"},
           {{"-:"}, "vo:", "(?)"},
           {{"-v", "-o"}, "vo:", "(v,)"},
           {{"-o", "-v"}, "vo:", "(o,-v)"},
           {{"-o", ""}, "vo:", "(o,)"},
           {{}, "vo:", "()"},
       }) {
    const std::span<Value> values = arena_.array<Value>(row.arguments.size());
    std::ranges::transform(row.arguments, values.begin(), [](std::string_view item) { return Value(item); });
    EXPECT_EQ(call(Function::kGetopt, {Value(ValueList{values.data(), values.size()}), row.known}), row.want);
  }
}

TEST_F(Calls, GetoptOfOneOption) {
  EXPECT_EQ(call(Function::kGetopt, {texts({"-v", "-o", "out", "f"}), "vo:"}, 'o'), "out");
  EXPECT_EQ(call(Function::kGetopt, {texts({"-o", "a", "-o", "b"}), "vo:"}, 'o'), "b") << "the last one";
  EXPECT_EQ(call(Function::kGetopt, {texts({"-v"}), "vo:"}, 'v'), "v") << "a flag yields itself";
  EXPECT_EQ(call(Function::kGetopt, {texts({"-v"}), "vo:"}, 'o'), "-");
  EXPECT_EQ(call(Function::kGetopt, {texts({"-o"}), "vo:"}, 'o'), "") << "its argument is missing";
  EXPECT_EQ(call(Function::kGetopt, {texts({"f", "-v"}), "vo:"}, 'v'), "-");
}

// An event that fires nothing costs no look at the heap (issue 4).
TEST_F(Calls, NothingComesFromTheHeap) {
  const Value list = texts({"-v", "-o", "out"});
  const Value number(std::int64_t{-9'000'000'000'000'000'000});
  const std::string long_text(300, 'x');
  const std::size_t before = allocations;
  for (const auto function : {Function::kTolower, Function::kToupper, Function::kB64, Function::kBasename, Function::kLen}) {
    const Value arguments[] = {Value(long_text)};
    EXPECT_FALSE(apply({function, {}, std::nullopt}, arguments, arena_).absent());
  }
  const Value joined[] = {Value(","), list};
  EXPECT_FALSE(apply({Function::kJoin, {}, std::nullopt}, joined, arena_).absent());
  const Value concatenated[] = {Value(long_text), number, Value(true)};
  EXPECT_FALSE(apply({Function::kConcat, {}, std::nullopt}, concatenated, arena_).absent());
  const Value options[] = {list, Value("vo:")};
  EXPECT_FALSE(apply({Function::kGetopt, {}, std::nullopt}, options, arena_).absent());
  EXPECT_FALSE(apply({Function::kGetopt, {}, 'o'}, options, arena_).absent());
  EXPECT_EQ(allocations, before);
}

TEST_F(Calls, NorDoPatterns) {
  const program::Program program =
      test::compile_text(test::one_rule("fd.name iglob /A-name-longer-than-any-small-string/*/x[a-c]?.so and fd.name pmatch "
                                        "(/a-name-longer-than-any-small-string/*/x*) and fd.name regex /a-name.*\\.so"));
  ASSERT_EQ(program.predicates.size(), 3U);
  const Value name("/a-name-longer-than-any-small-string/and-another-one/xbc.so");
  EXPECT_TRUE(holds(program.predicates[2], name)) << "RE2 builds its automaton as it goes";
  const std::size_t before = allocations;
  for (const Predicate& predicate : program.predicates) EXPECT_TRUE(holds(predicate, name)) << predicate.text;
  EXPECT_EQ(allocations, before);
}

// A rule on the base name must see the names of hard links, as a rule on the name does.
TEST_F(Calls, OtherNamesOfAnArgumentAreOtherNamesOfTheResult) {
  const Value others[] = {Value("/etc/shadow"), Value("/srv/x")};
  Value name("/tmp/y");
  name.also = {others, 2};
  const Value arguments[] = {name};
  const Value base = apply({Function::kBasename, {}, std::nullopt}, arguments, arena_);
  EXPECT_EQ(event::to_text(base), "y");
  ASSERT_EQ(base.also.count, 2U);
  EXPECT_EQ(event::to_text(base.also.items[0]), "shadow");
  EXPECT_EQ(event::to_text(base.also.items[1]), "x");
}

// What one name yields nothing for must not hide another name, nor read as an empty text further on.
TEST_F(Calls, NamesThatYieldNothing) {
  const Value others[] = {Value("aGVsbG8="), Value("!")};
  Value name("no base64 either");
  name.also = {others, 2};
  const Value decoded = apply({Function::kB64, {}, std::nullopt}, std::span(&name, 1), arena_);
  EXPECT_TRUE(decoded.absent());
  ASSERT_EQ(decoded.also.count, 2U);
  EXPECT_TRUE(decoded.also.items[1].absent());
  const Value lower = apply({Function::kTolower, {}, std::nullopt}, std::span(&decoded, 1), arena_);
  EXPECT_TRUE(lower.absent());
  ASSERT_EQ(lower.also.count, 2U);
  EXPECT_EQ(event::to_text(lower.also.items[0]), "hello");
  EXPECT_TRUE(lower.also.items[1].absent());
  Predicate predicate;
  predicate.op = Op::kEqual;
  predicate.constants = Texts{"hello"};
  EXPECT_TRUE(holds(predicate, lower));
  predicate.constants = Texts{""};
  EXPECT_FALSE(holds(predicate, lower));
  predicate.op = Op::kNotEqual;
  EXPECT_FALSE(holds(predicate, lower)) << "of a name nothing is known of";
}

}  // namespace
}  // namespace shrike::program
