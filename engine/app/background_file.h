// SPDX-License-Identifier: Apache-2.0
// BackgroundFile writes lines to a file from a thread of its own: whoever hands them over never waits for a disk.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "engine/base/handle.h"
#include "engine/base/result.h"

namespace shrike::app {

class BackgroundFile {
 public:
  static constexpr std::size_t kBound = 16U << 20U;  // bytes that may wait for the disk

  // Makes the file, mode 0600. Errors: kSystem, also if there is one of this name.
  static Result<UniqueFd> make(const std::string& path);

  // fd      written to from its beginning on
  // bound   bytes that may wait
  explicit BackgroundFile(UniqueFd fd, std::string name, std::size_t bound = kBound);
  // Ends the thread; what finish() did not wait for may be lost.
  ~BackgroundFile();
  BackgroundFile(const BackgroundFile&) = delete;
  BackgroundFile& operator=(const BackgroundFile&) = delete;

  // A whole line with its end. Where it comes to stand behind lines that are missing, the next one says how many: {"lost": 3,
  // "hook": "recording"}.
  void put(std::string_view line);

  // Has the lines written that are there; does not wait.
  void flush();

  // Waits until all is written that can be, and ends the thread.
  void finish();

  struct Counters {
    std::uint64_t bytes = 0;    // written
    std::uint64_t missing = 0;  // lines that came not into the file: too many waited, or the file took them not
  };
  Counters counters() const;

  // The first error of writing; once.
  std::optional<Error> take_error();

 private:
  static constexpr std::size_t kChunk = 64U << 10U;

  // Lines on their way, and those missing that lines among them tell of.
  struct Waiting {
    std::string text;
    std::uint64_t lines = 0;
    std::uint64_t told = 0;
  };

  void run();
  void tell_missing();
  void write(const Waiting& chunk);

  UniqueFd fd_;
  std::string name_;
  std::size_t bound_;

  mutable std::mutex mutex_;  // of all below but what says otherwise
  std::condition_variable there_is_work_;
  Waiting waiting_;
  bool flush_ = false;
  bool ending_ = false;
  std::uint64_t untold_ = 0;  // missing lines no line has told of yet
  Counters counters_;
  std::optional<Error> error_;
  bool failed_ = false;

  std::uint64_t offset_ = 0;  // the thread's own: behind the last whole line
  bool cut_ = false;          // the thread's own: behind that there is a part of one that could not be taken back
  std::thread thread_;
};

}  // namespace shrike::app
