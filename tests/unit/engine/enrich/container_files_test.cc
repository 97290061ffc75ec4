// SPDX-License-Identifier: Apache-2.0
#include "engine/enrich/container_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "engine/enrich/container_path.h"

namespace shrike::enrich {
namespace {

const std::string kId = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const std::string kSandbox = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";

// A bundle's config.json of nothing but what the tests look at.
std::string config(const std::string& annotations, const std::string& more = "") {
  return R"({"ociVersion":"1.0.2","root":{"path":"rootfs"},"annotations":{)" + annotations +
         R"(},"process":{"capabilities":{"bounding":["CAP_KILL"]}},
            "linux":{"namespaces":[{"type":"pid"},{"type":"network"},{"type":"ipc"}],"maskedPaths":["/proc/kcore"]})" +
         more + "}";
}

class ContainerFilesTest : public testing::Test {
 protected:
  void SetUp() override { root_ = std::filesystem::temp_directory_path() / ("shrike-files-" + std::to_string(getpid())); }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void write(const std::string& path, const std::string& text) const {
    const std::filesystem::path at = root_.string() + path;
    std::filesystem::create_directories(at.parent_path());
    std::ofstream(at) << text;
  }
  ContainerFiles files() const { return ContainerFiles("/sys/fs/cgroup", root_); }
  static ContainerPlace place(const std::string& id, const std::string& bundle = "") {
    return {.cgroup = {}, .id = id, .pod_uid = {}, .bundle = bundle};
  }

  std::filesystem::path root_;
};

TEST_F(ContainerFilesTest, Runc) {
  write(
      "/run/runc/demo/state.json",
      R"({"id":"demo","cgroup_paths":{"":"/sys/fs/cgroup/unified/demo","pids":"/sys/fs/cgroup/a/demo"},"config":{"labels":["x=y","bundle=/b"]}})");
  write("/b/config.json", config(R"("team":"red")"));
  ContainerFiles files("/sys/fs/cgroup/unified", root_);
  const auto found = files.identify(components("/demo"), 0, "/demo");
  ASSERT_TRUE(found);
  EXPECT_EQ(*found, (ContainerPlace{.cgroup = "/demo", .id = "demo", .pod_uid = {}, .bundle = "/b"}));
  EXPECT_FALSE(files.identify(components("/x/demo"), 1, "/x/demo")) << "another cgroup of that name";
  EXPECT_FALSE(files.identify(components("/other"), 0, "/other"));
  EXPECT_FALSE(files.identify(components("/.."), 0, "/.."));
  const auto reading = files.read(*found);
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->facts.type, "runc");
  EXPECT_EQ(reading->facts.name, "demo");
  EXPECT_EQ(reading->facts.repository, "");
  EXPECT_EQ(reading->facts.labels, (event::Labels{{"team", "red"}}));
  EXPECT_EQ(reading->facts.privileged, false);
  EXPECT_EQ(reading->facts.host_network, false);
  EXPECT_FALSE(reading->facts.pod);
  EXPECT_EQ(reading->rootfs, root_.string() + "/b/rootfs");
}

TEST_F(ContainerFilesTest, RuncWithSystemdAndCrun) {
  write("/run/runc/demo/state.json",
        R"({"cgroup_paths":{"":"/sys/fs/cgroup/system.slice/runc-demo.scope"},"config":{"labels":["bundle=/b"]}})");
  write("/run/crun/c1/status", R"({"pid":7,"cgroup-path":"/c1","bundle":"/b"})");
  write("/b/config.json", config(""));
  auto reader = files();
  const std::string scope = "/system.slice/runc-demo.scope";
  const auto runc = reader.identify(components(scope), 1, scope);
  ASSERT_TRUE(runc);
  EXPECT_EQ(runc->id, "demo");
  const auto crun = reader.identify(components("/c1"), 0, "/c1");
  ASSERT_TRUE(crun);
  EXPECT_EQ(crun->bundle, "/b");
  EXPECT_EQ(reader.read(*crun)->facts.type, "crun");
  EXPECT_FALSE(reader.identify(components("/a/c1"), 1, "/a/c1"));
}

