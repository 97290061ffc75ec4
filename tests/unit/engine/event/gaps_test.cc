// SPDX-License-Identifier: Apache-2.0
#include "engine/event/gaps.h"

#include <gtest/gtest.h>

namespace shrike::event {
namespace {

TEST(Gaps, EveryOneReadsBack) {
  const std::string all = "path,arguments,user_unread,user_cut,fd_gone,names,rules,unsure";
  const auto parsed = parse_gaps(all);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(gaps_text(*parsed), all);
  EXPECT_TRUE(parsed->path && parsed->arguments && parsed->user_unread && parsed->user_cut && parsed->fd_gone && parsed->names &&
              parsed->rules && parsed->unsure);
  for (bool Gaps::* one : {&Gaps::path, &Gaps::arguments, &Gaps::user_unread, &Gaps::user_cut, &Gaps::fd_gone, &Gaps::names,
                           &Gaps::rules, &Gaps::unsure}) {
    Gaps gaps;
    gaps.*one = true;
    EXPECT_EQ(parse_gaps(gaps_text(gaps)), gaps);
  }
  EXPECT_EQ(gaps_text({}), "");
  EXPECT_EQ(parse_gaps(""), Gaps());
  EXPECT_FALSE(parse_gaps("path,roads").has_value());
}

}  // namespace
}  // namespace shrike::event
