// SPDX-License-Identifier: Apache-2.0
#include "engine/app/sinks.h"

#include <sys/utsname.h>

#include <fstream>
#include <string>
#include <thread>
#include <utility>

#include "engine/app/host_name.h"
#include "engine/app/privilege.h"
#include "outputs/file.h"
#include "outputs/http/http.h"
#include "outputs/journald.h"
#include "outputs/kafka.h"
#include "outputs/program.h"
#include "outputs/syslog.h"

namespace shrike::app {
namespace {

std::string first_line(const char* path) {
  std::string line;
  std::getline(std::ifstream(path), line);
  return line;
}

outputs::HostFacts host_facts() {
  utsname system{};
  uname(&system);
  return {.name = host_name(),
          .machine_id = first_line("/etc/machine-id"),
          .boot_id = first_line("/proc/sys/kernel/random/boot_id"),
          .kernel = system.release};
}

bool is_engines_own(const SinkConfig& sink) { return sink.sink.name == "stdout_output" || sink.sink.name == "file_output"; }

// Runs `make` on a thread that gives up what sinks need not, so that the threads it starts have not got it either.
Result<void> without_privileges(bool programs, const std::function<Result<void>()>& make) {
  Result<void> result;
  std::thread([&] {
    result = keep_capabilities({});
    if (result && !programs) result = restrict_calls(false);
    if (result) result = make();
  }).join();
  return result;
}

Result<std::unique_ptr<outputs::Sink>> make_sink(const SinkConfig& config, bool json, const outputs::FormatOptions& format,
                                                 const outputs::HostFacts& host) {
  const outputs::Encoding encoding = encoding_of(config, json);
  auto destination = make_destination(config, encoding);
  if (!destination) return fail(destination.error().code, "output " + config.sink.name + ": " + destination.error().message);
  outputs::EncoderOptions options = config.encoder;
  options.falco = format;
  return std::make_unique<outputs::Sink>(
      outputs::Sink::Parts{.options = config.sink,
                           .encoder = outputs::make_encoder(encoding, std::move(options), host),
                           .destination = *std::move(destination)});
}

}  // namespace

Result<std::unique_ptr<outputs::Destination>> make_destination(const SinkConfig& sink, outputs::Encoding encoding) {
  switch (sink.type) {
    case SinkType::kStdout:
    case SinkType::kFile:
      return outputs::make_file(sink.file);
    case SinkType::kSyslog:
      return outputs::make_syslog(sink.syslog, encoding == outputs::Encoding::kRfc5424);
    case SinkType::kJournald:
      return outputs::make_journald({});
    case SinkType::kProgram:
      return outputs::make_program(sink.program);
    case SinkType::kKafka:
      return outputs::make_kafka(sink.kafka);
    case SinkType::kWebhook:
    case SinkType::kSplunk:
    case SinkType::kElasticsearch:
    case SinkType::kLoki:
    case SinkType::kOtlp:
    case SinkType::kAlertmanager:
    case SinkType::kCloudEvents:
      return outputs::make_http(sink.http);
    case SinkType::kCount:
      break;
  }
  return fail(Code::kInvalid, "no such type");
}

Result<std::unique_ptr<outputs::FanOut>> make_sinks(const Config& config, bool json, const outputs::FormatOptions& format) {
  const outputs::HostFacts host = host_facts();
  std::vector<std::unique_ptr<outputs::Sink>> sinks;
  for (const bool programs : {false, true}) {
    const auto make = [&]() -> Result<void> {
      for (const SinkConfig& one : all_sinks(config)) {
        if (is_engines_own(one) || (one.type == SinkType::kProgram) != programs) continue;
        sinks.push_back(TRY(make_sink(one, json, format, host)));
      }
      return {};
    };
    TRY(without_privileges(programs, make));
  }
  return std::make_unique<outputs::FanOut>(std::move(sinks));
}

bool wants_facts(const Config& config, bool json) {
  for (const SinkConfig& one : all_sinks(config)) {
    const outputs::Encoding encoding = encoding_of(one, json);
    if (encoding != outputs::Encoding::kFalcoJson && encoding != outputs::Encoding::kText) return true;
  }
  return false;
}

}  // namespace shrike::app
