// SPDX-License-Identifier: Apache-2.0
#include "engine/enrich/resolver.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <thread>

namespace shrike::enrich {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::atomic<int> second_byte;  // of "moves"
std::atomic<bool> answers;     // "slow" does
std::atomic<bool> slow_was_asked;

event::IpAddress ip(int b, int d) {
  return {.bytes = {10, static_cast<std::uint8_t>(b), 0, static_cast<std::uint8_t>(d)}, .family = 4};
}

Resolver::Addresses ask(const std::string& host) {
  if (host == "one") return {ip(0, 1)};
  if (host == "both") return {ip(0, 1), ip(0, 2)};
  if (host == "moves") return {ip(second_byte, 3)};
  if (host == "slow") {
    slow_was_asked = true;
    while (!answers) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return {ip(0, 4)};
  }
  return {};
}

bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 5000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return condition();
}

TEST(Resolver, NamesOfAddresses) {
  Resolver resolver(ask);
  resolver.refresh();
  EXPECT_THAT(resolver.names_of(ip(0, 1)), IsEmpty());
  resolver.set_hosts({"both", "one", "unknown"});
  ASSERT_TRUE(eventually([&] { return resolver.refresh(), resolver.names_of(ip(0, 1)).size() == 2; }));
  EXPECT_THAT(resolver.names_of(ip(0, 1)), ElementsAre("both", "one"));
  EXPECT_THAT(resolver.names_of(ip(0, 2)), ElementsAre("both"));
  EXPECT_THAT(resolver.names_of(ip(0, 9)), IsEmpty());
}

TEST(Resolver, OtherHostsReplaceThem) {
  Resolver resolver(ask);
  second_byte = 1;
  resolver.set_hosts({"moves", "one"});
  ASSERT_TRUE(eventually([&] { return resolver.refresh(), resolver.names_of(ip(0, 1)).size() == 1; }));
  EXPECT_THAT(resolver.names_of(ip(1, 3)), ElementsAre("moves"));
  second_byte = 2;
  resolver.set_hosts({"moves"});
  ASSERT_TRUE(eventually([&] { return resolver.refresh(), resolver.names_of(ip(2, 3)).size() == 1; }));
  EXPECT_THAT(resolver.names_of(ip(1, 3)), IsEmpty());
  EXPECT_THAT(resolver.names_of(ip(0, 1)), IsEmpty());
}

TEST(Resolver, NobodyWaitsForAnAnswer) {
  {
    Resolver resolver(ask);
    resolver.set_hosts({"one", "slow"});
    ASSERT_TRUE(eventually([&] { return slow_was_asked.load(); }));
    resolver.refresh();
    EXPECT_THAT(resolver.names_of(ip(0, 1)), ElementsAre("one"));
  }  // and nobody here either
  answers = true;
}

TEST(Resolver, AsksTheHost) {
  const Resolver::Addresses found = Resolver::resolve("127.0.0.1");
  EXPECT_EQ(found, (Resolver::Addresses{{.bytes = {127, 0, 0, 1}, .family = 4}}));
}

}  // namespace
}  // namespace shrike::enrich
