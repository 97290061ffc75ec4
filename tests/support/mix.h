// SPDX-License-Identifier: Apache-2.0
// Mix is a made-up day of a build server as records, for benchmarks and for tests that want many ordinary events: spawns, a loop
// of opens, connects, a compile, find and tar over documentation, python, git, cron and a web server, interleaved in short bursts
// as a few CPUs do it. What is opened or connected is closed, a few calls later. The same size and seed give the same bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace shrike::test {

class Mix {
 public:
  struct Size {
    std::size_t spawns = 1'500;
    std::size_t connects = 20'000;
    std::size_t opens = 200'000;
    std::size_t units = 400;         // compiled files, about 290 records each
    std::size_t documents = 52'000;  // found and packed
    std::size_t scripts = 300;       // python, about 150 records each
    std::size_t commits = 600;       // git, about 60 records each
  };

  explicit Mix(const Size& size, std::uint32_t seed = 1);

  std::size_t size() const { return places_.size(); }
  std::size_t closes() const { return closes_; }  // of the records
  std::size_t bytes() const { return bytes_.size(); }
  std::span<const std::byte> record(std::size_t i) const { return {bytes_.data() + places_[i].offset, places_[i].size}; }

 private:
  struct Place {
    std::size_t offset = 0;
    std::uint32_t size = 0;
  };
  std::vector<std::byte> bytes_;  // every record 8-aligned, as in the rings
  std::vector<Place> places_;
  std::size_t closes_ = 0;
};

}  // namespace shrike::test
