// SPDX-License-Identifier: Apache-2.0
#include "tests/enforce/daemon.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>

namespace shrike::test {
namespace {

constexpr std::string_view kReloadNotice = "Shrike internal: rules reloaded";

void write_file(const std::filesystem::path& path, const std::string& text) { std::ofstream(path) << text; }

std::string in_lines(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

}  // namespace

std::string yaml(const std::string& name, const std::string& condition, const std::string& action, const std::string& mode) {
  std::string text = "- rule: " + name + "\n  desc: for a test\n  condition: >\n    " + condition +
                     "\n  output: \"pid=%proc.pid; ppid=%proc.ppid; name=%proc.name file=%fd.name\"\n  priority: WARNING\n";
  if (!action.empty()) text += "  action: " + action + "\n";
  if (!mode.empty()) text += "  mode: " + mode + "\n";
  return text;
}

const std::string& tier() {
  static const std::string tier = [] {
    const auto found = nlohmann::json::parse(run({shrike(), "doctor", "--format", "json"}).output, nullptr, false);
    return found.is_object() ? found.value("tier", "none") : std::string("none");
  }();
  return tier;
}

std::string tier_wanted() {
  const char* wanted = std::getenv("SHRIKE_TEST_TIER");
  return wanted != nullptr ? wanted : "";
}

Daemon::Daemon(const Options& options) : rule_file_(options.directory / "rules.yaml") {
  write_file(rule_file_, options.rules);
  Command command = {shrike(),     "run",      "--rules", rule_file_.string(), "--mode",
                     options.mode, "--format", "json",    "--summary",         "json"};
  if (!options.config.empty()) {
    write_file(options.directory / "shrike.yaml", options.config);
    command.insert(command.end(), {"--config", (options.directory / "shrike.yaml").string()});
  }
  start(command);
  const bool answered = wait_until(kReadyPatience, [&] { return !ready_line_.empty() || log_ended_; });
  const std::scoped_lock lock(mutex_);
  if (!answered) failure_ = "not ready in time:\n" + in_lines(log_);
  if (ready_line_.empty() && log_ended_) failure_ = "it ended before it was ready:\n" + in_lines(log_);
}

Daemon::~Daemon() { stop(); }

void Daemon::start(const Command& command) {
  std::array<int, 2> output{};
  std::array<int, 2> errors{};
  if (pipe2(output.data(), O_CLOEXEC) != 0 || pipe2(errors.data(), O_CLOEXEC) != 0) std::abort();
  stdout_ = UniqueFd(output[0]);
  stderr_ = UniqueFd(errors[0]);
  const UniqueFd output_end(output[1]);
  const UniqueFd errors_end(errors[1]);
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  pid_ = fork();
  if (pid_ == 0) {
    dup2(output_end.get(), STDOUT_FILENO);
    dup2(errors_end.get(), STDERR_FILENO);
    execv(argv[0], argv.data());
    _exit(252);
  }
  alert_reader_ = std::thread([this] {
    read_lines(stdout_.get(), [this](std::string line) {
      const auto in_line = [&](const std::string& text) { return line.find(text) != std::string::npos; };
      if (std::ranges::none_of(forgotten_, in_line)) alerts_.push_back(std::move(line));
    });
  });
  log_reader_ = std::thread([this] {
    read_lines(stderr_.get(), [this](std::string line) {
      if (line.starts_with("shrike: ready: ")) ready_line_ = line;
      log_.push_back(std::move(line));
    });
    const std::scoped_lock lock(mutex_);
    log_ended_ = true;
    changed_.notify_all();
  });
}

// `take` is called under the lock.
void Daemon::read_lines(int fd, const std::function<void(std::string)>& take) {
  std::string pending;
  std::array<char, 65536> part{};
  for (ssize_t count = 0; (count = read(fd, part.data(), part.size())) > 0;) {
    pending.append(part.data(), static_cast<std::size_t>(count));
    const std::scoped_lock lock(mutex_);
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = pending.find('\n', begin)) != std::string::npos; begin = end + 1)
      take(pending.substr(begin, end - begin));
    pending.erase(0, begin);
    changed_.notify_all();
  }
}

template <class Condition>
bool Daemon::wait_until(std::chrono::seconds patience, Condition condition) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, condition);
}

std::vector<nlohmann::json> Daemon::alerts(std::string_view text, std::size_t least, std::chrono::seconds patience) {
  const auto in_line = [&](const std::string& line) { return line.find(text) != std::string::npos; };
  if (least != 0) {
    wait_until(patience, [&] { return static_cast<std::size_t>(std::ranges::count_if(alerts_, in_line)) >= least; });
  }
  std::vector<nlohmann::json> found;
  const std::scoped_lock lock(mutex_);
  for (const std::string& line : alerts_) {
    if (in_line(line)) found.push_back(nlohmann::json::parse(line, nullptr, false));
  }
  return found;
}

void Daemon::forget(std::string text) {
  const std::scoped_lock lock(mutex_);
  forgotten_.push_back(std::move(text));
}

bool Daemon::reload(const std::string& rules) {
  const std::size_t before = alerts(kReloadNotice).size();
  write_file(rule_file_, rules);
  signal(SIGHUP);
  const auto notices = alerts(kReloadNotice, before + 1);
  EXPECT_GT(notices.size(), before) << "no answer to SIGHUP";
  return notices.size() > before && notices.back().value("output", "").find("Rules reloaded") != std::string::npos;
}

void Daemon::signal(int number) const {
  if (pid_ > 0) kill(pid_, number);
}

std::string Daemon::log() {
  const std::scoped_lock lock(mutex_);
  return in_lines(log_);
}

nlohmann::json Daemon::stop() {
  if (pid_ <= 0) return nullptr;
  signal(SIGTERM);
  if (!wait_until(kReadyPatience, [&] { return log_ended_; })) signal(SIGKILL);
  int status = 0;
  waitpid(pid_, &status, 0);
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : kSignalled + WTERMSIG(status);
  pid_ = -1;
  alert_reader_.join();
  log_reader_.join();
  for (const std::string& line : log_) {
    if (!line.starts_with('{')) continue;
    if (auto summary = nlohmann::json::parse(line, nullptr, false); summary.is_object()) return summary;
  }
  return nullptr;
}

}  // namespace shrike::test
