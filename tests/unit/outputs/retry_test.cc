// SPDX-License-Identifier: Apache-2.0
#include "outputs/retry.h"

#include <gtest/gtest.h>

namespace shrike::outputs {
namespace {

using std::chrono::milliseconds;

TEST(Backoff, DoublesUpToTheCapAndIsResetBySuccess) {
  Backoff backoff({.base = milliseconds(1000), .cap = milliseconds(60'000)}, [] { return 0.999999; });
  const Backoff::Time now{};
  for (const int most : {1000, 2000, 4000, 8000, 16'000, 32'000, 60'000, 60'000}) {
    backoff.failed(now);
    EXPECT_EQ(backoff.wait(), milliseconds(most - 1));
    EXPECT_EQ(backoff.next(), now + backoff.wait());
  }
  for (int i = 0; i < 1000; ++i) backoff.failed(now);
  EXPECT_EQ(backoff.wait(), milliseconds(59'999)) << "the doubling has overflowed";
  backoff.succeeded();
  EXPECT_EQ(backoff.wait(), milliseconds(0));
  EXPECT_LE(backoff.next(), now);
  backoff.failed(now);
  EXPECT_EQ(backoff.wait(), milliseconds(999));
}

TEST(Backoff, JitterIsFull) {
  double random = 0;
  Backoff backoff({.base = milliseconds(1000), .cap = milliseconds(60'000)}, [&] { return random; });
  backoff.failed({});
  EXPECT_EQ(backoff.wait(), milliseconds(0));
  random = 0.5;
  backoff.failed({});
  EXPECT_EQ(backoff.wait(), milliseconds(1000));
}

TEST(Backoff, WhatTheOtherSideAskedForWins) {
  Backoff backoff({}, [] { return 0.5; });
  const Backoff::Time now{};
  backoff.failed(now, milliseconds(120'000));
  EXPECT_EQ(backoff.wait(), milliseconds(120'000)) << "more than the cap";
  backoff.failed(now, milliseconds(0));
  EXPECT_EQ(backoff.next(), now);
  backoff.failed(now, std::chrono::hours(24));
  EXPECT_EQ(backoff.wait(), std::chrono::hours(1));
  backoff.failed(now, milliseconds(-5));
  EXPECT_EQ(backoff.next(), now);
  backoff.failed(now);
  EXPECT_EQ(backoff.wait(), milliseconds(8000)) << "asked-for waits are failures too";
}

}  // namespace
}  // namespace shrike::outputs
