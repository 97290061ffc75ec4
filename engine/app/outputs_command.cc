// SPDX-License-Identifier: Apache-2.0
// `shrike outputs list` and `replay`: on directories, without a daemon.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/app/commands.h"
#include "engine/base/clock.h"
#include "engine/event/times.h"
#include "outputs/spool_verbs.h"

namespace shrike::app {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDefaultDirectory = "/var/lib/shrike/spool";
constexpr std::array<const char*, outputs::kPriorities> kPriorityNames = {"emergency", "alert",  "critical",      "error",
                                                                          "warning",   "notice", "informational", "debug"};

// Those given; of one that only has directories below it, these.
std::vector<std::string> spool_directories(const Options& options) {
  std::vector<std::string> all;
  const std::vector<std::string> given = options.spools.empty() ? std::vector<std::string>{kDefaultDirectory} : options.spools;
  for (const std::string& directory : given) {
    std::vector<std::string> below;
    bool files = false;
    std::error_code error;
    for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
      if (at->is_directory(error)) {
        below.push_back(at->path().string());
      } else {
        files = true;
      }
    }
    std::ranges::sort(below);
    if (files || below.empty()) below = {directory};
    all.insert(all.end(), below.begin(), below.end());
  }
  return all;
}

nlohmann::ordered_json count_value(const outputs::MessageCount& count) {
  nlohmann::ordered_json value = {{"messages", count.messages}, {"bytes", count.bytes}, {"oldest", nullptr}, {"newest", nullptr}};
  if (count.messages == 0) return value;
  value["oldest"] = event::iso_time_text(count.oldest_ns, "Z");
  value["newest"] = event::iso_time_text(count.newest_ns, "Z");
  return value;
}

nlohmann::ordered_json report_value(const std::string& directory, const outputs::SpoolReport& report) {
  nlohmann::ordered_json spooled = count_value(report.spooled);
  spooled["segments"] = report.segments;
  spooled["damaged"] = report.damaged;
  spooled["damaged_bytes"] = report.damaged_bytes;
  nlohmann::ordered_json by_priority = nlohmann::ordered_json::object();
  for (std::size_t priority = 0; priority < outputs::kPriorities; ++priority) {
    if (report.by_priority[priority] != 0) by_priority[kPriorityNames[priority]] = report.by_priority[priority];
  }
  spooled["by_priority"] = std::move(by_priority);
  nlohmann::ordered_json dead = count_value(report.dead);
  dead["unreadable"] = report.unreadable_dead;
  nlohmann::ordered_json value = {{"directory", directory}, {"process", nullptr}, {"spooled", spooled}, {"dead", dead}};
  if (report.user != 0) value["process"] = report.user;
  return value;
}

void print_count(const char* what, const outputs::MessageCount& count) {
  std::printf("  %-8s %llu messages, %llu bytes", what, static_cast<unsigned long long>(count.messages),
              static_cast<unsigned long long>(count.bytes));
  if (count.messages != 0)
    std::printf(", %s to %s", event::iso_time_text(count.oldest_ns, "Z").c_str(),
                event::iso_time_text(count.newest_ns, "Z").c_str());
}

void print_report(const std::string& directory, const outputs::SpoolReport& report) {
  std::printf("%s", directory.c_str());
  if (report.user != 0) std::printf(" (process %d)", report.user);
  std::puts("");
  print_count("spooled", report.spooled);
  const char* separator = ": ";
  for (std::size_t priority = 0; priority < outputs::kPriorities; ++priority) {
    if (report.by_priority[priority] == 0) continue;
    std::printf("%s%llu %s", separator, static_cast<unsigned long long>(report.by_priority[priority]), kPriorityNames[priority]);
    separator = ", ";
  }
  std::puts("");
  print_count("dead", report.dead);
  std::puts("");
  if (report.damaged_bytes != 0 || report.damaged != 0)
    std::printf("  damaged  %llu bytes, %llu messages lost\n", static_cast<unsigned long long>(report.damaged_bytes),
                static_cast<unsigned long long>(report.damaged));
  if (report.unreadable_dead != 0)
    std::printf("  %llu lines are no dead letters\n", static_cast<unsigned long long>(report.unreadable_dead));
}

// Calls `work` for each directory and prints what it returns; the worst exit code of all.
template <class Work, class Value, class Print>
int for_each_spool(const Options& options, const Work& work, const Value& value, const Print& print) {
  int code = kDone;
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const std::string& directory : spool_directories(options)) {
    const auto result = work(directory);
    if (!result) {
      std::fprintf(stderr, "shrike: error: %s\n", result.error().message.c_str());
      code = kCouldNotRun;
    } else if (options.format == "json") {
      all.push_back(value(directory, *result));
    } else {
      print(directory, *result);
    }
  }
  if (options.format == "json") std::puts(all.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
  return code;
}

}  // namespace

int outputs_list(const Options& options) { return for_each_spool(options, outputs::spool_report, report_value, print_report); }

int outputs_replay(const Options& options) {
  return for_each_spool(
      options,
      [](const std::string& directory) {
        outputs::SpoolOptions spool;
        spool.directory = directory;
        return outputs::replay_dead_letters(spool, wall_time_ns());
      },
      [](const std::string& directory, const outputs::Replayed& replayed) {
        return nlohmann::ordered_json{
            {"directory", directory}, {"replayed", replayed.messages}, {"unreadable", replayed.unreadable}};
      },
      [](const std::string& directory, const outputs::Replayed& replayed) {
        std::printf("%s: %llu dead letters put back", directory.c_str(), static_cast<unsigned long long>(replayed.messages));
        if (replayed.unreadable != 0)
          std::printf(", %llu lines left that are none", static_cast<unsigned long long>(replayed.unreadable));
        std::puts("");
      });
}

}  // namespace shrike::app
