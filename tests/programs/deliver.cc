// SPDX-License-Identifier: Apache-2.0
// deliver OPTIONS: makes a destination and hands it what comes on standard input, a JSON message per line, in batches as it takes
// them, again and again until all is delivered, rejected, or `seconds` are over. A JSON line per message says what became of it,
// the last line what it took. OPTIONS is JSON: {"kind": "syslog|journald|file|program", …} with the names of outputs/options.h.
#include <nlohmann/json.hpp>

#include <chrono>
#include <csignal>
#include <iostream>
#include <thread>

#include "outputs/file.h"
#include "outputs/journald.h"
#include "outputs/program.h"
#include "outputs/syslog.h"

using namespace shrike;
using namespace shrike::outputs;
using nlohmann::json;

namespace {

TlsOptions tls_of(const json& o) {
  TlsOptions tls;
  tls.enabled = o.value("tls", false);
  tls.ca_file = o.value("ca_file", "");
  tls.cert_file = o.value("cert_file", "");
  tls.key_file = o.value("key_file", "");
  tls.server_name = o.value("server_name", "");
  return tls;
}

Result<std::unique_ptr<Destination>> make(const json& o) {
  const std::string kind = o.at("kind");
  if (kind == "file") {
    FileOptions file;
    file.path = o.value("path", "");
    file.rotate_bytes = o.value("rotate_bytes", std::uint64_t{0});
    file.rotate_every = std::chrono::seconds(o.value("rotate_every", 0));
    file.keep = o.value("keep", 5U);
    file.compress = o.value("compress", false);
    return make_file(file);
  }
  if (kind == "program") return make_program({o.at("command").get<std::vector<std::string>>()});
  if (kind == "journald") return make_journald({.path = o.at("path")});
  SyslogOptions syslog;
  const std::string transport = o.at("transport");
  syslog.transport = transport == "unix"  ? SyslogTransport::kUnix
                     : transport == "udp" ? SyslogTransport::kUdp
                                          : SyslogTransport::kTcp;
  syslog.path = o.value("path", "");
  syslog.host = o.value("host", "127.0.0.1");
  syslog.port = o.value("port", std::uint16_t{0});
  syslog.format = o.value("bsd", false) ? SyslogFormat::kRfc3164 : SyslogFormat::kRfc5424;
  syslog.framing = o.value("lines", false) ? SyslogFraming::kLine : SyslogFraming::kOctetCounted;
  syslog.tls = tls_of(o);
  syslog.max_bytes = o.value("max_bytes", 8192U);
  syslog.timeout = std::chrono::milliseconds(o.value("timeout_ms", 10'000));
  return make_syslog(syslog, o.value("structured", false));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  std::signal(SIGPIPE, SIG_IGN);
  const json options = json::parse(argv[1]);
  auto made = make(options);
  if (!made) {
    std::cerr << json{{"error", made.error().message}} << '\n';
    return 3;
  }
  Destination& to = **made;
  std::vector<Message> all;
  for (std::string line; std::getline(std::cin, line);) {
    const json m = json::parse(line);
    all.push_back({m.at("id"), m.value("time_ns", std::uint64_t{1'793'613'600'123'456'789}), m.value("priority", std::uint8_t{2}),
                   m.value("rule", "A rule"), "syscall", "node1.example", "host", m.at("body")});
  }
  const auto begin = std::chrono::steady_clock::now();
  const auto end = begin + std::chrono::milliseconds(static_cast<long>(options.value("seconds", 20.0) * 1000));
  const std::size_t most = options.value("batch", std::size_t{1'000'000});
  std::size_t next = 0;
  std::size_t tries = 0;
  while (next < all.size()) {
    std::size_t count = 0;
    std::size_t bytes = 0;
    while (next + count < all.size() && count < std::min(most, to.limits().messages)) {
      bytes += all[next + count].body.size();
      if (count > 0 && bytes > to.limits().bytes) break;
      ++count;
    }
    const auto delivery = to.deliver(std::span(all).subspan(next, count), {});
    ++tries;
    if (delivery.outcomes.size() != count) return 4;
    // In order, as the sink does: those that are done at the front go.
    std::size_t done = 0;
    std::string why;
    for (; done < count && delivery.outcomes[done].fate != Fate::kRetry; ++done) {
      const auto& outcome = delivery.outcomes[done];
      std::cerr << json{{"id", all[next + done].id},
                        {"fate", outcome.fate == Fate::kDelivered ? "delivered" : "rejected"},
                        {"reason", outcome.reason}}
                << '\n';
    }
    next += done;
    if (done == count) {
      if (const int pause = options.value("pause_ms", 0); pause > 0)
        std::this_thread::sleep_for(std::chrono::milliseconds(pause));
      continue;
    }
    std::cerr << json{{"retry", delivery.outcomes[done].reason}} << std::endl;
    if (std::chrono::steady_clock::now() >= end) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  // Once more, with nothing: the connection is looked after, as an idle sink does.
  if (options.value("linger_ms", 0) > 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(options.value("linger_ms", 0)));
    (void)to.deliver({}, {});
  }
  std::cerr
      << json{{"done", next}, {"of", all.size()}, {"tries", tries}, {"seconds", took.count()}, {"truncated", to.truncated()}}
      << std::endl;
  return next == all.size() ? 0 : 1;
}
