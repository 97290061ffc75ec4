// SPDX-License-Identifier: Apache-2.0
// What the spool costs: messages of one size are appended, read and acknowledged. Prints figures, judges nothing.
//
//   spool_bench [--messages N] [--size BYTES] [--directory DIR] [--sync]     --sync: fdatasync after every 1,000 messages
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/base/clock.h"
#include "outputs/spool.h"

int main(int argc, char** argv) {
  using namespace shrike;
  std::uint64_t count = 200'000, size = 800;
  std::string directory = "/tmp/shrike-spool-bench." + std::to_string(getpid());
  bool sync = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--sync") {
      sync = true;
    } else if (i + 1 < argc && argument == "--messages") {
      count = std::strtoull(argv[++i], nullptr, 10);
    } else if (i + 1 < argc && argument == "--size") {
      size = std::strtoull(argv[++i], nullptr, 10);
    } else if (i + 1 < argc && argument == "--directory") {
      directory = argv[++i];
    } else {
      std::fprintf(stderr, "usage: spool_bench [--messages N] [--size BYTES] [--directory DIR] [--sync]\n");
      return 2;
    }
  }
  if (count == 0 || std::filesystem::exists(directory)) {
    std::fprintf(stderr, "spool_bench: no messages, or %s exists\n", directory.c_str());
    return 2;
  }
  const auto now = [] { return read_clock_ns(CLOCK_MONOTONIC); };
  const auto rate = [&](std::uint64_t from) { return static_cast<double>(count) * 1e9 / static_cast<double>(now() - from); };
  outputs::SpoolOptions options{.directory = directory, .max_bytes = 2 * count * (size + 4096)};
  int code = 0;
  if (auto spool = outputs::Spool::open(options, wall_time_ns())) {
    outputs::Message message{.id = "0193a1b2-0000-7000-8000-000000000000",
                             .time_ns = 1,
                             .priority = 4,
                             .rule = "Terminal shell in container",
                             .source = "syscall",
                             .host = "host",
                             .subject = "0123456789ab",
                             .body = std::string(size, 'x')};
    std::vector<std::uint64_t> took(count);
    const std::uint64_t begin = now();
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t before = now();
      if (!(*spool)->append(message, wall_time_ns())) code = 3;
      took[i] = now() - before;
      if (sync && i % 1000 == 999) {
        for (const UniqueFd& fd : (*spool)->take_unsynced()) fdatasync(fd.get());
      }
    }
    std::printf("append:            %10.0f messages/s", rate(begin));
    std::ranges::sort(took);
    std::printf("   p50 %.1f us  p99 %.1f us  most %.0f us\n", static_cast<double>(took[count / 2]) / 1e3,
                static_cast<double>(took[count * 99 / 100]) / 1e3, static_cast<double>(took.back()) / 1e3);
    spool->reset();
    const std::uint64_t reopened = now();
    spool = outputs::Spool::open(options, wall_time_ns());
    std::printf("open:              %10.0f messages/s\n", rate(reopened));
    for (const std::size_t batch : {std::size_t{1}, std::size_t{100}}) {
      const std::uint64_t half = count / 2;
      const std::uint64_t reading = now();
      for (std::uint64_t done = 0; done < half;) {
        std::vector<outputs::Spool::Position> positions;
        for (const auto& entry : (*spool)->read(batch, std::size_t{1} << 20U)) positions.push_back(entry.position);
        if (positions.empty()) break;
        (*spool)->acknowledge(positions);
        done += positions.size();
      }
      std::printf("read, acknowledge: %10.0f messages/s   in batches of %zu\n", rate(reading) / 2, batch);
    }
  } else {
    std::fprintf(stderr, "spool_bench: %s\n", spool.error().message.c_str());
    code = 3;
  }
  std::filesystem::remove_all(directory);
  return code;
}
