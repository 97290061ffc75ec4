// SPDX-License-Identifier: Apache-2.0
// CloudEvents 1.0, JSON format, structured mode (formats.md 1.8); its data is the alert in Falco's shape.
#include <utility>

#include "outputs/encode/details.h"
#include "outputs/encode/encoders.h"
#include "outputs/encode/json_writer.h"
#include "outputs/encode/text.h"

namespace shrike::outputs {
namespace {

// A path segment of a URI reference.
std::string percent_encoded(std::string_view text) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                            c == '_' || c == '~';
    if (unreserved) {
      out += c;
    } else {
      out += {'%', kHex[byte >> 4U], kHex[byte & 0xfU]};
    }
  }
  return out;
}

class CloudEventsEncoder final : public Encoder {
 public:
  CloudEventsEncoder(EncoderOptions options, HostFacts host) : options_(std::move(options)), host_(std::move(host)) {
    options_.falco.format = Format::kJson;
  }

  std::string encode(const act::Alert& alert) const override {
    static constexpr std::size_t kNanoseconds = 9;
    const Details of(alert, host_);
    JsonWriter json;
    json.text("specversion", "1.0");
    json.text("id", alert.id);
    json.text("source", "/shrike/" + percent_encoded(of.hostname));
    json.text("type", options_.cloudevents_type);
    // An attribute holds no control characters, not even escaped ones.
    json.text("subject", visible(alert.rule));
    json.text("time", utc_text(alert.time_ns, kNanoseconds));
    json.text("datacontenttype", "application/json");
    json.text("severity", of.level.priority);
    json.text("action", of.action());
    json.raw("data", format_alert(alert, options_.falco));
    return json.finish();
  }

 private:
  EncoderOptions options_;
  HostFacts host_;
};

}  // namespace

std::unique_ptr<Encoder> make_cloudevents(const EncoderOptions& options, HostFacts host) {
  return std::make_unique<CloudEventsEncoder>(options, std::move(host));
}

}  // namespace shrike::outputs
