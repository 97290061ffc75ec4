// SPDX-License-Identifier: Apache-2.0
#include "outputs/encode/encoder.h"

#include <array>
#include <utility>

namespace shrike::outputs {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(Encoding::kCount)> kSpellings = {
    "json", "text", "ecs", "ocsf", "cef", "leef", "rfc5424", "splunk", "cloudevents", "otlp", "loki", "alertmanager"};

class FalcoEncoder final : public Encoder {
 public:
  explicit FalcoEncoder(FormatOptions options) : options_(options) {}
  std::string encode(const act::Alert& alert) const override { return format_alert(alert, options_); }

 private:
  FormatOptions options_;
};

}  // namespace

std::string_view spelling(Encoding encoding) { return kSpellings[static_cast<std::size_t>(encoding)]; }

std::optional<Encoding> parse_encoding(std::string_view spelling) {
  for (std::size_t i = 0; i < kSpellings.size(); ++i) {
    if (kSpellings[i] == spelling) return static_cast<Encoding>(i);
  }
  return std::nullopt;
}

std::unique_ptr<Encoder> make_encoder(Encoding encoding, EncoderOptions options, HostFacts /*host*/) {
  options.falco.format = encoding == Encoding::kText ? Format::kText : Format::kJson;
  return std::make_unique<FalcoEncoder>(options.falco);
}

}  // namespace shrike::outputs
