// SPDX-License-Identifier: Apache-2.0
#include "outputs/summing.h"

#include <gtest/gtest.h>

namespace shrike::outputs {
namespace {

using std::chrono::seconds;

Summing::Shared alert(std::string rule, std::string id, std::string verdict = "alert", std::string source = "syscall") {
  auto made = std::make_shared<act::Alert>();
  made->rule = std::move(rule);
  made->id = std::move(id);
  made->message = "m" + made->id;
  made->verdict = std::move(verdict);
  made->source = std::move(source);
  return made;
}

TEST(Summing, FirstAtOnceTheRestAsOne) {
  Summing summing(seconds(30));
  const Summing::Time start{};
  const auto first = alert("r", "0");
  EXPECT_EQ(summing.add(first, start), first);
  for (int i = 1; i <= 5; ++i) EXPECT_FALSE(summing.add(alert("r", std::to_string(i)), start + seconds(i)));
  EXPECT_TRUE(summing.add(alert("other", "o"), start + seconds(6))) << "another rule has a window of its own";
  EXPECT_EQ(summing.held(), 5U);
  EXPECT_TRUE(summing.due(start + seconds(29)).empty());
  EXPECT_EQ(summing.next(), start + seconds(30));
  const auto due = summing.due(start + seconds(30));
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due[0]->id, "5");
  EXPECT_EQ(due[0]->message, "m5 (×5 in 30 s)");
  ASSERT_EQ(due[0]->fields.size(), 1U);
  EXPECT_EQ(due[0]->fields[0], (std::pair<std::string, act::FieldValue>("shrike.count", std::uint64_t{5})));
  EXPECT_EQ(summing.held(), 0U);
}

TEST(Summing, ARuleThatGoesOnIsToldOfEveryWindowAndOneThatStoppedStartsAnew) {
  Summing summing(seconds(10));
  const Summing::Time start{};
  std::uint64_t out = 0, sums = 0, counted = 0;
  for (int second = 0; second < 100; ++second) {
    for (const auto& sum : summing.due(start + seconds(second))) {
      ++sums;
      counted += std::get<std::uint64_t>(sum->fields.back().second);
    }
    if (summing.add(alert("r", "x"), start + seconds(second))) ++out;
  }
  EXPECT_EQ(out, 1U);
  EXPECT_EQ(sums, 9U);
  EXPECT_EQ(counted + summing.held() + out, 100U);
  EXPECT_EQ(summing.due(start + seconds(100)).size(), 1U);
  EXPECT_TRUE(summing.due(start + seconds(110)).empty());
  EXPECT_EQ(summing.next(), std::nullopt);
  EXPECT_TRUE(summing.add(alert("r", "x"), start + seconds(111)));
}

TEST(Summing, OneHeldBackGoesOutAsItIsAndAllGoOutAtTheEnd) {
  Summing summing(seconds(10));
  summing.add(alert("r", "0"), {});
  const auto second = alert("r", "1");
  summing.add(second, {});
  const auto due = summing.due({}, true);
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due[0], second);
  EXPECT_EQ(summing.next(), std::nullopt);
}

TEST(Summing, NothingIsHeldBackThatIsNoRepetition) {
  Summing summing(seconds(10));
  EXPECT_TRUE(summing.add(alert("r", "0"), {}));
  EXPECT_TRUE(summing.add(alert("r", "1", "blocked"), {})) << "a refusal among alerts of the same rule";
  EXPECT_TRUE(summing.add(alert("n", "2", "", "internal"), {}));
  EXPECT_TRUE(summing.add(alert("n", "3", "", "internal"), {}));
  Summing off(seconds(0));
  EXPECT_TRUE(off.add(alert("r", "0"), {}));
  EXPECT_TRUE(off.add(alert("r", "0"), {}));
}

}  // namespace
}  // namespace shrike::outputs
