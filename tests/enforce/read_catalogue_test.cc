// SPDX-License-Identifier: Apache-2.0
// docs/evasions.md, held against what this host's tier sees: each row is done, and alerts as its cell says.
#include <fcntl.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "tests/enforce/full_tier.h"

namespace shrike::test {
namespace {

constexpr int kUnavailable = 200;  // read_secret: this kernel or file system has no such way
constexpr std::string_view kLimit = "limit";

struct Row {
  std::string id;
  std::string way;  // a word of read_secret, or of direct_ways()
  std::string cell;
};

std::vector<std::string> cells(const std::string& line) {
  std::vector<std::string> found;
  std::istringstream parts(line.substr(1));
  for (std::string cell; std::getline(parts, cell, '|');) {
    const std::size_t begin = cell.find_first_not_of(" `");
    found.push_back(begin == std::string::npos ? "" : cell.substr(begin, cell.find_last_not_of(" `") - begin + 1));
  }
  return found;
}

// Rows of the table: | E01 | what | `way` | tracing | full | why |. Those without a way are said to be no reads.
std::vector<Row> documented(const std::string& column) {
  std::vector<Row> rows;
  std::ifstream document(std::string(SHRIKE_SOURCE_DIR) + "/docs/evasions.md");
  for (std::string line; std::getline(document, line);) {
    if (!line.starts_with("| E")) continue;
    const std::vector<std::string> row = cells(line);
    if (row.size() < 6) {
      ADD_FAILURE() << line;
      continue;
    }
    if (!row[2].empty()) rows.push_back({row[0], row[2], row[column == "full" ? 4 : 3]});
  }
  return rows;
}

class ReadCatalogue : public testing::Test {
 protected:
  ReadCatalogue() : suite_((FullTierWorld::end(), tier() == "full")) {}

  void SetUp() override {
    if (tier() != "full" && tier() != "tracing") GTEST_SKIP() << "tier " << tier();
    Place& place = suite_.place;
    ASSERT_EQ(place.failure(), "");
    secret_ = place.file("directory/secret", "the secret\n");
    std::string deep = "deep";  // a constant of a rule may have 255 bytes
    for (int i = 0; i < 100; ++i) deep += "/d";
    deep_ = place.file(deep + "/secret", "the secret\n");
    std::filesystem::create_directory(place.path("scratch"));
    std::filesystem::create_directory(place.path("beside"));
    before_ = UniqueFd(::open(secret_.c_str(), O_RDONLY));  // inherited by what reads without an opening of its own
    suite_.start("- rule: Secret read\n  desc: for a test\n  condition: " + std::string(kOpen) +
                     " and evt.is_open_read=true and fd.num>=0 and fd.name in (" + secret_ + ", " + deep_ +
                     ")\n  output: \"pid=%proc.pid; ppid=%proc.ppid; type=%evt.type file=%fd.name\"\n  priority: WARNING\n",
                 "monitor");
    ASSERT_EQ(suite_.failure(), "");
  }

  std::map<std::string, Command> direct_ways() const {
    const Place& place = suite_.place;
    const auto open = [](const char* call, const std::string& name) {
      return Command{deed("open"), call, "-", name, kRead, "0", "read"};
    };
    return {
        {"open", open("open", secret_)},
        {"openat", open("openat", secret_)},
        {"openat2", open("openat2", secret_)},
        {"ia32", open("ia32", secret_)},
        {"relative", {deed("open"), "openat", place.path("directory"), "secret", kRead, "0", "read"}},
        {"dots", open("openat", place.path("beside/../directory/.//secret"))},
        {"deep", open("openat", deep_)},
    };
  }

  Command command(const std::string& way) const {
    const auto direct = direct_ways();
    if (const auto found = direct.find(way); found != direct.end()) return found->second;
    return {deed("read_secret"), way, secret_, suite_.place.path("scratch"), std::to_string(before_.get())};
  }

  // What came of it, in the words of the table.
  std::string seen(const Row& row, const Outcome& outcome) {
    const std::size_t times = outcome.output.find("times=");
    const std::size_t expected = row.cell == kLimit           ? 0
                                 : times == std::string::npos ? 1
                                                              : std::stoul(outcome.output.substr(times + 6));
    suite_.settle();
    suite_.daemon->alerts(token(outcome.pid), expected, std::chrono::seconds(1));
    std::size_t count = 0;
    std::set<std::string> types;
    for (const nlohmann::json& alert : suite_.daemon->alerts(token(outcome.pid))) {
      if (alert.value("rule", "") != "Secret read") continue;
      const nlohmann::json fields = alert.value("output_fields", nlohmann::json::object());
      types.insert(fields.value("evt.type", "?"));
      // As fd.name or, where the process calls it something else, among fd.names.
      const std::string names = alert.dump();
      EXPECT_TRUE(names.contains(secret_ + "\"") || names.contains(deep_ + "\"")) << names;
      ++count;
    }
    if (count == 0) return std::string(kLimit);
    std::string text;
    for (const std::string& type : types) text += (text.empty() ? "" : ", ") + type;
    if (times != std::string::npos)
      return text + (count == expected ? ", each time" : ", " + std::to_string(count) + " times of " + std::to_string(expected));
    return count == 1 ? text : text + ", " + std::to_string(count) + " times";
  }

  Suite suite_;
  std::string secret_;
  std::string deep_;
  UniqueFd before_;
};

TEST_F(ReadCatalogue, IsAsDocumented) {
  const std::vector<Row> rows = documented(tier());
  std::set<std::string> documented_ways;
  std::string unavailable;
  for (const Row& row : rows) {
    documented_ways.insert(row.way);
    SCOPED_TRACE(row.id + " " + row.way);
    const Outcome outcome = run(command(row.way));
    if (outcome.exit_code == kUnavailable) {
      unavailable += " " + row.way;
      continue;
    }
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output << outcome.errors;
    const std::string found = seen(row, outcome);
    EXPECT_EQ(found, row.cell) << "in column " << tier();
    std::cout << "seen " << row.id << ' ' << row.way << ": " << found << '\n';
  }
  std::cout << "not to be had here:" << (unavailable.empty() ? " nothing" : unavailable) << '\n';

  // Nothing that can be done is left out.
  std::istringstream list(run({deed("read_secret"), "--list"}).output);
  for (std::string way; std::getline(list, way);) EXPECT_TRUE(documented_ways.contains(way)) << way;
  for (const auto& [way, unused] : direct_ways()) EXPECT_TRUE(documented_ways.contains(way)) << way;
  EXPECT_TRUE(std::filesystem::is_empty(suite_.place.path("scratch")));
}

}  // namespace
}  // namespace shrike::test
