// SPDX-License-Identifier: Apache-2.0
// One stream of Loki's push API with one line, the alert in Falco's shape. Labels have few values: never one an event brings.
#include <utility>

#include "outputs/encode/details.h"
#include "outputs/encode/encoders.h"
#include "outputs/encode/json_writer.h"
#include "outputs/encode/text.h"

namespace shrike::outputs {
namespace {

class LokiEncoder final : public Encoder {
 public:
  LokiEncoder(FormatOptions options, HostFacts host) : options_(options), host_(std::move(host)) {
    options_.format = Format::kJson;
  }

  std::string encode(const act::Alert& alert) const override {
    const Details of(alert, host_);
    JsonWriter json;
    json.object("stream");
    json.text("service_name", "shrike");
    json.text("host", of.hostname);
    json.text("source", alert.source);
    json.text("priority", of.level.priority);
    json.text("rule", alert.rule);
    json.end();
    json.array("values");
    json.array({});
    json.item(std::to_string(alert.time_ns));
    json.item(format_alert(alert, options_));
    return json.finish();
  }

 private:
  FormatOptions options_;
  HostFacts host_;
};

}  // namespace

std::unique_ptr<Encoder> make_loki(const EncoderOptions& options, HostFacts host) {
  return std::make_unique<LokiEncoder>(options.falco, std::move(host));
}

}  // namespace shrike::outputs
