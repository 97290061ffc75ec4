// SPDX-License-Identifier: Apache-2.0
// Runs a deed under our programs in this kernel, and keeps what was recorded of it.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <cstddef>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/abi/event.h"
#include "engine/kernel/loader.h"
#include "engine/kernel/ring_source.h"

namespace shrike::test {

// A copy of one record.
class Record {
 public:
  explicit Record(std::span<const std::byte> bytes) : bytes_(bytes.begin(), bytes.end()) {}

  const event_header& header() const { return as<event_header>(); }

  template <class T>
  const T& as() const {
    return *reinterpret_cast<const T*>(bytes_.data());  // vector's memory is aligned for any of them
  }

  // A blob's bytes; "<outside>" if it leaves the record.
  std::string_view text(const blob& where) const;

 private:
  std::vector<std::byte> bytes_;
};

// What came of one run.
struct Deed {
  pid_t pid = 0;
  int exit_code = -1;
  std::string output;
  std::vector<Record> records;  // of this process, in order

  // The only record that `matches`; the test fails if there is none, or more.
  template <class T>
  const Record* only(event_kind kind, const std::function<bool(const Record&, const T&)>& matches) const {
    const Record* found = nullptr;
    for (const Record& record : records) {
      if (record.header().kind != kind || !matches(record, record.as<T>())) continue;
      if (found != nullptr) ADD_FAILURE() << "more than one such record";
      found = &record;
    }
    if (found == nullptr) ADD_FAILURE() << "no such record among " << records.size();
    return found;
  }
};

// Every test gets programs, rings and a directory of its own.
class KernelTest : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;
  // SetUp without programs, for tests that load others.
  void prepare();

  // As they are, or as for a kernel before 6.2 if the environment says so (test kernel.without_casts).
  static kernel::Loader::Options without_casts(kernel::Loader::Options options);

  // All calls told with their parameters, failed exec too.
  static kernel::CapturePlan everything();
  void load(const kernel::Loader::Options& options, const kernel::CapturePlan& plan);

  // Runs deed_NAME, with `before` called in the child first, and waits until its exit was recorded.
  Deed run(const std::string& name, const std::vector<std::string>& arguments = {}, const std::function<void()>& before = {});

  // What has been recorded of all processes and not been taken by run(); for processes a deed started.
  std::vector<Record> others() const { return others_; }

  std::string path(const std::string& name) const { return (directory_ / name).string(); }

  std::filesystem::path directory_;
  std::unique_ptr<kernel::Loader> loader_;
  std::unique_ptr<kernel::RingSource> source_;

 private:
  std::vector<Record> others_;
};

}  // namespace shrike::test