TEST_F(ContainerFilesTest, ABundleSaysWhichCgroupItIsFor) {
  const auto fits = [&](const std::string& given, const std::string& cgroup) {
    write("/b/config.json", R"({"ociVersion":"1","linux":{"cgroupsPath":")" + given + R"("}})");
    return files().identify_bundle("/b", "demo", cgroup).has_value();
  };
  EXPECT_TRUE(fits("", "/demo"));
  EXPECT_TRUE(fits("", "/a/b/demo"));
  EXPECT_FALSE(fits("", "/a"));
  EXPECT_TRUE(fits("/k8s/demo", "/k8s/demo"));
  EXPECT_FALSE(fits("/k8s/demo", "/k8s"));
  EXPECT_FALSE(fits("/k8s/demo", "/demo"));
  EXPECT_TRUE(fits("a/demo", "/x/a/demo"));
  EXPECT_TRUE(fits("system.slice:runc:demo", "/system.slice/runc-demo.scope"));
  EXPECT_FALSE(fits("system.slice:runc:demo", "/system.slice/runc-other.scope"));
  write("/b/config.json", R"({"linux":{}})");
  EXPECT_FALSE(files().identify_bundle("/b", "demo", "/demo")) << "no bundle's";
  EXPECT_FALSE(files().identify_bundle("/none", "demo", "/demo"));
}

TEST_F(ContainerFilesTest, ContainerdByCtrAndByCri) {
  const std::string tasks = "/run/containerd/io.containerd.runtime.v2.task/";
  auto reader = files();
  write(tasks + "default/c1/config.json",
        R"({"ociVersion":"1","annotations":{"team":"red"},"linux":{"cgroupsPath":"/default/c1"}})");
  const auto found = reader.identify(components("/default/c1"), 1, "/default/c1");
  ASSERT_TRUE(found);
  const auto ctr = reader.read(*found);
  ASSERT_TRUE(ctr);
  EXPECT_EQ(ctr->facts.type, "containerd");
  EXPECT_EQ(ctr->facts.name, "c1");
  EXPECT_EQ(ctr->facts.image, std::nullopt) << "its database, which is not there, has it";
  EXPECT_EQ(ctr->facts.labels, (event::Labels{{"team", "red"}}));
  EXPECT_FALSE(reader.identify(components("/x/c1"), 1, "/x/c1"));

  write(
      tasks + "k8s.io/" + kId + "/config.json",
      R"({"ociVersion":"1","annotations":{"io.kubernetes.cri.container-type":"container","io.kubernetes.cri.container-name":"web",
            "io.kubernetes.cri.image-name":"docker.io/library/nginx:1.27","io.kubernetes.cri.sandbox-id":")" +
          kSandbox +
          R"(","io.kubernetes.cri.sandbox-name":"web-0","io.kubernetes.cri.sandbox-namespace":"shop","io.kubernetes.cri.sandbox-uid":"u-1"},
            "linux":{"namespaces":[{"type":"pid"},{"type":"ipc","path":"/proc/77/ns/ipc"},{"type":"network","path":"/proc/77/ns/net"}]}})");
  write(tasks + "k8s.io/" + kSandbox + "/config.json",
        R"({"ociVersion":"1","annotations":{"io.kubernetes.cri.container-type":"sandbox","io.kubernetes.cri.sandbox-id":")" +
            kSandbox + R"(","io.kubernetes.cri.sandbox-name":"web-0"},"linux":{"namespaces":[{"type":"pid"},{"type":"ipc"}]}})");
  write("/var/lib/cni/results/cbr0-" + kSandbox + "-eth0",
        R"({"kind":"cniCacheV1","result":{"ips":[{"address":"fd00::7/64"},{"address":"10.0.0.7/24"}]}})");
  const auto cri = reader.read(place(kId));
  ASSERT_TRUE(cri);
  EXPECT_EQ(cri->facts.name, "web");
  EXPECT_EQ(cri->facts.image, "docker.io/library/nginx:1.27");
  EXPECT_EQ(cri->facts.repository, "docker.io/library/nginx");
  EXPECT_EQ(cri->facts.tag, "1.27");
  EXPECT_EQ(cri->facts.digest, std::nullopt);
  EXPECT_EQ(cri->facts.host_network, true) << "the sandbox's";
  EXPECT_EQ(cri->facts.host_ipc, false);
  ASSERT_TRUE(cri->facts.pod);
  EXPECT_EQ(cri->facts.pod->name, "web-0");
  EXPECT_EQ(cri->facts.pod->space, "shop");
  EXPECT_EQ(cri->facts.pod->uid, "u-1");
  EXPECT_EQ(cri->facts.pod->sandbox, kSandbox);
  EXPECT_EQ(reader.read(place(kSandbox))->facts.name, "web-0") << "the sandbox itself";
}

