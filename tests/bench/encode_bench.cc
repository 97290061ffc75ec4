// SPDX-License-Identifier: Apache-2.0
// What an encoding costs: alerts a second on one thread and bytes a record, of the alerts in tests/golden/encodings. Prints
// figures, judges nothing.
//
//   encode_bench [SECONDS_EACH]
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>
#include <vector>

#include "engine/act/facts.h"
#include "outputs/encode/encoder.h"
#include "tests/support/alert_json.h"
#include "tests/support/world.h"

namespace {

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// How often a second `work` can be done.
template <class Work>
double rate(double seconds, Work work) {
  const double begin = cpu_seconds();
  std::size_t done = 0;
  double now = begin;
  while (now - begin < seconds) {
    for (int i = 0; i < 50; ++i) work();
    done += 50;
    now = cpu_seconds();
  }
  return static_cast<double>(done) / (now - begin);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace shrike;
  const double seconds = argc > 1 ? std::atof(argv[1]) : 0.5;
  std::vector<act::Alert> alerts;
  std::ifstream file(SHRIKE_SOURCE_DIR "/tests/golden/encodings/alerts.jsonl");
  for (std::string line; std::getline(file, line);) alerts.push_back(test::parse_alert(line));
  if (alerts.empty()) return 1;
  std::printf("%-14s %12s %14s\n", "encoding", "alerts/s", "bytes/alert");
  for (std::size_t i = 0; i < static_cast<std::size_t>(outputs::Encoding::kCount); ++i) {
    const auto encoding = static_cast<outputs::Encoding>(i);
    const auto encoder = outputs::make_encoder(encoding, {}, test::alert_host());
    std::size_t next = 0, bytes = 0, count = 0;
    const double per_second = rate(seconds, [&] {
      bytes += encoder->encode(alerts[next]).size();
      next = (next + 1) % alerts.size();
      ++count;
    });
    std::printf("%-14s %12.0f %14zu\n", std::string(outputs::spelling(encoding)).c_str(), per_second, bytes / count);
  }
  test::World world;
  const event::Event event = world.exec(world.process(7, "sh", {"sh", "-c", "a b"}, nullptr, "/bin/sh"));
  std::size_t facts = 0;
  const double per_second = rate(seconds, [&] { facts += act::facts_of(event, world.context).size(); });
  std::printf("%-14s %12.0f %14s  (engine thread, per alert)\n", "facts_of", per_second, "-");
  return facts == 0 ? 1 : 0;
}
