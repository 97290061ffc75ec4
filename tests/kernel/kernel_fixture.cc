// SPDX-License-Identifier: Apache-2.0
#include "tests/kernel/kernel_fixture.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "engine/base/clock.h"
#include "engine/base/handle.h"
#include "engine/kernel/probe.h"

namespace shrike::test {
namespace {

constexpr std::uint64_t kPatienceNs = 10'000'000'000;

std::string read_all(int fd) {
  std::string text;
  std::array<char, 256> part{};
  for (ssize_t count = 0; (count = read(fd, part.data(), part.size())) > 0;)
    text.append(part.data(), static_cast<std::size_t>(count));
  return text;
}

}  // namespace

std::string_view Record::text(const blob& where) const {
  if (where.offset > bytes_.size() || where.size > bytes_.size() - where.offset) return "<outside>";
  return {reinterpret_cast<const char*>(bytes_.data()) + where.offset, where.size};
}

void KernelTest::SetUp() {
  prepare();
  if (!IsSkipped()) load({}, everything());
}

void KernelTest::prepare() {
  const kernel::HostSupport host = kernel::probe_host();
  for (const kernel::Finding& finding : host.findings) {
    if (finding.required && !finding.ok) GTEST_SKIP() << finding.name << ": " << finding.detail;
  }
  std::string name = (std::filesystem::temp_directory_path() / "shrike-XXXXXX").string();
  ASSERT_NE(mkdtemp(name.data()), nullptr);
  std::filesystem::permissions(name, std::filesystem::perms{0755});  // deeds may give up root
  // As the kernel will name it.
  directory_ = std::filesystem::canonical(name);
}

void KernelTest::TearDown() {
  loader_.reset();
  std::error_code ignored;
  if (!directory_.empty()) std::filesystem::remove_all(directory_, ignored);
}

kernel::CapturePlan KernelTest::everything() {
  kernel::CapturePlan plan;
  for (std::size_t type = 1; type < EVENT_TYPE_COUNT; ++type) plan.events[type] = true;
  plan.failed_exec = true;
  plan.data = true;
  return plan;
}

kernel::Loader::Options KernelTest::without_casts(kernel::Loader::Options options) {
  options.casts = options.casts && std::getenv("SHRIKE_TEST_WITHOUT_CASTS") == nullptr;
  return options;
}

void KernelTest::load(const kernel::Loader::Options& options, const kernel::CapturePlan& plan) {
  source_.reset();
  auto loader = kernel::Loader::create(without_casts(options));
  ASSERT_TRUE(loader.has_value()) << loader.error().message;
  loader_ = *std::move(loader);
  auto source = kernel::RingSource::create(loader_->ring_fds());
  ASSERT_TRUE(source.has_value()) << source.error().message;
  source_ = *std::move(source);
  const auto wanted = loader_->want(plan);
  ASSERT_TRUE(wanted.has_value()) << wanted.error().message;
}

Deed KernelTest::run(const std::string& name, const std::vector<std::string>& arguments, const std::function<void()>& before) {
  const std::string program = std::string(SHRIKE_DEEDS) + "/deed_" + name;
  std::vector<std::string> words = {program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
  const UniqueFd out(ends[0]);
  UniqueFd in(ends[1]);
  Deed deed;
  deed.pid = fork();
  if (deed.pid == 0) {
    dup2(in.get(), STDOUT_FILENO);
    close_range(3, ~0U, 0);  // what the test runner left open: descriptors of deeds count from 3
    if (before) before();
    execv(program.c_str(), argv.data());
    _exit(252);
  }
  in.reset();
  deed.output = read_all(out.get());
  int status = 0;
  waitpid(deed.pid, &status, 0);
  deed.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);

  const std::uint64_t end_ns = boot_time_ns() + kPatienceNs;
  while (boot_time_ns() < end_ns) {
    const auto raw = source_->next();
    if (!raw) {
      source_->wait(5);
      continue;
    }
    Record record(raw->bytes);
    const bool mine = record.header().tgid == static_cast<std::uint32_t>(deed.pid);
    const bool last = mine && record.header().kind == EVENT_KIND_EXIT;
    (mine ? deed.records : others_).push_back(std::move(record));
    if (last) return deed;
  }
  ADD_FAILURE() << "the end of " << name << " was not recorded";
  return deed;
}

}  // namespace shrike::test