TEST_F(ContainerFilesTest, Docker) {
  write("/run/containerd/io.containerd.runtime.v2.task/moby/" + kId + "/config.json",
        R"({"ociVersion":"1","root":{"path":"/d/overlay2/abc/merged"},"linux":{"namespaces":[]}})");
  write(
      "/d/containers/" + kId + "/config.v2.json",
      R"({"Name":"/web","Image":"sha256:beef","Driver":"overlay2","Config":{"Image":"nginx","Labels":{"io.kubernetes.pod.name":"web-0",
            "io.kubernetes.pod.namespace":"shop","io.kubernetes.pod.uid":"u-1","team":"red"}},
            "NetworkSettings":{"Networks":{"bridge":{"IPAddress":"172.17.0.2"}}},
            "MountPoints":{"/data":{"Source":"/srv","RW":false,"Relabel":"ro","Propagation":"rprivate"}}})");
  write("/d/containers/" + kId + "/hostconfig.json",
        R"({"Privileged":true,"PidMode":"host","NetworkMode":"default","IpcMode":"private"})");
  write(
      "/d/image/overlay2/repositories.json",
      R"({"Repositories":{"nginx":{"nginx:latest":"sha256:beef","nginx@sha256:d1":"sha256:beef","nginx@sha256:d0":"sha256:dead"}}})");
  auto reader = files();
  const auto reading = reader.read(place(kId));
  ASSERT_TRUE(reading);
  const event::ContainerFacts& facts = reading->facts;
  EXPECT_EQ(facts.type, "docker");
  EXPECT_EQ(facts.name, "web");
  EXPECT_EQ(facts.image, "nginx:latest");
  EXPECT_EQ(facts.repository, "nginx");
  EXPECT_EQ(facts.tag, "latest");
  EXPECT_EQ(facts.image_id, "beef");
  EXPECT_EQ(facts.digest, "sha256:d1");
  EXPECT_EQ(facts.privileged, true);
  EXPECT_EQ(facts.host_pid, true);
  EXPECT_EQ(facts.host_network, false);
  EXPECT_EQ(facts.ip, "172.17.0.2");
  ASSERT_TRUE(facts.mounts);
  EXPECT_EQ(*facts.mounts, (std::vector<event::Mount>{
                               {.source = "/srv", .dest = "/data", .mode = "ro", .propagation = "rprivate", .writable = false}}));
  ASSERT_TRUE(facts.pod) << "the kubelet's labels";
  EXPECT_EQ(facts.pod->name, "web-0");
  EXPECT_EQ(facts.pod->space, "shop");
  EXPECT_EQ(facts.pod->uid, "u-1");
}

