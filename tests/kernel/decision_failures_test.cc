// SPDX-License-Identifier: Apache-2.0
// Ways to fall: each row of the table in docs/threat_model.md, made to happen. Full tier only: there a wrong fall would be felt.
#include <bpf/bpf.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <vector>

#include "engine/kernel/probe.h"
#include "tests/kernel/kernel_fixture.h"
#include "tests/support/world.h"

namespace shrike::test {
namespace {

// The newest map of that name: in a guest nobody else has one. Its descriptor, the caller's to close.
UniqueFd find_map(const std::string& name) {
  UniqueFd newest;
  for (__u32 id = 0; bpf_map_get_next_id(id, &id) == 0;) {
    UniqueFd fd(bpf_map_get_fd_by_id(id));
    bpf_map_info info{};
    __u32 size = sizeof(info);
    if (fd && bpf_obj_get_info_by_fd(fd.get(), &info, &size) == 0 && name.starts_with(info.name)) newest = std::move(fd);
  }
  return newest;
}

class DecisionFailures : public KernelTest {
 protected:
  void SetUp() override {
    prepare();
    if (IsSkipped()) return;
    if (kernel::probe_host().tier != "full") GTEST_SKIP() << "the full tier is not to be had here";
    std::ofstream(path("file")) << "x";
    std::ofstream(path("other")) << "x";
  }

  // One enforcing block rule on opens in force.
  void enforce(const std::string& condition, kernel::Loader::Options options = {}) {
    const std::string rules = "- rule: R\n  desc: d\n  condition: evt.type in (open, openat, openat2) and " + condition +
                              "\n  output: o\n  priority: INFO\n  action: block\n";
    compiled_ = compile_rules_text(
        rules, {.suggested_output = false, .plan = compile::PlanOptions{event::Tier::kFull, compile::HostMode::kEnforce}});
    ASSERT_FALSE(compiled_.plan.empty());
    options.full = true;
    const kernel::CapturePlan capture = kernel::make_capture_plan(compiled_.program, compiled_.plan, true);
    source_.reset();
    loader_.reset();
    auto loader = kernel::Loader::create(options);
    ASSERT_TRUE(loader.has_value()) << loader.error().message;
    loader_ = *std::move(loader);
    const auto wanted = loader_->want(capture, compiled_.plan);
    ASSERT_TRUE(wanted.has_value()) << wanted.error().message;
  }

