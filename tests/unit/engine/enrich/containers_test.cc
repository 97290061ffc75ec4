// SPDX-License-Identifier: Apache-2.0
#include "engine/enrich/containers.h"

#include <gtest/gtest.h>

#include <map>

namespace shrike::enrich {
namespace {

const std::string kA = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const std::string kB = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";
constexpr std::uint64_t kMs = 1'000'000;

// Runtimes whose files appear when the test says so.
class FakeFiles final : public ContainerReader {
 public:
  std::map<std::string, std::string> names;    // by id: what its files say
  std::map<std::string, std::string> states;   // by cgroup: the id a runtime's state has for it
  std::map<std::string, std::string> bundles;  // by bundle: the cgroup it is for
  int reads = 0;

  std::optional<ContainerPlace> identify(const std::vector<std::string_view>&, std::size_t, std::string_view cgroup) override {
    const auto found = states.find(std::string(cgroup));
    if (found == states.end()) return std::nullopt;
    return ContainerPlace{.cgroup = std::string(cgroup), .id = found->second, .pod_uid = {}, .bundle = {}};
  }
  std::optional<ContainerPlace> identify_bundle(const std::string& bundle, const std::string& id,
                                                std::string_view cgroup) override {
    const auto found = bundles.find(bundle);
    if (found == bundles.end() || found->second != cgroup) return std::nullopt;
    return ContainerPlace{.cgroup = std::string(cgroup), .id = id, .pod_uid = {}, .bundle = bundle};
  }
  std::optional<ContainerReading> read(const ContainerPlace& place) override {
    ++reads;
    const auto found = names.find(place.id);
    if (found == names.end()) return std::nullopt;
    ContainerReading reading;
    reading.facts.name = found->second;
    return reading;
  }
};

class ContainersTest : public testing::Test {
 protected:
  const event::Container* find(std::uint64_t cgroup, const std::string& path) {
    return containers_.find(cgroup, path, 1, now_ns_);
  }
  static std::string name_of(const event::Container* container) {
    if (container == nullptr) return "host";
    return container->facts ? *container->facts->name : "?";
  }
  static event::Process process(const std::vector<std::string>& argv, const std::string& cwd = "/work/") {
    std::string args;
    for (const std::string& argument : argv) args += argument + '\0';
    event::Process maker;
    maker.image = std::make_shared<const event::Image>("runc", "/usr/sbin/runc", args, static_cast<std::uint32_t>(args.size()),
                                                       cwd, event::FileIdentity{});
    return maker;
  }