TEST_F(ContainerFilesTest, Podman) {
  const std::string storage = "/var/lib/containers/storage";
  write(storage + "/overlay-containers/" + kId + "/userdata/config.json",
        config(R"("io.container.manager":"libpod","io.kubernetes.cri-o.Created":"x","io.podman.annotations.privileged":"TRUE")",
               R"(,"mounts":[{"destination":"/tmp","type":"bind","source":"/srv","options":["rbind","ro","rslave"]},
                             {"destination":"/proc","type":"proc","source":"proc"},
                             {"destination":"/etc/passwd","type":"bind","source":"/userdata/passwd"}])"));
  write(storage + "/overlay-containers/containers.json",
        R"([{"id":"other","metadata":"{\"name\":\"no\"}"},{"id":")" + kId +
            R"(","metadata":"{\"image-name\":\"localhost/bb:1\",\"image-id\":\"beef\",\"name\":\"web\"}"}])");
  write(storage + "/overlay-images/images.json", R"([{"id":"dead","digest":"sha256:d0"},{"id":"beef","digest":"sha256:d1"}])");
  auto reader = files();
  const auto reading = reader.read(place(kId));
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->facts.type, "podman");
  EXPECT_EQ(reading->facts.name, "web");
  EXPECT_EQ(reading->facts.image, "localhost/bb:1");
  EXPECT_EQ(reading->facts.image_id, "beef");
  EXPECT_EQ(reading->facts.digest, "sha256:d1");
  EXPECT_EQ(reading->facts.privileged, true);
  EXPECT_EQ(reading->facts.labels, std::nullopt) << "its database, which is not there, has them";
  ASSERT_TRUE(reading->facts.mounts);
  EXPECT_EQ(reading->facts.mounts->at(0),
            (event::Mount{.source = "/srv", .dest = "/tmp", .mode = "ro", .propagation = "rslave", .writable = false}));
  EXPECT_EQ(reading->facts.mounts->size(), 2U) << "what shows nothing of the host is none";
  EXPECT_EQ(reading->passwd, root_.string() + "/userdata/passwd");
}

TEST_F(ContainerFilesTest, Crio) {
  const std::string all = "/var/lib/containers/storage/overlay-containers/";
  write(
      all + kId + "/userdata/config.json",
      config(
          R"("io.container.manager":"cri-o","io.kubernetes.cri-o.ContainerType":"container","io.kubernetes.cri-o.SandboxID":")" +
          kSandbox +
          R"(","io.kubernetes.pod.name":"web-0","io.kubernetes.pod.namespace":"shop","io.kubernetes.pod.uid":"u-1",
                   "io.kubernetes.container.name":"web","io.kubernetes.cri-o.ImageName":"quay.io/x/web:2",
                   "io.kubernetes.cri-o.ImageRef":"quay.io/x/web@sha256:d1","io.kubernetes.cri-o.PrivilegedRuntime":"true")"));
  write(all + kSandbox + "/userdata/config.json",
        config(R"("io.kubernetes.cri-o.ContainerType":"sandbox","io.kubernetes.cri-o.IP.0":"10.0.0.7",
                  "io.kubernetes.cri-o.Labels":"{\"tier\":\"front\",\"io.kubernetes.pod.name\":\"web-0\"}")"));
  auto reader = files();
  const auto reading = reader.read(place(kId));
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->facts.type, "cri-o");
  EXPECT_EQ(reading->facts.name, "web");
  EXPECT_EQ(reading->facts.repository, "quay.io/x/web");
  EXPECT_EQ(reading->facts.digest, "sha256:d1");
  EXPECT_EQ(reading->facts.privileged, true);
  ASSERT_TRUE(reading->facts.pod);
  EXPECT_EQ(reading->facts.pod->space, "shop");
  EXPECT_EQ(reading->facts.pod->ip, "10.0.0.7");
  EXPECT_EQ(reading->facts.pod->labels, (event::Labels{{"tier", "front"}}));
}