  // What a child of ours gets for opening `name`: 0 or an errno. We ourselves are the daemon, and never refused.
  static int open_error(const std::string& name, const std::function<void()>& before = {}) {
    const pid_t child = fork();
    if (child == 0) {
      if (before) before();
      const int fd = open(name.c_str(), O_RDONLY | O_CLOEXEC);
      _exit(fd >= 0 ? 0 : errno);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
  }

  hook_counters counters(std::size_t hook) const {
    const auto reports = loader_->counters();
    if (!reports) return {};
    for (const kernel::HookReport& report : *reports) {
      if (report.hook == hook) return report.counters;
    }
    return {};
  }
  hook_counters counters() const { return counters(HOOK_FILE_OPEN); }

  compile::Compiled compiled_;
};

// A full table of task states costs time, nothing else.
TEST_F(DecisionFailures, NoRoomForATaskIsDecidedExactly) {
  enforce("fd.name = " + path("file") + " and proc.pname != nobody", {.task_states = 1});
  // The one place is the child's; its own child finds none.
  const auto second = [&] {
    close(open(path("other").c_str(), O_RDONLY));
    const pid_t child = fork();
    if (child == 0) return;
    int status = 0;
    waitpid(child, &status, 0);
    _exit(WEXITSTATUS(status));
  };
  EXPECT_EQ(open_error(path("file"), second), EPERM);
  EXPECT_EQ(open_error(path("other"), second), 0);
  EXPECT_GE(counters().state_unstored, 2U) << counters().state_recomputed << " recomputed";
  EXPECT_EQ(counters().refused, 1U);
}

// No buffer: closed for whom an enforcing clause may be about, open for whom none can be.
TEST_F(DecisionFailures, NoBufferFallsClosed) {
  enforce("fd.name = " + path("file") + " and user.uid >= 0 and proc.name in (kernel_test)");
  const UniqueFd map = find_map("decisions");
  ASSERT_TRUE(map);
  bpf_map_info info{};
  __u32 size = sizeof(info);
  ASSERT_EQ(bpf_obj_get_info_by_fd(map.get(), &info, &size), 0);
  std::vector<std::byte> busy(info.value_size);
  busy[0] = std::byte{1};
  for (__u32 at = 0; at < DECISION_BUFFERS; ++at) ASSERT_EQ(bpf_map_update_elem(map.get(), &at, busy.data(), BPF_ANY), 0);
  EXPECT_EQ(open_error(path("other")), EPERM) << "it can't be told from the forbidden one";
  EXPECT_EQ(counters().unsure_no_buffer, 1U);
  EXPECT_EQ(counters().refused, 1U);
  EXPECT_EQ(counters().produced, 0U) << "nothing to put into a record";
}

// No generation: nothing is known of any rule. It can't come to this unless something else writes our maps.
TEST_F(DecisionFailures, NoPolicyFallsOpen) {
  enforce("fd.name = " + path("file"));
  const UniqueFd map = find_map("policy_headers");
  ASSERT_TRUE(map);
  for (__u32 slot = 0; slot < POLICY_SLOTS; ++slot) {
    const policy_header none{};
    ASSERT_EQ(bpf_map_update_elem(map.get(), &slot, &none, BPF_ANY), 0);
  }
  EXPECT_EQ(open_error(path("file")), 0);
  EXPECT_EQ(counters().unsure_no_policy, 1U);
}

// A path longer than the kernel itself would tell: closed.
TEST_F(DecisionFailures, TooLongAPathFallsClosed) {
  const auto descend = [&] {
    if (chdir(directory_.c_str()) != 0) _exit(250);
    const std::string name(250, 'd');
    for (int i = 0; i < 20; ++i) {
      (void)mkdir(name.c_str(), 0755);
      if (chdir(name.c_str()) != 0) _exit(249);
    }
  };
  const auto make = [&] {
    descend();
    close(creat("deep", 0644));
  };
  ASSERT_EQ(open_error(path("other"), make), 0);
  enforce("fd.name startswith /nowhere/at/all/");
  EXPECT_EQ(open_error("deep", descend), EPERM);
  EXPECT_EQ(open_error(path("other")), 0);
  EXPECT_GT(counters().unsure_path, 0U);
}

// More names of ancestors than are remembered: closed.
TEST_F(DecisionFailures, TooManyAncestorsFallClosed) {
  enforce("fd.name = " + path("file") + " and proc.aname = no-such-name");
  EXPECT_EQ(open_error(path("file")), 0) << "nobody's ancestor";
  const std::string deeds = std::string(SHRIKE_DEEDS);
  std::vector<std::string> words;
  for (int i = 0; i <= ANCESTORS_MAX; ++i) {
    words.push_back(path("a" + std::to_string(i)));
    words.push_back(deeds + (i < ANCESTORS_MAX ? "/deed_as_child" : "/deed_open"));
  }
  for (const std::string& word : {std::string("open"), std::string("-"), path("file"), std::string("0")}) words.push_back(word);
  std::vector<char*> argv;
  std::string first = deeds + "/deed_as_child";
  argv.push_back(first.data());
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    execv(argv[0], argv.data());
    _exit(251);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), EPERM);
}

// No slot for the record: refused and counted all the same.
TEST_F(DecisionFailures, NoRecordIsNoPermission) {
  enforce("fd.name = " + path("file"));
  const UniqueFd map = find_map("scratch_pool");
  ASSERT_TRUE(map);
  bpf_map_info info{};
  __u32 size = sizeof(info);
  ASSERT_EQ(bpf_obj_get_info_by_fd(map.get(), &info, &size), 0);
  std::vector<std::byte> busy(info.value_size);
  busy[0] = std::byte{1};
  for (__u32 at = 0; at < info.max_entries; ++at) ASSERT_EQ(bpf_map_update_elem(map.get(), &at, busy.data(), BPF_ANY), 0);
  EXPECT_EQ(open_error(path("file")), EPERM);
  EXPECT_EQ(counters().refused, 1U);
  EXPECT_EQ(counters().lost_no_scratch, 1U);
  const auto rules = loader_->policy().rule_reports();
  ASSERT_TRUE(rules.has_value());
  EXPECT_EQ(rules->at(0).blocked, 1U);
}

// A file about to be made by io_uring: what for is not to be had, so it is taken for anything. No empty file stays.
TEST_F(DecisionFailures, UnknownAccessFallsClosed) {
  enforce("fd.name startswith " + path("tree/") + " and evt.is_open_read = true");
  std::filesystem::create_directory(path("tree"));
  const std::string command =
      std::string(SHRIKE_DEEDS) + "/deed_uring_open " + path("tree/new") + " " + std::to_string(O_CREAT | O_WRONLY);
  const int status = std::system(command.c_str());
  if (WEXITSTATUS(status) == 200) GTEST_SKIP() << "no io_uring on this host";
  EXPECT_EQ(WEXITSTATUS(status), EPERM);
  EXPECT_FALSE(std::filesystem::exists(path("tree/new")));
  EXPECT_EQ(counters(HOOK_PATH_MKNOD).unsure_access, 1U);
}

// The whole root bound below a rule's directory: else everything there is would lie below it, and be refused.
TEST_F(DecisionFailures, TheRootMountedBelowADirectoryIsNotItsObject) {
  std::filesystem::create_directories(path("tree/all"));
  std::filesystem::create_directories(path("tree/some"));
  std::filesystem::create_directory(path("elsewhere"));
  std::ofstream(path("elsewhere/file")) << "x";
  ASSERT_EQ(mount("/", path("tree/all").c_str(), nullptr, MS_BIND, nullptr), 0);
  ASSERT_EQ(mount(path("elsewhere").c_str(), path("tree/some").c_str(), nullptr, MS_BIND, nullptr), 0);
  enforce("fd.name startswith " + path("tree/"));
  EXPECT_EQ(open_error(path("other")), 0);
  EXPECT_EQ(open_error("/etc/passwd"), 0);
  EXPECT_EQ(open_error(path("tree/all/etc/passwd")), EPERM) << "by its path";
  EXPECT_EQ(open_error(path("elsewhere/file")), EPERM) << "it is below by another name";
  EXPECT_EQ(loader_->policy().remarks().size(), 1U);
  umount2(path("tree/all").c_str(), MNT_DETACH);
  umount2(path("tree/some").c_str(), MNT_DETACH);
}

// A policy that does not fit leaves the one in force alone.
TEST_F(DecisionFailures, APolicyThatDoesNotFitIsRefusedWhole) {
  enforce("fd.name = " + path("file"), {.policy_entries = 8});
  std::string names;
  for (int i = 0; i < 20; ++i) names += (i == 0 ? "" : ", ") + path("n" + std::to_string(i));
  const auto compiled = compile_rules_text(
      "- rule: R\n  desc: d\n  condition: evt.type in (open, openat, openat2) and fd.name in (" + names +
          ")\n  output: o\n  priority: INFO\n  action: block\n",
      {.suggested_output = false, .plan = compile::PlanOptions{event::Tier::kFull, compile::HostMode::kEnforce}});
  const auto wanted = loader_->want(kernel::make_capture_plan(compiled.program, compiled.plan, true), compiled.plan);
  ASSERT_FALSE(wanted.has_value());
  EXPECT_EQ(wanted.error().code, Code::kLimit) << wanted.error().message;
  // Nor do many attempts in a row, each with a generation of its own.
  for (int i = 0; i < 2 * POLICY_SLOTS; ++i)
    EXPECT_FALSE(loader_->want(kernel::make_capture_plan(compiled.program, compiled.plan, true), compiled.plan).has_value());
  EXPECT_EQ(open_error(path("file")), EPERM) << "the old policy";
  EXPECT_EQ(open_error(path("n1")), ENOENT);
}

// Where the kernel refuses LSM programs, the loader says so; nothing is attached.
TEST_F(KernelTest, ARefusedProgramIsAnError) {
  if (kernel::probe_host().tier == "full") GTEST_SKIP() << "this kernel takes them";
  const auto loader = kernel::Loader::create({.full = true});
  ASSERT_FALSE(loader.has_value());
  EXPECT_EQ(loader.error().code, Code::kUnsupported) << loader.error().message;
}

}  // namespace
}  // namespace shrike::test