  FakeFiles files_;
  std::uint64_t now_ns_ = 1'000'000 * kMs;
  Containers containers_{files_, {.containers = 4, .cgroups = 8}, [this] { return now_ns_; }};
};

TEST_F(ContainersTest, FactsAreReadWhenTheCgroupIsMade) {
  files_.names[kA] = "web";
  containers_.made(7, "/docker/" + kA, nullptr, 0);
  EXPECT_EQ(files_.reads, 1);
  EXPECT_EQ(name_of(find(7, "/docker/" + kA)), "web");
  EXPECT_EQ(find(7, "/docker/" + kA)->short_id(), kA.substr(0, 12));
  EXPECT_EQ(name_of(find(8, "/docker/" + kA + "/below")), "web") << "a cgroup below belongs to it";
  EXPECT_EQ(find(9, "/docker/" + kA + "/below")->id, kA);
  EXPECT_EQ(files_.reads, 1);
  EXPECT_EQ(name_of(find(10, "/docker")), "host");
  EXPECT_EQ(find(0, "/docker/" + kA), nullptr) << "no cgroup";
  EXPECT_EQ(containers_.counters().late, 0U);
}

TEST_F(ContainersTest, FactsThatAreLateAreLookedForAgain) {
  containers_.made(7, "/docker/" + kA, nullptr, 0);
  EXPECT_EQ(name_of(find(7, "/docker/" + kA)), "?") << "the first event tries again at once";
  EXPECT_EQ(files_.reads, 2);
  EXPECT_EQ(name_of(find(7, "/docker/" + kA)), "?");
  EXPECT_EQ(files_.reads, 2) << "then pauses";
  files_.names[kA] = "web";
  now_ns_ += 2 * kMs;
  EXPECT_EQ(name_of(find(7, "/docker/" + kA)), "web");
  EXPECT_EQ(containers_.counters().late, 1U);
}

TEST_F(ContainersTest, PausesGrowAndWhatNoEventAsksForIsReadOnSchedule) {
  containers_.made(7, "/docker/" + kA, nullptr, 0);
  for (int i = 0; i < 100; ++i) {
    now_ns_ += 1000 * kMs;
    containers_.refresh();
  }
  EXPECT_LT(files_.reads, 25);
  EXPECT_GT(files_.reads, 10);
  files_.names[kA] = "web";
  now_ns_ += 33'000 * kMs;
  containers_.refresh();
  EXPECT_EQ(containers_.counters().read, 1U);
}

TEST_F(ContainersTest, AnAlertLooksOnceMore) {
  containers_.made(7, "/docker/" + kA, nullptr, 0);
  const event::Container* container = find(7, "/docker/" + kA);
  EXPECT_FALSE(containers_.look_again(*container));
  EXPECT_EQ(containers_.counters().alerts_without, 1U);
  files_.names[kA] = "web";
  EXPECT_TRUE(containers_.look_again(*container)) << "whatever the pause";
  EXPECT_EQ(name_of(container), "web");
  EXPECT_FALSE(containers_.look_again(*container)) << "nothing new";
  EXPECT_EQ(containers_.counters().alerts_without, 1U);
}

TEST_F(ContainersTest, TheMakersArgumentsSayWhereTheBundleIs) {
  files_.names["demo"] = "demo";
  files_.bundles["/work/b"] = "/slice/demo";
  const event::Process runc = process({"runc", "run", "-b", "b", "demo"});
  containers_.made(6, "/slice", &runc, 0);
  EXPECT_EQ(name_of(find(6, "/slice")), "host") << "runc makes the cgroups above as well";
  containers_.made(7, "/slice/demo", &runc, 0);
  EXPECT_EQ(name_of(find(7, "/slice/demo")), "demo");
  containers_.made(8, "/user/demo", &runc, 1000);
  EXPECT_EQ(find(8, "/user/demo"), nullptr);

  files_.bundles["/work/b"] = "/slice/demo/inner";
  containers_.made(9, "/slice/demo/inner", &runc, 0);
  EXPECT_EQ(find(9, "/slice/demo/inner")->id, "demo") << "root in a container can't make itself another one";

  files_.bundles["/work/b"] = "/other";
  containers_.made(10, "/other", &runc, 1000);
  EXPECT_EQ(find(10, "/other"), nullptr) << "an unprivileged process's word is none";
}

// Would catch: files asked for at each of a thousand nested cgroups; a container told by its name that is not seen down there;
// the word of a maker who is in a container himself.
TEST_F(ContainersTest, DeepCgroupsAreNotAskedAbout) {
  std::string deep;
  for (int i = 0; i < 30; ++i) deep += "/d";
  files_.states[deep + "/runc"] = "web";
  files_.states["/d/runc"] = "web";
  files_.names["web"] = "web";
  files_.names[kA] = "named";
  EXPECT_EQ(name_of(find(7, deep + "/runc")), "host");
  EXPECT_EQ(name_of(find(8, "/d/runc")), "web");
  EXPECT_EQ(name_of(find(9, deep + "/" + kA)), "named");
}

TEST_F(ContainersTest, WhoIsInAContainerIsNotBelieved) {
  files_.names[kA] = "web";
  files_.bundles["/work/x"] = "/outside/forged";
  files_.names["forged"] = "trusted";
  containers_.made(7, "/docker/" + kA, nullptr, 0);
  const event::Process maker = process({"runc", "create", "--bundle", "/work/x", "forged"});
  containers_.made(8, "/outside/forged", &maker, 0, 7);
  EXPECT_EQ(name_of(find(8, "/outside/forged")), "host");
}

TEST_F(ContainersTest, ACgroupWithoutANameIsAskedAboutUntilItIsOldEnough) {
  EXPECT_EQ(find(7, "/demo"), nullptr);
  files_.names["demo"] = "demo";
  files_.states["/demo"] = "demo";
  EXPECT_EQ(find(7, "/demo"), nullptr) << "not at each event";
  now_ns_ += 2 * kMs;
  EXPECT_EQ(name_of(find(7, "/demo")), "demo");

  for (int i = 0; i < 20; ++i) {
    now_ns_ += 20'000 * kMs;
    EXPECT_EQ(find(8, "/ssh"), nullptr);
  }
  files_.states["/ssh"] = "ssh";
  now_ns_ += 20'000 * kMs;
  EXPECT_EQ(find(8, "/ssh"), nullptr) << "a cgroup of the host stays one";
}

TEST_F(ContainersTest, ANewCgroupOfTheSamePathIsANewContainer) {
  files_.names["demo"] = "one";
  files_.states["/demo"] = "demo";
  containers_.made(7, "/demo", nullptr, 0);
  EXPECT_EQ(name_of(find(7, "/demo")), "one");
  containers_.removed(7);
  EXPECT_EQ(name_of(find(7, "/demo")), "one") << "for who still asks";
  files_.names["demo"] = "two";
  containers_.made(8, "/demo", nullptr, 0);
  EXPECT_EQ(name_of(find(8, "/demo")), "two");
  // And if the record of its making was lost.
  files_.names["demo"] = "three";
  EXPECT_EQ(name_of(find(9, "/demo")), "three");
  EXPECT_EQ(containers_.size(), 1U);
}

TEST_F(ContainersTest, WhatIsGoneIsForgotten) {
  files_.names[kA] = "web";
  containers_.made(7, "/docker/" + kA, nullptr, 0);
  containers_.removed(7);
  containers_.refresh();
  EXPECT_EQ(containers_.size(), 1U);
  now_ns_ += 10'000 * kMs;
  containers_.refresh();
  EXPECT_EQ(containers_.size(), 0U);
  EXPECT_EQ(containers_.counters().evicted, 0U);
}

TEST_F(ContainersTest, AreBounded) {
  for (std::uint64_t i = 1; i <= 20; ++i) {
    const std::string id = kA.substr(0, 62) + std::to_string(10 + i);
    files_.names[id] = id;
    containers_.made(i, "/docker/" + id, nullptr, 0);
    EXPECT_LE(containers_.size(), 4U);
    EXPECT_EQ(name_of(find(i, "/docker/" + id)), id);
  }
  EXPECT_EQ(containers_.counters().evicted, 16U);
  // One that is gone goes first, and does not count.
  containers_.removed(19);
  containers_.made(21, "/docker/" + kB, nullptr, 0);
  EXPECT_EQ(containers_.counters().evicted, 16U);
  // An evicted one that still runs is found again.
  const std::string first = kA.substr(0, 62) + "11";
  EXPECT_EQ(name_of(find(1, "/docker/" + first)), first);
  for (std::uint64_t i = 100; i < 200; ++i) find(i, "/host" + std::to_string(i));
  EXPECT_GT(containers_.counters().evicted_cgroups, 80U);
  EXPECT_EQ(name_of(find(1, "/docker/" + first)), first);
}

TEST(RuntimeCall, IsReadFromArguments) {
  const auto parsed = [](const std::vector<std::string>& argv, const std::string& cwd = "/work/") {
    std::string args;
    for (const std::string& argument : argv) args += argument + '\0';
    return parse_runtime_call({"runc", "/usr/sbin/runc", args, static_cast<std::uint32_t>(args.size()), cwd, {}});
  };
  EXPECT_EQ(parsed({"runc", "--root", "/r", "--log", "l", "create", "--bundle", "/b/c", "--pid-file", "/p", "id1"}),
            (RuntimeCall{"/b/c", "id1"}));
  EXPECT_EQ(parsed({"runc", "run", "-b", "x/", "id1"}), (RuntimeCall{"/work/x", "id1"}));
  EXPECT_EQ(parsed({"crun", "run", "--bundle=.", "id1"}), (RuntimeCall{"/work", "id1"}));
  EXPECT_EQ(parsed({"runc", "run", "id1"}), (RuntimeCall{"/work", "id1"}));
  EXPECT_EQ(parsed({"runc", "run", "id1"}, ""), std::nullopt);
  EXPECT_EQ(parsed({"runc", "delete", "-f", "id1"}), std::nullopt);
  EXPECT_EQ(parsed({"mkdir", "-p"}), std::nullopt);
  EXPECT_EQ(parsed({"runc"}), std::nullopt);
  EXPECT_EQ(parse_runtime_call({"runc", "/r", std::string("runc\0run\0id", 11), 5000, "/", {}}), std::nullopt)
      << "arguments were cut";
}

}  // namespace
}  // namespace shrike::enrich