TEST_F(ContainerFilesTest, PrivilegedIsNothingMaskedAllDevicesAndSysAdmin) {
  const auto privileged = [&](const std::string& linux, const std::string& bounding) {
    write("/b/config.json",
          R"({"ociVersion":"1","process":{"capabilities":{"bounding":[)" + bounding + R"(]}},"linux":{)" + linux + "}}");
    return files().read(place("x", "/b"))->facts.privileged;
  };
  const std::string devices = R"("resources":{"devices":[{"allow":false,"access":"rwm"},{"allow":true,"access":"rwm"}]})";
  EXPECT_EQ(privileged(devices, R"("CAP_SYS_ADMIN")"), true);
  EXPECT_EQ(privileged(devices, R"("CAP_KILL")"), false);
  EXPECT_EQ(privileged(devices + R"(,"maskedPaths":["/proc/kcore"])", R"("CAP_SYS_ADMIN")"), false);
  EXPECT_EQ(privileged(devices + R"(,"readonlyPaths":["/proc/sys"])", R"("CAP_SYS_ADMIN")"), false);
  EXPECT_EQ(privileged(R"("resources":{"devices":[{"allow":true,"access":"rwm","type":"c","major":1}]})", R"("CAP_SYS_ADMIN")"),
            false);
}

TEST_F(ContainerFilesTest, WhatIsHostileIsData) {
  auto reader = files();
  for (const std::string& text :
       {std::string("not json"), std::string("[]"), std::string("{}"), std::string(100'000, '['),
        std::string("{\"ociVersion\":7}"), std::string("\xff\xfe{}"), std::string("{\"ociVersion\":\"1\"")}) {
    write("/b/config.json", text);
    EXPECT_FALSE(reader.read(place("x", "/b"))) << text.substr(0, 20);
  }
  // The right keys with the wrong kinds of values.
  write("/b/config.json", R"({"ociVersion":"1","root":[],"annotations":{"a":1,"b":{}},"mounts":{"x":1},"process":7,
                              "linux":{"namespaces":"x","maskedPaths":7,"uidMappings":[{"containerID":-1},7,{"size":99999999999}],"resources":{"devices":[7,{"allow":"yes"}]}}})");
  const auto reading = reader.read(place("x", "/b"));
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->facts.labels, event::Labels());
  EXPECT_EQ(reading->facts.privileged, false);

  std::string many;
  for (int i = 0; i < 1000; ++i)
    many += (i == 0 ? "\"k" : ",\"k") + std::to_string(i) + "\":\"" + std::string(i == 0 ? 9000 : 1, 'v') + "\"";
  write("/b/config.json", config(many));
  const auto cut = reader.read(place("x", "/b"));
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->facts.labels->size(), ContainerFiles::kItemsMax);
  EXPECT_EQ(cut->facts.labels->at(0).second.size(), ContainerFiles::kTextMax);
  EXPECT_EQ(reader.counters().cut, 2U);

  write("/b/config.json", config("\"a\":\"" + std::string(2U << 20U, 'v') + "\""));
  EXPECT_FALSE(reader.read(place("x", "/b")));
  EXPECT_EQ(reader.counters().too_big, 1U);

  std::filesystem::remove(root_ / "b/config.json");
  ASSERT_EQ(mkfifo((root_ / "b/config.json").c_str(), 0600), 0);
  EXPECT_FALSE(reader.read(place("x", "/b"))) << "and nobody waits for a writer";
  EXPECT_FALSE(reader.read(place("../../etc"))) << "an id is a name, never a path";
}

TEST(SplitImage, RepositoryTagDigest) {
  const auto parts = [](std::string_view name) {
    const ImageName image = split_image(name);
    return image.repository + "|" + image.tag + "|" + image.digest;
  };
  EXPECT_EQ(parts("nginx"), "nginx||");
  EXPECT_EQ(parts("nginx:1.27"), "nginx|1.27|");
  EXPECT_EQ(parts("registry:5000/a/b"), "registry:5000/a/b||");
  EXPECT_EQ(parts("registry:5000/a/b:c@sha256:d"), "registry:5000/a/b|c|sha256:d");
  EXPECT_EQ(parts("a@sha256:d"), "a||sha256:d");
  EXPECT_EQ(parts(""), "||");
}

}  // namespace
}  // namespace shrike::enrich
