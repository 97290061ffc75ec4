// SPDX-License-Identifier: Apache-2.0
#include "engine/enrich/container_path.h"

#include <gtest/gtest.h>

namespace shrike::enrich {
namespace {

const std::string kA = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const std::string kB = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";
const std::string kUid = "7f0c5d1e-1111-2222-3333-444455556666";
const std::string kUidSlice = "7f0c5d1e_1111_2222_3333_444455556666";

struct Row {
  std::string path;
  std::string id, cgroup, pod_uid;  // id empty: no container
};

TEST(ContainerPath, EveryShapeAndItsNearMisses) {
  const Row rows[] = {
      {"/docker/" + kA, kA, "/docker/" + kA, ""},
      {"/docker/" + kA + "/init.scope", kA, "/docker/" + kA, ""},
      {"/system.slice/docker-" + kA + ".scope", kA, "/system.slice/docker-" + kA + ".scope", ""},
      {"/libpod_parent/libpod-" + kA, kA, "/libpod_parent/libpod-" + kA, ""},
      {"/libpod_parent/" + kB + "/libpod-" + kA, kA, "/libpod_parent/" + kB + "/libpod-" + kA, ""},
      {"/machine.slice/libpod-" + kA + ".scope/container", kA, "/machine.slice/libpod-" + kA + ".scope", ""},
      {"/machine.slice/machine-libpod_pod_" + kB + ".slice/libpod-" + kA + ".scope", kA,
       "/machine.slice/machine-libpod_pod_" + kB + ".slice/libpod-" + kA + ".scope", ""},
      {"/kubepods/burstable/pod" + kUid + "/" + kA, kA, "/kubepods/burstable/pod" + kUid + "/" + kA, kUid},
      {"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + kUidSlice + ".slice/cri-containerd-" + kA + ".scope",
       kA,
       "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + kUidSlice + ".slice/cri-containerd-" + kA + ".scope",
       kUid},
      {"/kubepods.slice/kubepods-pod" + kUidSlice + ".slice/crio-" + kA + ".scope", kA,
       "/kubepods.slice/kubepods-pod" + kUidSlice + ".slice/crio-" + kA + ".scope", kUid},
      // A static pod's uid is a hash.
      {"/kubepods/pod0123456789abcdef0123456789abcdef/" + kA, kA, "/kubepods/pod0123456789abcdef0123456789abcdef/" + kA,
       "0123456789abcdef0123456789abcdef"},
      {"/system.slice/kubepods-pod" + kUidSlice + ".slice:cri-containerd:" + kA, kA,
       "/system.slice/kubepods-pod" + kUidSlice + ".slice:cri-containerd:" + kA, ""},
      // Whoever is in a container may make cgroups below its own, with any name: the outermost counts.
      {"/docker/" + kA + "/docker/" + kB, kA, "/docker/" + kA, ""},
      {"/docker/" + kA + "/kubepods/pod" + kUid + "/" + kB, kA, "/docker/" + kA, ""},

      {"/", "", "", ""},
      {"", "", "", ""},
      {"/process_api/9f366b544af7516a77ef4c59d3c61552", "", "", ""},
      {"/user.slice/" + kA.substr(0, 63), "", "", ""},
      {"/user.slice/" + kA + "0", "", "", ""},
      {"/user.slice/0123456789ABCDEF" + kA.substr(16), "", "", ""},
      {"/machine.slice/libpod-conmon-" + kA + ".scope", "", "", ""},
      {"/system.slice/crio-conmon-" + kA + ".scope", "", "", ""},
      {"/system.slice/job-" + kA + ".service", "", "", ""},
      {"/system.slice/docker-" + kA + ".mount", "", "", ""},
      {"/system.slice/docker-" + kA.substr(1) + ".scope", "", "", ""},
      {"/machine.slice/machine-libpod_pod_" + kB + ".slice", "", "", ""},
      {"/k8s.io/ctr1", "", "", ""},
      {"/demo-abc123", "", "", ""},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.path);
    const auto found = parse_container_path(row.path);
    ASSERT_EQ(found.has_value(), !row.id.empty());
    if (!found) continue;
    EXPECT_EQ(found->id, row.id);
    EXPECT_EQ(found->cgroup, row.cgroup);
    EXPECT_EQ(found->pod_uid, row.pod_uid);
  }
}

TEST(ContainerPath, Components) {
  EXPECT_EQ(components("/a/b"), (std::vector<std::string_view>{"a", "b"}));
  EXPECT_EQ(components("/"), (std::vector<std::string_view>{}));
  EXPECT_EQ(components("a//b/"), (std::vector<std::string_view>{"a", "b"}));
}

}  // namespace
}  // namespace shrike::enrich
